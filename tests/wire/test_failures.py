"""
What clients see when the registry itself fails, and what the log tells then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from attrs import frozen
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.wire.contents import INDEX, OCI, Image, index_of
from tests.wire.harness import Answer, Served, request_bytes
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.inmemory import MemoryDriver
from txregistry.drivers.wrapper import DriverWrapper
from txregistry.errors import NoSpace, StorageFailure, TooManyRequests, Unavailable
from txregistry.interfaces import Grant, IAccessController, IFileReader, IRegistry
from txregistry.model.access import Access, Credentials
from txregistry.model.digest import Digest

IMAGE = Image.of("x")
CONTENT = bytes(range(256)) * 4096  # a MiB
BLOB = Digest.of(CONTENT)


class Failing(DriverWrapper):
    """
    A driver whose methods fail on demand.
    """

    error: Exception | None = None
    methods: tuple[str, ...] = ()

    def __getattribute__(self, name: str) -> Any:
        if name in object.__getattribute__(self, "methods"):
            error = object.__getattribute__(self, "error")
            return lambda *_, **__: fail(error)
        return object.__getattribute__(self, name)


LISTS = ("list", "children", "children_of", "walk")
READS = ("get_content", "reader", "stat", *LISTS, "local_file")
WRITES = ("put_content", "writer", "move", "delete")


@frozen
class Ask:
    """
    Something that a route does when everything is well.

    :param breaking: the methods of the driver that keep it from that.
    """

    method: str
    target: str
    body: bytes | None
    breaking: tuple[str, ...]

    def of(self, served: Served) -> Answer:
        """
        Ask for it.
        """
        fields = [("Content-Type", OCI)] if self.method == "PUT" else []
        return served.ask(self.method, self.target, *fields, body=self.body)


ASKS = [
    Ask("GET", "v2/_catalog", None, READS),
    Ask("GET", "v2/a/tags/list", None, READS),
    Ask("GET", "v2/a/manifests/t", None, READS),
    Ask("HEAD", "v2/a/manifests/t", None, READS),
    Ask("PUT", "v2/a/manifests/new", IMAGE.payload, WRITES),
    Ask("DELETE", "v2/a/manifests/t", None, WRITES),
    Ask("DELETE", f"v2/a/manifests/{IMAGE.digest}", None, WRITES),
    Ask("GET", f"v2/a/blobs/{BLOB}", None, READS),
    Ask("HEAD", f"v2/a/blobs/{BLOB}", None, READS),
    Ask("DELETE", f"v2/a/blobs/{BLOB}", None, WRITES),
    Ask("POST", "v2/a/blobs/uploads/?digest-algorithm=sha512", b"", WRITES),
    Ask("POST", f"v2/a/blobs/uploads/?digest={Digest.of(b'new')}", b"new", WRITES),
    Ask("GET", f"v2/a/referrers/{IMAGE.digest}", None, READS),
]


@pytest.fixture
def failing() -> Failing:
    """
    A driver that works, still.
    """
    return Failing(MemoryDriver())


@pytest.fixture
def served(failing: Failing) -> Served:
    """
    A registry with something in it, and nothing in its caches.
    """
    served = Served(driver=CheckedDriver(failing))
    IMAGE.push(served, "a", "t")
    Image.of("y", subject=IMAGE.descriptor()).push(served, "a")
    served.push_blob("a", CONTENT)
    return Served(driver=CheckedDriver(failing))


class StorageTests:
    """
    Storage that fails.
    """

    @pytest.mark.parametrize("ask", ASKS, ids=lambda ask: f"{ask.method} {ask.target}")
    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (StorageFailure("/secret/path", "secret reason"), 500, "UNKNOWN"),
            (NoSpace("/secret/path"), 507, "UNAVAILABLE"),
            (RuntimeError("secret"), 500, "UNKNOWN"),
        ],
        ids=["failure", "full", "bug"],
    )
    def test_fails(
        self,
        served: Served,
        failing: Failing,
        logged_failures: list[Failure],
        ask: Ask,
        error: Exception,
        status: int,
        code: str,
    ) -> None:
        """
        The answer is 5xx with the JSON body and nothing of the inside; when the storage works
        again, so does the registry.
        """
        failing.error, failing.methods = error, ask.breaking
        answer = ask.of(served)
        assert answer.status == status
        assert b"secret" not in answer.body
        if ask.method != "HEAD":
            assert answer.codes == [code]
        failing.methods = ()
        assert 200 <= ask.of(served).status < 300
        logged_failures.clear()

    def test_logged(self, served: Served, failing: Failing, logged_failures: list[Failure]) -> None:
        """
        The log has what the client was not told.
        """
        failing.error, failing.methods = StorageFailure("/path", "reason"), READS
        assert served.get(f"v2/a/blobs/{BLOB}").status == 500
        assert "reason" in str(logged_failures.pop())
        assert logged_failures == []
        (error,) = served.exchanges[-1].errors
        assert error["code"] == "UNKNOWN"

    def test_broken_link(self, failing: Failing, logged_failures: list[Failure]) -> None:
        """
        A link that holds no digest is an error of the registry, not an unknown blob.
        """
        served = Served(driver=CheckedDriver(failing))
        path = f"/docker/registry/v2/repositories/a/_layers/sha256/{BLOB.hex}/link"
        failing.put_content(path, b"nonsense")
        answer = served.get(f"v2/a/blobs/{BLOB}")
        assert answer.is_error(500, "UNKNOWN")
        logged_failures.clear()

    def test_blob_is_gone(self, failing: Failing) -> None:
        """
        A link whose blob is gone is an unknown blob.
        """
        served = Served(driver=CheckedDriver(failing))
        served.push_blob("a", CONTENT)
        failing.delete(f"/docker/registry/v2/blobs/sha256/{BLOB.hex[:2]}/{BLOB.hex}")
        again = Served(driver=CheckedDriver(failing))
        for method in ("GET", "HEAD"):
            assert again.ask(method, f"v2/a/blobs/{BLOB}").status == 404


class AllOrNothingTests:
    """
    Pushes that set several tags, on storage that fails on the way.
    """

    @pytest.mark.parametrize("bad", ["new", "old", "zzz"])
    def test_tags(
        self,
        served: Served,
        failing: Failing,
        logged_failures: list[Failure],
        monkeypatch: pytest.MonkeyPatch,
        bad: str,
    ) -> None:
        """
        If one tag can't be set, each of them is as it was before.
        """
        before, after = Image.of("before"), Image.of("after")
        before.push(served, "a", "old")
        after.push(served, "a")
        original = failing.put_content

        def put_content(path: str, content: bytes, durable: bool = True) -> Deferred[None]:
            # Once only: what puts things back must be able to.
            if path.endswith(f"/tags/{bad}/current/link"):
                monkeypatch.setattr(failing, "put_content", original)
                return fail(StorageFailure(path, "reason"))
            return original(path, content, durable)

        monkeypatch.setattr(failing, "put_content", put_content)
        target = f"{after.digest}?tag=new&tag=old&tag=zzz"
        assert served.push_manifest("a", target, after.payload, OCI).status == 500
        assert served.tags("a") == ["old", "t"]
        assert served.get("v2/a/manifests/old").body == before.payload
        assert served.push_manifest("a", target, after.payload, OCI).status == 201
        assert served.tags("a") == ["new", "old", "t", "zzz"]
        logged_failures.clear()


class BreaksOff:
    """
    A reader that breaks off after its first piece.
    """

    def __init__(self, reader: IFileReader, ending: Callable[[], Deferred[bytes]]) -> None:
        self._reader = reader
        self._ending = ending
        self._pieces = 0
        self.closed = False

    def read(self, maximum: int) -> Deferred[bytes]:
        """
        Read once, then end.
        """
        self._pieces += 1
        return self._reader.read(maximum) if self._pieces == 1 else self._ending()

    def close(self) -> Deferred[None]:
        """
        Note it.
        """
        self.closed = True
        return self._reader.close()


class MiddleTests:
    """
    Storage that fails in the middle of an answer.
    """

    @pytest.mark.parametrize(
        "error", [StorageFailure("/path", "reason"), None], ids=["an error", "too few bytes"]
    )
    def test_cut_off(
        self,
        failing: Failing,
        logged_failures: list[Failure],
        monkeypatch: pytest.MonkeyPatch,
        error: Exception | None,
    ) -> None:
        """
        The connection is cut: the client must not take a part for the whole; the file is closed.
        """
        served = Served(driver=CheckedDriver(failing))
        served.push_blob("a", CONTENT)
        readers: list[BreaksOff] = []
        original = failing.reader

        def reader(path: str, offset: int = 0) -> Deferred[Any]:
            def end() -> Deferred[bytes]:
                ended: Deferred[bytes] = Deferred()
                if error is None:
                    ended.callback(b"")
                else:
                    ended.errback(error)
                return ended

            def wrap(inner: IFileReader) -> BreaksOff:
                readers.append(BreaksOff(inner, end))
                return readers[-1]

            return original(path, offset).addCallback(wrap)

        monkeypatch.setattr(failing, "reader", reader)
        connection = served.connect()
        connection.send(request_bytes("GET", f"/v2/a/blobs/{BLOB}"))
        assert connection.received.startswith(b"HTTP/1.1 200 ")
        assert len(connection.received) < len(CONTENT)
        assert connection.transport.is_closing()
        connection.lose()
        assert [reader.closed for reader in readers] == [True]
        assert served.exchanges[-1].status == 500
        assert logged_failures
        logged_failures.clear()

    def test_client_goes_away(self, failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A client that goes away in the middle is no error; the file is closed.
        """
        served = Served(driver=CheckedDriver(failing))
        served.push_blob("a", CONTENT)
        readers: list[BreaksOff] = []
        original = failing.reader
        never: Deferred[bytes] = Deferred()

        def reader(path: str, offset: int = 0) -> Deferred[Any]:
            def wrap(inner: IFileReader) -> BreaksOff:
                readers.append(BreaksOff(inner, lambda: never))
                return readers[-1]

            return original(path, offset).addCallback(wrap)

        monkeypatch.setattr(failing, "reader", reader)
        connection = served.connect()
        connection.send(request_bytes("GET", f"/v2/a/blobs/{BLOB}"))
        assert [reader.closed for reader in readers] == [False]
        connection.lose()
        assert [reader.closed for reader in readers] == [True]
        assert served.exchanges[-1].status == 499


