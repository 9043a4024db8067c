"""
Passwords are checked.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.auth.htpasswd.kit import HERE, JOE, Kit, is_right_now, line, write
from txregistry.auth.basic import BasicCredentials
from txregistry.auth.htpasswd.outcomes import LIFETIME
from txregistry.auth.htpasswd.watching import FRESH
from txregistry.deferreds import started
from txregistry.errors import TooManyRequests, Unavailable

WRONG = BasicCredentials("joe", b"wrong")
NOBODY = BasicCredentials("nobody", b"secret")


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    """A file with Joe in it."""
    made = Kit(tmp_path / "htpasswd")
    write(made.path, line("joe", "secret"))
    return made


class OnceTests:
    """
    How often something is checked.
    """

    async def test_right(self, kit: Kit) -> None:
        """
        A hundred right passwords cost one check.
        """
        passwords = kit.passwords()
        for _ in range(100):
            assert await is_right_now(passwords, JOE)
        assert kit.threads.checked == [b"secret"]
        assert kit.attempts.told == [f"admit joe {HERE}", f"succeeded joe {HERE}"] * 100

    async def test_at_once(self, kit: Kit) -> None:
        """
        So do a hundred that come at once.
        """
        passwords = kit.passwords()
        kit.threads.held = []
        outcomes = [started(is_right_now(passwords, JOE)) for _ in range(100)]
        assert len(kit.threads.checked) == 1
        kit.threads.release()
        assert [await outcome for outcome in outcomes] == [True] * 100
        assert len(kit.threads.checked) == 1

    @pytest.mark.parametrize("credentials", [WRONG, NOBODY])
    async def test_wrong(self, kit: Kit, credentials: BasicCredentials) -> None:
        """
        The same wrong password is one attempt, however often it comes; so is that of nobody.
        """
        passwords = kit.passwords()
        for _ in range(100):
            assert not await is_right_now(passwords, credentials)
        assert len(kit.threads.checked) == 1
        assert kit.attempts.told.count(f"admit {credentials.user} {HERE}") == 100
        assert kit.attempts.told.count(f"failed {credentials.user} {HERE}") == 1
        assert kit.attempts.told.count(f"withdrawn {credentials.user} {HERE}") == 99

    async def test_forgotten(self, kit: Kit) -> None:
        """
        After a while it is checked again.
        """
        passwords = kit.passwords()
        await is_right_now(passwords, JOE)
        kit.clock.advance(LIFETIME)
        assert await is_right_now(passwords, JOE)
        assert len(kit.threads.checked) == 2

    async def test_long(self, kit: Kit) -> None:
        """
        Two passwords that bcrypt can't tell apart are two that are checked, not one that is known.
        """
        write(kit.path, line("joe", "x" * 72))
        passwords = kit.passwords()
        one, other = (BasicCredentials("joe", b"x" * 72 + tail) for tail in (b"a", b"b"))
        assert await is_right_now(passwords, one)
        await is_right_now(passwords, other)
        assert len(kit.threads.checked) == 2


class ChangeTests:
    """
    When the file changes.
    """

    async def test_removed(self, kit: Kit) -> None:
        """
        A user who is taken out is out a moment later.
        """
        passwords = kit.passwords()
        await is_right_now(passwords, JOE)
        write(kit.path, b"")
        kit.clock.advance(FRESH)
        assert not await is_right_now(passwords, JOE)

    async def test_new_password(self, kit: Kit) -> None:
        """
        Another password holds at once, and the old one a moment longer at most.
        """
        passwords = kit.passwords()
        new = BasicCredentials("joe", b"new")
        assert await is_right_now(passwords, JOE)
        assert not await is_right_now(passwords, new)
        write(kit.path, line("joe", "new"))
        assert await is_right_now(passwords, new)
        assert not await is_right_now(passwords, JOE)

    async def test_others(self, kit: Kit) -> None:
        """
        Whose hash is the same is not checked again.
        """
        passwords = kit.passwords()
        assert await is_right_now(passwords, JOE)
        write(kit.path, kit.path.read_bytes() + line("ann", "x"))
        kit.clock.advance(FRESH)
        assert await is_right_now(passwords, JOE)
        assert kit.threads.checked == [b"secret"]

    async def test_broken(self, kit: Kit) -> None:
        """
        If it can't be read nobody is let in, and that is no attempt.
        """
        passwords = kit.passwords()
        assert await is_right_now(passwords, JOE)
        write(kit.path, b"nonsense")
        kit.clock.advance(FRESH)
        with pytest.raises(Unavailable):
            await is_right_now(passwords, JOE)
        assert len(kit.attempts.told) == 2


class CrowdTests:
    """
    Many who come at once.
    """

    async def test_turns(self, kit: Kit) -> None:
        """
        A crowd from one address lets somebody from another have his turn.
        """
        passwords = kit.passwords()
        kit.threads.held = []
        crowd = [
            started(
                is_right_now(passwords, BasicCredentials("joe", b"%d" % number), "203.0.113.66")
            )
            for number in range(17)
        ]
        joe = started(is_right_now(passwords, JOE))
        for _ in range(3):
            kit.threads.held.pop(0)()
        assert joe.called
        assert await joe
        assert sum(outcome.called for outcome in crowd) == 2
        kit.threads.release()
        assert [await outcome for outcome in crowd] == [False] * 17

    async def test_too_many(self, kit: Kit) -> None:
        """
        A crowd from one address doesn't wait without a limit.
        """
        passwords = kit.passwords()
        kit.threads.held = []
        crowd = [
            started(is_right_now(passwords, BasicCredentials("joe", b"%d" % number)))
            for number in range(100)
        ]
        refused = [outcome for outcome in crowd if outcome.called]
        assert len(refused) > 80
        for outcome in refused:
            with pytest.raises(TooManyRequests):
                await outcome
        kit.threads.release()
        for outcome in crowd[:17]:
            assert not await outcome

    async def test_too_many_is_no_failure(self, kit: Kit) -> None:
        """
        Who is sent away since others keep everybody busy has not failed.
        """
        passwords = kit.passwords()
        kit.threads.held = []
        for number in range(17):
            started(is_right_now(passwords, BasicCredentials("ann", b"%d" % number)))
        with pytest.raises(TooManyRequests):
            await is_right_now(passwords, JOE)
        about_joe = [told for told in kit.attempts.told if " joe " in told]
        assert about_joe == [f"admit joe {HERE}", f"withdrawn joe {HERE}"]
        kit.threads.release()

    async def test_proxy(self, kit: Kit) -> None:
        """
        Who counts attempts is told which proxy tells the address; behind another one the same
        password is another attempt, but no other check.
        """
        passwords = kit.passwords()
        kit.threads.held = []
        outcomes = [passwords.check(JOE, HERE, proxy) for proxy in ("10.0.0.1", "10.0.0.2", "")]
        kit.threads.release()
        for outcome in outcomes:
            await outcome
        assert len(kit.threads.checked) == 1
        assert sorted(kit.attempts.told) == sorted(
            f"{word} joe {HERE}{proxy}"
            for word in ("admit", "succeeded")
            for proxy in (" 10.0.0.1", " 10.0.0.2", "")
        )

    async def test_refused(self, kit: Kit) -> None:
        """
        Who has failed too often isn't checked, and nothing is remembered of it.
        """
        passwords = kit.passwords()
        kit.attempts.refuse = TooManyRequests(retry_after=7)
        with pytest.raises(TooManyRequests) as raised:
            await is_right_now(passwords, JOE)
        assert raised.value.retry_after == 7
        assert kit.threads.checked == []
        kit.attempts.refuse = None
        assert await is_right_now(passwords, JOE)

    async def test_cancelled(self, kit: Kit) -> None:
        """
        A client that goes away ends its own wait, and no other's.
        """
        passwords = kit.passwords()
        kit.threads.held = []
        outcomes: list[Deferred[bool]] = [started(is_right_now(passwords, JOE)) for _ in range(3)]
        for gone in outcomes[:2]:
            gone.cancel()
            with pytest.raises(CancelledError):
                await gone
        settled = passwords.settled()
        before = settled.called
        kit.threads.release()
        assert await outcomes[2]
        assert (before, settled.called) == (False, True)


class EndTests:
    """
    Of each attempt that began it is told how it ended.
    """

    async def test_gone_while_waiting(self, kit: Kit) -> None:
        """
        Who goes away before his turn leaves the row, and nothing is checked; who asks for the same
        beside him goes on.
        """
        passwords, kit.attempts.row = kit.passwords(), []
        first, second = (started(is_right_now(passwords, JOE)) for _ in range(2))
        (waiting,) = kit.attempts.row
        for each in (first, second):
            assert kit.attempts.row == [waiting]
            each.cancel()
            with pytest.raises(CancelledError):
                await each
        assert kit.attempts.row == []
        third = started(is_right_now(passwords, JOE))
        kit.attempts.row[0].callback(None)
        assert await third
        assert kit.threads.checked == [b"secret"]
        assert kit.attempts.told == [f"admit joe {HERE}"] * 2 + [f"succeeded joe {HERE}"]

    @pytest.mark.parametrize(("credentials", "word"), [(JOE, "succeeded"), (WRONG, "failed")])
    async def test_gone_while_checked(
        self, kit: Kit, credentials: BasicCredentials, word: str
    ) -> None:
        """
        Who goes away after that has tried: it is told when it has been checked, and not before.
        """
        passwords, kit.threads.held = kit.passwords(), []
        gone = started(is_right_now(passwords, credentials))
        gone.cancel()
        with pytest.raises(CancelledError):
            await gone
        assert kit.attempts.told == [f"admit joe {HERE}"]
        settled = passwords.settled()
        before = settled.called
        again = started(is_right_now(passwords, credentials))
        kit.threads.release()
        assert await again is (credentials is JOE)
        assert (before, settled.called) == (False, True)
        assert len(kit.threads.checked) == 1
        assert kit.attempts.told == [f"admit joe {HERE}"] * 2 + [f"{word} joe {HERE}"] * 2

    async def test_broken_meanwhile(self, kit: Kit) -> None:
        """
        If the file can't be read when one's turn comes it is no attempt.
        """
        passwords, kit.attempts.row = kit.passwords(), []
        waiting = started(is_right_now(passwords, JOE))
        write(kit.path, b"nonsense")
        kit.clock.advance(FRESH)
        kit.attempts.row[0].callback(None)
        with pytest.raises(Unavailable):
            await waiting
        assert kit.attempts.told == [f"admit joe {HERE}", f"withdrawn joe {HERE}"]

    async def test_changed_meanwhile(self, kit: Kit) -> None:
        """
        What counts is what is in the file when one's turn comes.
        """
        passwords, kit.attempts.row = kit.passwords(), []
        waiting = started(is_right_now(passwords, JOE))
        write(kit.path, line("joe", "new"))
        kit.clock.advance(FRESH)
        kit.attempts.row[0].callback(None)
        assert not await waiting
        assert kit.attempts.told == [f"admit joe {HERE}", f"failed joe {HERE}"]

    async def test_breaks_down(self, kit: Kit) -> None:
        """
        A check that breaks down is no attempt.
        """
        passwords, kit.threads.held = kit.passwords(), []
        waiting = started(is_right_now(passwords, JOE))
        kit.threads.broken = KeyError("why")
        kit.threads.release()
        with pytest.raises(KeyError, match="why"):
            await waiting
        assert kit.attempts.told == [f"admit joe {HERE}", f"withdrawn joe {HERE}"]
        kit.threads.broken = None
        again = started(is_right_now(passwords, JOE))
        kit.threads.release()
        assert await again
