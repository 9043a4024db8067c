"""
Clients that go on saying the same.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.threadpool import ThreadPool

from tests.auth.htpasswd.kit import HERE, Kit, line, memory, write
from tests.auth.test_basic import basic
from txregistry.auth.attempts import Attempts
from txregistry.auth.htpasswd.checking import Passwords
from txregistry.auth.htpasswd.controller import HtpasswdAccess
from txregistry.auth.htpasswd.entries import Entries
from txregistry.auth.htpasswd.recognised import UNANSWERED, Recognised
from txregistry.auth.htpasswd.watching import FRESH
from txregistry.errors import TooManyRequests, Unauthorized
from txregistry.interfaces import Grant
from txregistry.model.access import Credentials

THERE = "198.51.100.1"
FILE = Entries({"joe": b"his", "ann": b"hers"})
JOE = Grant("joe")


class RecognisedTests:
    """
    Whom it recognises.
    """

    def test_same(self) -> None:
        """
        Who says the same at the same address, while his password is the same, for a while.
        """
        clock = Clock()
        recognised = Recognised(clock.seconds)
        recognised.remember("said", HERE, FILE, 10.0, JOE)
        assert recognised.grant("said", HERE, FILE) is JOE
        assert recognised.grant("Said", HERE, FILE) is None
        assert recognised.grant("said", THERE, FILE) is None
        assert recognised.grant("said", HERE, Entries()) is None
        assert recognised.grant("said", HERE, Entries({"joe": b"hers", "ann": b"his"})) is None
        assert recognised.grant("said", HERE, Entries({"joe": b"his"})) is JOE
        clock.advance(10.0)
        assert recognised.grant("said", HERE, FILE) is None

    def test_unanswered(self) -> None:
        """
        Where too many tries came to nothing the user is asked again; elsewhere nobody is, nor are
        others there.
        """
        recognised = Recognised(Clock().seconds)
        recognised.remember("joe", HERE, FILE, 10.0, JOE)
        recognised.remember("joe", THERE, FILE, 10.0, JOE)
        recognised.remember("ann", HERE, FILE, 10.0, Grant("ann"))
        for _ in range(UNANSWERED - 1):
            recognised.trying("joe", HERE)
        assert recognised.grant("joe", HERE, FILE) is JOE
        recognised.trying("joe", HERE)
        assert recognised.grant("joe", HERE, FILE) is None
        assert recognised.grant("joe", THERE, FILE) is JOE
        assert recognised.grant("ann", HERE, FILE) is not None
        recognised.remember("joe", HERE, FILE, 10.0, JOE)
        assert recognised.grant("joe", HERE, FILE) is JOE

    def test_answered(self) -> None:
        """
        A try that was found to be wrong is counted elsewhere, however many there are.
        """
        recognised = Recognised(Clock().seconds)
        recognised.answered("joe", HERE)
        recognised.remember("joe", HERE, FILE, 10.0, JOE)
        recognised.answered("joe", HERE)
        for _ in range(3 * UNANSWERED):
            recognised.trying("joe", HERE)
            recognised.answered("joe", HERE)
        for _ in range(UNANSWERED - 1):
            recognised.trying("joe", HERE)
        assert recognised.grant("joe", HERE, FILE) is JOE


class OracleTests:
    """
    Who may not try any more learns nothing, though the right password is remembered.
    """

    @pytest.fixture
    def kit(self, tmp_path: Path) -> Kit:
        """A file with two users."""
        return Kit(tmp_path / "htpasswd")

    @pytest.fixture
    def controller(self, kit: Kit) -> HtpasswdAccess:
        """One that slows down who guesses."""
        write(kit.path, line("joe", "secret") + line("ann", "secret"))
        seconds = kit.clock.seconds
        attempts = Attempts(kit.clock, memory(seconds), seconds)
        passwords = Passwords(kit.file(), kit.threads, 1, attempts, seconds)
        return HtpasswdAccess("a", passwords, Recognised(seconds), ThreadPool(0, 1))

    async def ask(
        self, kit: Kit, controller: HtpasswdAccess, pair: str, address: str, proxy: str = ""
    ) -> int:
        """:return: the status of the answer, with as much patience as it takes."""
        asking = controller.authorize(Credentials(basic(pair.encode()), address, proxy=proxy), [])
        while not asking.called:
            kit.clock.advance(0.25)
        return await self.answer(asking)

    async def answer(self, asking: Deferred[Grant]) -> int:
        """:return: the status of the answer, as it is now; 0 where a wait is given up."""
        try:
            asking.cancel()
            await asking
        except Unauthorized:
            return 401
        except TooManyRequests:
            return 429
        except CancelledError:
            return 0
        return 200

    async def test_elsewhere(self, kit: Kit, controller: HtpasswdAccess) -> None:
        """
        At another address the right password is refused as the wrong ones are.
        """
        assert await self.ask(kit, controller, "joe:secret", HERE) == 200
        guesses = [await self.ask(kit, controller, f"joe:{number}", THERE) for number in range(20)]
        assert guesses[-1] == 429
        assert await self.ask(kit, controller, "joe:secret", THERE) == 429
        assert await controller.verify("joe", "secret", HERE)
        with pytest.raises(TooManyRequests):
            await controller.verify("joe", "secret", THERE)
        assert await self.ask(kit, controller, "joe:secret", HERE) == 200

    async def test_claimed(self, kit: Kit, controller: HtpasswdAccess) -> None:
        """
        Who lies about his address behind one proxy keeps nobody out who has that address behind
        another, or without any; there is nothing to learn for him.
        """
        theirs = [Credentials(basic(b"joe:secret"), HERE, proxy="10.0.0.1")]
        theirs.append(Credentials(basic(b"joe:secret"), HERE))
        for credentials in theirs:
            await controller.authorize(credentials, [])
        lies = [
            await self.ask(kit, controller, f"joe:{number}", HERE, "10.0.0.2")
            for number in range(UNANSWERED + 20)
        ]
        assert lies[-1] == 429
        assert await self.ask(kit, controller, "joe:secret", HERE, "10.0.0.2") == 429
        with pytest.raises(TooManyRequests):
            await controller.verify("joe", "secret", HERE, "10.0.0.2")
        kit.clock.advance(FRESH)
        for credentials in theirs:
            assert (await controller.authorize(credentials, [])).actor == "joe"

    async def test_looked_again(self, kit: Kit, controller: HtpasswdAccess) -> None:
        """
        Who is recognised is so after another look at the file, whoever guesses beside him.
        """
        assert await self.ask(kit, controller, "joe:secret", HERE) == 200
        for number in range(20):
            await self.ask(kit, controller, f"joe:{number}", HERE)
        kit.clock.advance(FRESH)
        assert await self.ask(kit, controller, "joe:secret", HERE) == 200

    async def test_others_change(self, kit: Kit, controller: HtpasswdAccess) -> None:
        """
        Who is recognised is so when others are put into the file or taken out, whoever guesses
        beside him; and no more when it is he.
        """
        assert await self.ask(kit, controller, "joe:secret", HERE) == 200
        for number in range(20):
            await self.ask(kit, controller, f"joe:{number}", HERE)
        joe = next(each for each in kit.path.read_bytes().splitlines() if each[:4] == b"joe:")
        for data, taken in ((joe + b"\n" + line("jim", "secret"), True), (line("joe", "x"), False)):
            write(kit.path, data)
            kit.clock.advance(FRESH)
            assert (await self.ask(kit, controller, "joe:secret", HERE) == 200) is taken

    async def test_same_address(self, kit: Kit, controller: HtpasswdAccess) -> None:
        """
        At the user's own address some guesses are free, and no more; others there are not touched.
        """
        for user in ("joe", "ann"):
            assert await self.ask(kit, controller, f"{user}:secret", HERE) == 200
        for number in range(20):
            await self.ask(kit, controller, f"joe:{number}", HERE)
        assert await self.ask(kit, controller, "joe:secret", HERE) == 200
        for number in range(UNANSWERED):
            assert await self.ask(kit, controller, f"joe:other{number}", HERE) == 429
        assert await self.ask(kit, controller, "joe:secret", HERE) == 429
        assert await self.ask(kit, controller, "ann:secret", HERE) == 200

    async def test_giving_up(self, kit: Kit, controller: HtpasswdAccess) -> None:
        """
        Who doesn't wait for an answer, since the right password needs none, has as few guesses.
        """
        assert await self.ask(kit, controller, "joe:secret", HERE) == 200
        told = []
        for number in range(100):
            guess = Credentials(basic(b"joe:%d" % number), HERE)
            told.append(await self.answer(controller.authorize(guess, [])))
        assert set(told) == {401, 0}
        right = Credentials(basic(b"joe:secret"), HERE)
        assert await self.answer(controller.authorize(right, [])) == 0

    async def test_many_at_once(self, kit: Kit, controller: HtpasswdAccess) -> None:
        """
        So has who tries many at once, before any of them is answered.
        """
        assert await self.ask(kit, controller, "joe:secret", HERE) == 200
        guesses = [
            controller.authorize(Credentials(basic(b"joe:%d" % number), HERE), [])
            for number in range(2 * UNANSWERED)
        ]
        right = controller.authorize(Credentials(basic(b"joe:secret"), HERE), [])
        assert not right.called
        kit.clock.pump([0.25] * 40)
        assert [await self.answer(guess) for guess in guesses].count(401) < 10
        assert await self.answer(right) == 429
