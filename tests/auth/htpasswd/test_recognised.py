"""
Clients that go on saying the same.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.python.threadpool import ThreadPool

from tests.auth.htpasswd.kit import HERE, Kit, line, memory, write
from tests.auth.test_basic import basic
from txregistry.auth.attempts import Attempts
from txregistry.auth.htpasswd.checking import Passwords
from txregistry.auth.htpasswd.controller import HtpasswdAccess
from txregistry.auth.htpasswd.entries import Entries
from txregistry.auth.htpasswd.recognised import REFUSALS, Recognised
from txregistry.auth.htpasswd.watching import FRESH
from txregistry.errors import TooManyRequests, Unauthorized
from txregistry.interfaces import Grant
from txregistry.model.access import Credentials

THERE = "198.51.100.1"
FILE = Entries()
JOE = Grant("joe")


class RecognisedTests:
    """
    Whom it recognises.
    """

    def test_same(self) -> None:
        """
        Who says the same at the same address, while the file is the same, for a while.
        """
        clock = Clock()
        recognised = Recognised(clock.seconds)
        recognised.remember("said", HERE, FILE, 10.0, JOE)
        assert recognised.grant("said", HERE, FILE) is JOE
        assert recognised.grant("Said", HERE, FILE) is None
        assert recognised.grant("said", THERE, FILE) is None
        assert recognised.grant("said", HERE, Entries()) is None
        clock.advance(10.0)
        assert recognised.grant("said", HERE, FILE) is None

    def test_refused(self) -> None:
        """
        Where too many tries were refused the user is asked again; elsewhere, and others, are not.
        """
        recognised = Recognised(Clock().seconds)
        recognised.remember("joe", HERE, FILE, 10.0, JOE)
        recognised.remember("joe", THERE, FILE, 10.0, JOE)
        recognised.remember("ann", HERE, FILE, 10.0, Grant("ann"))
        for _ in range(REFUSALS - 1):
            recognised.refused("joe", HERE)
        assert recognised.grant("joe", HERE, FILE) is JOE
        recognised.refused("joe", HERE)
        assert recognised.grant("joe", HERE, FILE) is None
        assert recognised.grant("joe", THERE, FILE) is JOE
        assert recognised.grant("ann", HERE, FILE) is not None
        recognised.remember("joe", HERE, FILE, 10.0, JOE)
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

    async def ask(self, controller: HtpasswdAccess, pair: str, address: str) -> int:
        """:return: the status of the answer; a wait is given up."""
        return await self.answer(controller, Credentials(basic(pair.encode()), address))

    async def answer(self, controller: HtpasswdAccess, credentials: Credentials) -> int:
        """:return: the same, for anything that somebody presents."""
        try:
            asking = controller.authorize(credentials, [])
            asking.cancel()
            await asking
        except Unauthorized:
            return 401
        except TooManyRequests:
            return 429
        except Exception:  # noqa: BLE001 - it was cancelled: it had to wait
            return 0
        return 200

    async def test_elsewhere(self, controller: HtpasswdAccess) -> None:
        """
        At another address the right password is refused as the wrong ones are.
        """
        assert await self.ask(controller, "joe:secret", HERE) == 200
        guesses = [await self.ask(controller, f"joe:{number}", THERE) for number in range(20)]
        assert guesses[-1] == 429
        assert await self.ask(controller, "joe:secret", THERE) == 429
        assert await controller.verify("joe", "secret", HERE)
        with pytest.raises(TooManyRequests):
            await controller.verify("joe", "secret", THERE)
        assert await self.ask(controller, "joe:secret", HERE) == 200

    async def test_claimed(self, kit: Kit, controller: HtpasswdAccess) -> None:
        """
        Who lies about his address behind one proxy keeps nobody out who has that address behind
        another, or without any; there is nothing to learn for him.
        """
        theirs, lies = [Credentials(basic(b"joe:secret"), HERE, proxy="10.0.0.1")], []
        theirs.append(Credentials(basic(b"joe:secret"), HERE))
        for credentials in theirs:
            await controller.authorize(credentials, [])
        for number in range(REFUSALS + 20):
            guess = basic(b"joe:%d" % number)
            lies.append(await self.answer(controller, Credentials(guess, HERE, proxy="10.0.0.2")))
        assert lies[-1] == 429
        told = Credentials(basic(b"joe:secret"), HERE, proxy="10.0.0.2")
        assert await self.answer(controller, told) == 429
        with pytest.raises(TooManyRequests):
            await controller.verify("joe", "secret", HERE, "10.0.0.2")
        kit.clock.advance(FRESH)
        for credentials in theirs:
            assert (await controller.authorize(credentials, [])).actor == "joe"

    async def test_looked_again(self, kit: Kit, controller: HtpasswdAccess) -> None:
        """
        Who is recognised is so after another look at the file, whoever guesses beside him.
        """
        assert await self.ask(controller, "joe:secret", HERE) == 200
        for number in range(20):
            await self.ask(controller, f"joe:{number}", HERE)
        kit.clock.advance(FRESH)
        assert await self.ask(controller, "joe:secret", HERE) == 200

    async def test_same_address(self, controller: HtpasswdAccess) -> None:
        """
        At the user's own address some guesses are free, and no more; others there are not touched.
        """
        for user in ("joe", "ann"):
            assert await self.ask(controller, f"{user}:secret", HERE) == 200
        for number in range(20):
            await self.ask(controller, f"joe:{number}", HERE)
        assert await self.ask(controller, "joe:secret", HERE) == 200
        for number in range(REFUSALS):
            assert await self.ask(controller, f"joe:other{number}", HERE) == 429
        assert await self.ask(controller, "joe:secret", HERE) == 429
        assert await self.ask(controller, "ann:secret", HERE) == 200
