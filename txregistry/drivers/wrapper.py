"""
A driver that hands everything on: what a storage middleware begins with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.drivers.changes import one_by_one
from txregistry.interfaces import (
    Change,
    FileInfo,
    IFileReader,
    IFileWriter,
    IStorageDriver,
    LocalFile,
    Walk,
)


@implementer(IStorageDriver)
class DriverWrapper:
    """
    Does what another driver does; a subclass overrides what it wants otherwise.

    :param driver: the other one.
    """

    def __init__(self, driver: IStorageDriver) -> None:
        self.driver = driver

    @property
    def name(self) -> str:
        """The name of the driver that is wrapped: errors and figures are about that one."""
        name: str = self.driver.name
        return name

    def get_content(self, path: str) -> Deferred[bytes]:
        return self.driver.get_content(path)

    def put_content(self, path: str, content: bytes, durable: bool = True) -> Deferred[None]:
        return self.driver.put_content(path, content, durable)

    def reader(self, path: str, offset: int = 0) -> Deferred[IFileReader]:
        return self.driver.reader(path, offset)

    def writer(self, path: str, append: bool = False) -> Deferred[IFileWriter]:
        return self.driver.writer(path, append)

    def stat(self, path: str) -> Deferred[FileInfo]:
        return self.driver.stat(path)

    def list(self, path: str) -> Deferred[Sequence[str]]:
        return self.driver.list(path)

    def children(
        self, path: str, after: str = "", limit: int | None = None, having: str = ""
    ) -> Deferred[Sequence[str]]:
        return self.driver.children(path, after, limit, having)

    def children_of(self, path: str, names: Sequence[str]) -> Deferred[Sequence[Sequence[str]]]:
        return self.driver.children_of(path, names)

    def move(self, source: str, destination: str) -> Deferred[None]:
        return self.driver.move(source, destination)

    def settle(self, path: str) -> Deferred[None]:
        return self.driver.settle(path)

    def delete(self, path: str, durable: bool = True) -> Deferred[None]:
        return self.driver.delete(path, durable)

    def change(self, *steps: Sequence[Change]) -> Deferred[None]:
        """
        By one's own methods, so that a subclass which overrides them changes this too.  Who
        leaves them as they are may hand it on: some drivers do it faster.
        """
        return one_by_one(self, steps)

    def walk(
        self, path: str, visit: Callable[[FileInfo], Walk | None], start_after: str = ""
    ) -> Deferred[None]:
        return self.driver.walk(path, visit, start_after)

    def redirect_url(self, method: str, path: str) -> Deferred[str | None]:
        return self.driver.redirect_url(method, path)

    def local_file(self, path: str) -> Deferred[LocalFile | None]:
        return self.driver.local_file(path)

    def close(self) -> Deferred[None]:
        return self.driver.close()