@implementer(IAccessController)
class Undecided:
    """
    An access controller that never comes to a decision.
    """

    def __init__(self) -> None:
        self.cancelled = 0

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        return Deferred(self._cancelled)

    def _cancelled(self, _: Deferred[Grant]) -> None:
        self.cancelled += 1


class GoneTests:
    """
    Clients that go away while something is done for them.
    """

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
    def test_cancelled(self, method: str) -> None:
        """
        What is done for them is cancelled, whichever way their request took; it is no error.
        """
        controller = Undecided()
        served = Served(controller=controller)
        body = IMAGE.payload if method == "PUT" else None
        connection = served.connect()
        connection.send(request_bytes(method, "/v2/a/manifests/t", body=body))
        assert (connection.received, controller.cancelled) == (b"", 0)
        connection.lose()
        assert controller.cancelled == 1
        assert [told.status for told in served.exchanges] == [499]

    def test_after_the_answer(self, served: Served) -> None:
        """
        Who goes away after his answer cancels nothing.
        """
        for method in ("GET", "DELETE"):
            connection = served.connect()
            connection.send(request_bytes(method, "/v2/a/manifests/t"))
            connection.lose()
        assert [told.status for told in served.exchanges] == [200, 202]


class RetryTests:
    """
    ``Retry-After``.
    """

    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (Unavailable(retry_after=7), 503, "UNAVAILABLE"),
            (TooManyRequests(retry_after=7), 429, "TOOMANYREQUESTS"),
        ],
    )
    def test_told(self, served: Served, error: Exception, status: int, code: str) -> None:
        """
        Who is told to come back is told when.
        """

        class Busy:
            def __init__(self, registry: IRegistry) -> None:
                self.registry = registry

            def page(self, limit: int, last: str = "") -> Deferred[Any]:
                return fail(error)

        busy = Served(wrap=Busy)
        answer = busy.get("v2/_catalog")
        assert answer.is_error(status, code)
        assert answer["Retry-After"] == "7"


