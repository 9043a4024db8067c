"""
What the tests of passwords share.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from txregistry.auth.basic import BasicCredentials
from txregistry.auth.htpasswd.checking import Passwords
from txregistry.auth.htpasswd.hashes import is_right, new_hash
from txregistry.auth.htpasswd.watching import WatchedFile
from txregistry.auth.memory import Memory, memory_in
from txregistry.deferreds import InlineThreads, Threads
from txregistry.interfaces import IAttempts
from txregistry.places import private_places

P = ParamSpec("P")
T = TypeVar("T")

JOE = BasicCredentials("joe", b"secret")
HERE = "203.0.113.1"
NOW = 1_700_000_000.0
"""The time of day: files of tests are older, unless they say otherwise."""


def line(user: str, password: str, cost: int = 4) -> bytes:
    """A line of a file."""
    return b"%b:%b\n" % (user.encode(), new_hash(password.encode(), cost))


def write(path: Path, data: bytes, age: float = 60.0) -> None:
    """
    Write a file that looks as if it were of some time ago.
    """
    path.write_bytes(data)
    os.utime(path, (NOW - age, NOW - age))


class CountedThreads(InlineThreads):
    """
    Threads that count passwords that are checked, and wait with them if they are to.

    :ivar broken: what they come to that are kept waiting, if it is there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.checked: list[bytes] = []
        self.held: list[Callable[[], object]] | None = None
        self.broken: Exception | None = None

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        if function is is_right:
            self.checked.append(args[0])  # type: ignore[arg-type]  # it is a password
        if self.held is None:
            return super().run(function, *args, **kwargs)
        outcome: Deferred[T] = Deferred()
        done = super().run(function, *args, **kwargs)
        self.held.append(partial(self._end, done, outcome))
        return outcome

    def _end(self, done: Deferred[T], outcome: Deferred[T]) -> None:
        if self.broken is not None:
            outcome.errback(self.broken)
        else:
            done.chainDeferred(outcome)

    def release(self) -> None:
        """Let all go on that were kept waiting, and those that come by that."""
        while self.held:
            self.held.pop(0)()


@implementer(IAttempts)
class WrittenAttempts:
    """
    Admits everybody, and writes down what it is told.

    :ivar refuse: raised instead, if it is there.
    :ivar row: those who wait, if they are to.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.refuse: Exception | None = None
        self.row: list[Deferred[None]] | None = None

    def admit(self, user: str, address: str, proxy: str = "") -> Deferred[None]:
        if self.refuse is not None:
            raise self.refuse
        self._tell("admit", user, address, proxy)
        if self.row is None:
            return succeed(None)
        self.row.append(Deferred(self.row.remove))
        return self.row[-1]

    def failed(self, user: str, address: str, proxy: str = "") -> None:
        self._tell("failed", user, address, proxy)

    def succeeded(self, user: str, address: str, proxy: str = "") -> None:
        self._tell("succeeded", user, address, proxy)

    def withdrawn(self, user: str, address: str, proxy: str = "") -> None:
        self._tell("withdrawn", user, address, proxy)

    def _tell(self, *words: str) -> None:
        self.told.append(" ".join(filter(None, words)))


def memory(seconds: Callable[[], float]) -> Memory:
    """What is remembered of attempts, on a clock."""
    return memory_in(lambda _, shape: private_places(shape), seconds)


async def is_right_now(
    passwords: Passwords, credentials: BasicCredentials, address: str = HERE
) -> bool:
    """Whether a password is right."""
    _, until = await passwords.check(credentials, address)
    return until > 0


@implementer(ILogObserver)
class Told:
    """
    Writes down what is logged.
    """

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        self.events.append(event)

    def lines(self, level: str) -> list[str]:
        """What was logged of a level."""
        return [
            event["log_format"].format(**event)
            for event in self.events
            if event["log_level"].name == level
        ]


@contextmanager
def told() -> Iterator[Told]:
    """
    Listen to the log for a while.
    """
    listening = Told()
    globalLogPublisher.addObserver(listening)
    try:
        yield listening
    finally:
        globalLogPublisher.removeObserver(listening)


@define
class Kit:
    """
    A file, and what knows its passwords.
    """

    path: Path
    clock: Clock = field(factory=Clock)
    attempts: WrittenAttempts = field(factory=WrittenAttempts)
    threads: CountedThreads = field(factory=CountedThreads)
    files: Threads = field(factory=InlineThreads)
    at_once: int = 1

    def file(self) -> WatchedFile:
        """The file, watched."""
        return WatchedFile(str(self.path), self.files, self.clock.seconds, lambda: NOW)

    def passwords(self) -> Passwords:
        """What knows which passwords are right."""
        return Passwords(self.file(), self.threads, self.at_once, self.attempts, self.clock.seconds)
