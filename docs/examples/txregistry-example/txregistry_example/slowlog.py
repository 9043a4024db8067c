"""
A storage middleware that logs what the storage takes long for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.plugin import IPlugin
from zope.interface import implementer

from txregistry.drivers.wrapper import DriverWrapper
from txregistry.errors import ConfigurationError, Problem
from txregistry.interfaces import FileInfo, IStorageDriver, IStorageMiddlewareFactory

T = TypeVar("T")


class SlowLogDriver(DriverWrapper):
    """
    Times the operations on small things; those on streams take as long as their clients do.

    :param driver: the driver itself.
    :param clock: the time.
    :param seconds: what takes longer than this is logged.
    """

    log = Logger()

    def __init__(self, driver: IStorageDriver, clock: IReactorTime, seconds: float) -> None:
        super().__init__(driver)
        self._clock = clock
        self._seconds = seconds

    def get_content(self, path: str) -> Deferred[bytes]:
        return self._timed("get_content", path, super().get_content(path))

    def put_content(self, path: str, content: bytes, durable: bool = True) -> Deferred[None]:
        return self._timed("put_content", path, super().put_content(path, content, durable))

    def stat(self, path: str) -> Deferred[FileInfo]:
        return self._timed("stat", path, super().stat(path))

    def list(self, path: str) -> Deferred[Sequence[str]]:
        return self._timed("list", path, super().list(path))

    def children(
        self, path: str, after: str = "", limit: int | None = None, having: str = ""
    ) -> Deferred[Sequence[str]]:
        return self._timed("children", path, super().children(path, after, limit, having))

    def children_of(self, path: str, names: Sequence[str]) -> Deferred[Sequence[Sequence[str]]]:
        return self._timed("children_of", path, super().children_of(path, names))

    def move(self, source: str, destination: str) -> Deferred[None]:
        return self._timed("move", source, super().move(source, destination))

    def delete(self, path: str, durable: bool = True) -> Deferred[None]:
        return self._timed("delete", path, super().delete(path, durable))

    def _timed(self, operation: str, path: str, outcome: Deferred[T]) -> Deferred[T]:
        started = self._clock.seconds()

        def done(result: Any) -> Any:
            seconds = self._clock.seconds() - started
            if seconds > self._seconds:
                self.log.warn(  # noqa: G010 - Twisted's logger has no other
                    "{operation} of {path} took {seconds:.3f} s",
                    operation=operation,
                    path=path,
                    seconds=seconds,
                )
            return result

        return outcome.addBoth(done)


@implementer(IPlugin, IStorageMiddlewareFactory)
class SlowLogFactory:
    """
    Makes it of ``seconds``, 1 by default.
    """

    name = "slowlog"

    def create(
        self, reactor: Any, driver: IStorageDriver, options: Mapping[str, Any]
    ) -> IStorageDriver:
        seconds = options.get("seconds", 1)
        if not isinstance(seconds, int | float):
            text = f"slowlog: seconds {seconds!r} is no number"
            raise ConfigurationError([Problem(key="middleware.storage", text=text)])
        return SlowLogDriver(driver, reactor, seconds)