class ExchangeTests:
    """
    What the log is told of an exchange.
    """

    def test_good(self, served: Served) -> None:
        """
        All its facts.
        """
        fields = [("User-Agent", "docker/27.0"), ("Referer", "http://x/")]
        answer = served.get("v2/a/manifests/t?x=y", *fields)
        told = served.exchanges[-1]
        assert len(told.request_id) == 36
        assert told.method == "GET"
        assert told.uri == "/v2/a/manifests/t?x=y"
        assert told.protocol == "HTTP/1.1"
        assert told.host == "registry.example:5000"
        assert told.user_agent == "docker/27.0"
        assert told.referer == "http://x/"
        assert told.content_type == OCI
        assert told.route == "manifest"
        assert told.variables == {"name": "a", "reference": "t"}
        assert told.status == 200
        assert told.written == len(answer.body)
        assert told.seconds == 0
        assert told.errors == ()

    def test_each_has_its_own_name(self, served: Served) -> None:
        """
        No two have the same id.
        """
        for _ in range(3):
            served.get("v2/")
        ids = {told.request_id for told in served.exchanges}
        assert len(ids) == len(served.exchanges) == 3

    def test_error(self, served: Served) -> None:
        """
        What stood in the error envelope.
        """
        answer = served.push_manifest("a", "t", index_of(IMAGE.descriptor(size=5)), OCI)
        assert served.exchanges[-1].errors == answer.json["errors"]
        missing = index_of(*({**IMAGE.descriptor(), "digest": f"sha256:{i * 64}"} for i in "01"))
        answer = served.push_manifest("a", "t", missing, INDEX)
        assert len(served.exchanges[-1].errors) == 2
        assert served.exchanges[-1].errors == answer.json["errors"]

    def test_head(self, served: Served) -> None:
        """
        Nothing is written in answer to HEAD.
        """
        served.head("v2/a/manifests/t")
        assert served.exchanges[-1].written == 0

    def test_no_route(self, served: Served) -> None:
        """
        A path that nobody knows has no route.
        """
        for method in ("GET", "PUT"):
            served.ask(method, "/nonsense")
            told = served.exchanges[-1]
            assert (told.route, told.variables, told.status) == ("", {}, 404)

    def test_client_goes_away(self, served: Served) -> None:
        """
        A client that goes away in the middle of its push is 499.
        """
        connection = served.connect()
        target = f"/v2/b/blobs/uploads/?digest={BLOB}"
        connection.send(request_bytes("POST", target, body=CONTENT)[:-1])
        before = len(served.exchanges)
        connection.lose()
        assert [told.status for told in served.exchanges[before:]] == [499]

    def test_duration(self) -> None:
        """
        How long it took, by the clock that only goes forward.
        """
        served = Served()
        connection = served.connect()
        request = request_bytes("POST", f"/v2/b/blobs/uploads/?digest={BLOB}", body=CONTENT)
        connection.send(request[:-1])
        served.clock.advance(2)
        connection.send(request[-1:])
        connection.lose()
        assert served.exchanges[-1].seconds == 2
