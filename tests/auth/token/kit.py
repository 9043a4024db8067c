"""
An access controller on a clock, and what it says to a token.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.auth.token.issuer import ISSUER, REALM, SERVICE
from txregistry.auth.token.challenge import FixedRealm
from txregistry.auth.token.controller import Rules, TokenAccess
from txregistry.auth.token.files import WatchedFile
from txregistry.auth.token.keyfiles import KeyFiles, read_bundle, read_key_set
from txregistry.auth.token.keys import ALGORITHMS
from txregistry.deferreds import InlineThreads
from txregistry.errors import Unauthorized
from txregistry.interfaces import Grant
from txregistry.model.access import Access, Action, Credentials

PULL = Access(Action.PULL, "a/b")
PUSH = Access(Action.PUSH, "a/b")
DELETE = Access(Action.DELETE, "a/b")


class CountingThreads(InlineThreads):
    """
    Counts what it is given to do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def run(self, function: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """
        Count and do it.
        """
        self.count += 1
        return super().run(function, *args, **kwargs)


class SlowThreads(InlineThreads):
    """
    Do nothing until they are let.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held: list[Any] = []

    def run(self, function: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """
        Keep it for later.
        """
        outcome: Deferred[Any] = Deferred()
        self._held.append(lambda: outcome.callback(function(*args, **kwargs)))
        return outcome

    def release(self) -> None:
        """
        Do all that is waiting.
        """
        held, self._held = self._held, []
        for each in held:
            each()


@define
class Judge:
    """
    Somebody who is shown tokens.

    :param access: the controller.
    :param clock: its clock.
    :param threads: in which it verifies.
    """

    access: TokenAccess
    clock: Clock
    threads: CountingThreads = field(factory=CountingThreads)

    def ask(
        self, token: str, accesses: Sequence[Access] = (PULL,), **presented: Any
    ) -> Grant | Unauthorized:
        """
        :return: what comes of a token.
        """
        authorization = presented.pop("authorization", f"Bearer {token}")
        credentials = Credentials(authorization, **presented)
        outcome: list[Any] = []
        self.access.authorize(credentials, accesses).addBoth(outcome.append)
        assert outcome, "it waits"
        if isinstance(outcome[0], Failure):
            error = outcome[0].value
            assert isinstance(error, Unauthorized), error
            return error
        grant: Grant = outcome[0]
        return grant

    def takes(self, token: str, *accesses: Access) -> bool:
        """
        :return: whether a token is good enough.
        """
        return isinstance(self.ask(token, accesses or (PULL,)), Grant)

    def error(self, token: str, *accesses: Access) -> str:
        """
        :return: what the challenge says is wrong; ``"granted"`` where there is none.
        """
        answer = self.ask(token, accesses or (PULL,))
        if isinstance(answer, Grant):
            return "granted"
        return error_of(answer)


def error_of(refused: Grant | Unauthorized) -> str:
    """
    :return: what a challenge says is wrong.
    """
    assert isinstance(refused, Unauthorized), refused
    _, found, error = refused.challenge.partition(',error="')
    return error.removesuffix('"') if found else ""


def judge(
    directory: Path,
    *,
    bundle: bytes = b"",
    keys: bytes = b"",
    algorithms: Sequence[str] = ALGORITHMS,
    realm: Any = None,
    reading: InlineThreads | None = None,
) -> Judge:
    """
    A controller that trusts what is in these files, which are read in threads of their own.
    """
    clock = Clock()
    clock.advance(time.time())
    threads = CountingThreads()

    def watched(name: str, content: bytes, read: Any) -> Any:
        if not content:
            return None
        (directory / name).write_bytes(content)
        return WatchedFile(str(directory / name), read)

    files = KeyFiles(
        watched("bundle.pem", bundle, read_bundle),
        watched("jwks.json", keys, read_key_set),
        reading or InlineThreads(),
        clock.seconds,
    )
    access = TokenAccess(
        Rules(ISSUER, SERVICE, frozenset(algorithms)),
        files,
        realm or FixedRealm(REALM),
        threads,
        clock.seconds,
    )
    return Judge(access, clock, threads)
