"""
What is checked, named and timed for every driver.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txregistry.drivers.base import CheckedDriver, CheckedReader, CheckedWriter
from txregistry.drivers.inmemory import MemoryDriver
from txregistry.errors import (
    ConfigurationError,
    InvalidPath,
    NoSpace,
    PathNotFound,
    StorageFailure,
)
from txregistry.interfaces import IFileReader, IFileWriter, IMetrics, IStorageDriver
from txregistry.testing.drivers import WatchedDriver
from txregistry.testing.drivers.suite import write


@implementer(IMetrics)
@define
class Figures:
    """
    Remembers what it is told.
    """

    observed: list[tuple[str, Mapping[str, str], float]] = field(factory=list)

    def count(self, name: str, labels: Mapping[str, str], by: int = 1) -> None:
        raise NotImplementedError

    def level(self, name: str, labels: Mapping[str, str], value: float) -> None:
        raise NotImplementedError

    def observe(self, name: str, labels: Mapping[str, str], seconds: float) -> None:
        self.observed.append((name, labels, seconds))


@implementer(IFileReader)
class SlowReader:
    """
    A reader whose reads take as long as a test wants.
    """

    def __init__(self) -> None:
        self.waiting: Deferred[bytes] = Deferred()
        self.closed = 0

    def read(self, maximum: int) -> Deferred[bytes]:
        return self.waiting

    def close(self) -> Deferred[None]:
        self.closed += 1
        return succeed(None)


@implementer(IFileWriter)
class SlowWriter:
    """
    A writer whose writes take as long as a test wants.
    """

    size = 0

    def __init__(self) -> None:
        self.waiting: Deferred[None] = Deferred()
        self.closed = False

    def write(self, *pieces: bytes) -> Deferred[None]:
        return self.waiting

    def truncate(self, size: int) -> Deferred[None]:
        raise NotImplementedError

    def close(self) -> Deferred[None]:
        self.closed = True
        return succeed(None)

    def commit(self, durable: bool = True) -> Deferred[None]:
        raise NotImplementedError

    def cancel(self) -> Deferred[None]:
        raise NotImplementedError


@pytest.fixture
def watched() -> WatchedDriver:
    """A driver that fails on demand."""
    return WatchedDriver(MemoryDriver())


@pytest.fixture
def driver(watched: WatchedDriver) -> CheckedDriver:
    """The same, checked."""
    return CheckedDriver(watched)


class CheckedDriverTests:
    """
    A driver behind its checks.
    """

    async def test_provides(self, driver: CheckedDriver) -> None:
        """What is checked has the same methods as what isn't."""
        assert verifyObject(IStorageDriver, driver)
        assert driver.name == "inmemory"
        await driver.put_content("/a", b"x")
        reader, writer = await driver.reader("/a"), await driver.writer("/b")
        assert isinstance(reader, CheckedReader)
        assert verifyObject(IFileReader, reader)
        assert isinstance(writer, CheckedWriter)
        assert verifyObject(IFileWriter, writer)

    async def test_bad_path_goes_nowhere(
        self, driver: CheckedDriver, watched: WatchedDriver
    ) -> None:
        """What is no path doesn't reach the driver."""
        for asking in (
            driver.get_content("/a/../b"),
            driver.put_content("a", b""),
            driver.reader(""),
            driver.writer("/"),
            driver.stat("/a/"),
            driver.list("/."),
            driver.move("/a", "/b c"),
            driver.move("b", "/a"),
            driver.delete("/"),
            driver.walk("//", lambda _: None),
            driver.redirect_url("GET", "/"),
            driver.local_file("/"),
        ):
            with pytest.raises(InvalidPath, match=r"^inmemory: invalid path: "):
                await asking
        assert watched.calls == []

    async def test_root(self, driver: CheckedDriver) -> None:
        """The root can be looked at."""
        await driver.stat("/")
        await driver.list("/")
        await driver.walk("/", lambda _: None)

    async def test_named(self, driver: CheckedDriver, watched: WatchedDriver) -> None:
        """The errors of all its operations, and of its streams, have the driver's name."""
        await driver.put_content("/file", b"x")
        reader, writer = await driver.reader("/file"), await driver.writer("/other")
        error = StorageFailure("/file", "broken")
        operations: dict[str, Callable[[], Awaitable[object]]] = {
            "get_content": lambda: driver.get_content("/file"),
            "put_content": lambda: driver.put_content("/file", b""),
            "reader": lambda: driver.reader("/file"),
            "writer": lambda: driver.writer("/file"),
            "stat": lambda: driver.stat("/file"),
            "list": lambda: driver.list("/file"),
            "children": lambda: driver.children("/file"),
            "children_of": lambda: driver.children_of("/file", ["x"]),
            "move": lambda: driver.move("/file", "/other"),
            "delete": lambda: driver.delete("/file"),
            "walk": lambda: driver.walk("/file", lambda _: None),
            "redirect_url": lambda: driver.redirect_url("GET", "/file"),
            "local_file": lambda: driver.local_file("/file"),
            "reader.read": lambda: reader.read(1),
            "reader.close": reader.close,
            "writer.write": lambda: writer.write(b"x"),
            "writer.truncate": lambda: writer.truncate(0),
            "writer.commit": writer.commit,
            "writer.close": writer.close,
        }
        for operation, ask in operations.items():
            error.driver = ""
            watched.fail(operation, error)
            with pytest.raises(StorageFailure) as raised:
                await ask()
            assert raised.value.driver == "inmemory"

    async def test_named_once(self, driver: CheckedDriver, watched: WatchedDriver) -> None:
        """An error that has a driver's name already keeps it."""
        error = PathNotFound("/file")
        error.driver = "inner"
        watched.fail("stat", error)
        with pytest.raises(PathNotFound, match=r"^inner: Path not found: /file$"):
            await driver.stat("/file")

    async def test_timed(self) -> None:
        """Each operation is timed under the name of distribution, also when it fails."""
        figures = Figures()
        times = iter(range(100))
        driver = CheckedDriver(MemoryDriver(), figures, lambda: float(next(times) ** 2))
        await driver.put_content("/file", b"x")
        await driver.get_content("/file")
        await driver.stat("/file")
        await driver.list("/")
        await driver.walk("/", lambda _: None)
        await driver.redirect_url("GET", "/file")
        await driver.move("/file", "/other")
        await driver.delete("/other")
        with pytest.raises(PathNotFound):
            await driver.stat("/file")
        actions = ["PutContent", "GetContent", "Stat", "List", "Walk", "RedirectURL"]
        actions += ["Move", "Delete", "Stat"]
        assert figures.observed == [
            (
                "registry_storage_action_seconds",
                {"driver": "inmemory", "action": action},
                float(4 * number + 1),
            )
            for number, action in enumerate(actions)
        ]

    def test_writable(self) -> None:
        """A driver that knows whether it can write is asked; others are trusted."""

        class Unwritable(MemoryDriver):
            def check_writable(self) -> None:
                raise ConfigurationError(["no"])

        CheckedDriver(MemoryDriver()).check_writable()
        with pytest.raises(ConfigurationError):
            CheckedDriver(Unwritable()).check_writable()

    async def test_close(self, driver: CheckedDriver) -> None:
        """To close it is to close the driver."""
        await driver.close()


class CheckedReaderTests:
    """
    A reader behind its checks.
    """

    async def test_close_waits(self) -> None:
        """A file isn't closed under a read that still runs, and only once."""
        slow = SlowReader()
        reader = CheckedReader("slow", slow)
        reading = reader.read(10)
        closing = [reader.close(), reader.close()]
        assert slow.closed == 0
        slow.waiting.callback(b"abc")
        assert await reading == b"abc"
        for one in closing:
            await one
        assert slow.closed == 1


class CheckedWriterTests:
    """
    A writer behind its checks.
    """

    @pytest.mark.parametrize("end", ["cancel", "close"])
    async def test_commit_fails(
        self, driver: CheckedDriver, watched: WatchedDriver, end: str
    ) -> None:
        """After a commit that failed, the file can be given up, or kept for later."""
        writer = await driver.writer("/file")
        await writer.write(b"abc")
        watched.fail("writer.commit", NoSpace("/file"))
        with pytest.raises(NoSpace):
            await writer.commit()
        await getattr(writer, end)()
        left = {"cancel": b"", "close": b"abc"}[end]
        await write(driver, "/file", [b"def"], append=True)
        assert await driver.get_content("/file") == left + b"def"

    async def test_close_fails(self, driver: CheckedDriver, watched: WatchedDriver) -> None:
        """A close that fails is the end, too."""
        writer = await driver.writer("/file")
        watched.fail("writer.close", NoSpace("/file"), times=9)
        with pytest.raises(NoSpace):
            await writer.close()
        await writer.close()
        assert watched.count("writer.close") == 1

    async def test_close_waits(self) -> None:
        """A file isn't closed under a write that still runs."""
        slow = SlowWriter()
        writer = CheckedWriter("slow", slow)
        writing, closing = writer.write(b"abc"), writer.close()
        assert not slow.closed
        slow.waiting.callback(None)
        await writing
        await closing
        assert slow.closed


class PathTests:
    """
    Which paths are refused is in the contract; here is who is asked.
    """

    @pytest.mark.parametrize("path", ["/a\n", "/a/\n", "\n/a", "/a/.\n"])
    async def test_end_of_line(self, driver: CheckedDriver, path: Any) -> None:
        """An end of line at the end isn't overlooked."""
        with pytest.raises(InvalidPath):
            await driver.stat(path)
