"""
A whole registry in this process, and a client that can say anything: what stands between the
bytes of a connection and the bytes of a storage driver is what runs in the daemon.

Nothing here waits: the storage is in memory and computes at once, so that an answer is there as
soon as its request is.
"""
# Most of what Twisted has for tests has no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

from attrs import field, frozen
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from txregistry.auth.open import OpenAccess
from txregistry.cache.epochs import Epochs, private_cells
from txregistry.cache.memory import MemoryDescriptorCache
from txregistry.cache.registry import Caches, CachingRegistry
from txregistry.deferreds import InlineThreads
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.inmemory import MemoryDriver
from txregistry.interfaces import Exchange, IAccessController, IRegistry, IStorageDriver
from txregistry.model.digest import Digest
from txregistry.storage.registry import Registry
from txregistry.storage.switches import ReadOnlyRegistry, UndeletableRegistry
from txregistry.storage.validation import Validation
from txregistry.web.application import RegistryApplication, WebOptions
from txregistry.web.limits import Limits as ConnectionLimits
from txregistry.web.proxies import TrustedProxies
from txregistry.web.request import RegistryRequest
from txregistry.web.routes import Limits as RequestLimits
from txregistry.web.site import RegistrySite
from txregistry.web.tokens import TokenPages
from txregistry.web.urls import UrlRules

Field = tuple[str, str]

HOST = "registry.example:5000"
CLIENT = "203.0.113.9"
NOW = datetime(2026, 8, 18, 12, 0, 0, tzinfo=UTC)


@frozen
class Answer:
    """
    What a client got.

    :param status: the status code.
    :param fields: the header fields in their order.
    :param body: the content.
    """

    status: int
    fields: tuple[Field, ...]
    body: bytes = field(repr=lambda body: repr(body[:300]))

    def all(self, name: str) -> list[str]:
        """
        The values of a header field, each line for itself.
        """
        return [value for known, value in self.fields if known.lower() == name.lower()]

    def __getitem__(self, name: str) -> str | None:
        """
        The value of a header field that stands there once; None where it doesn't.
        """
        values = self.all(name)
        assert len(values) <= 1, values
        return values[0] if values else None

    @property
    def json(self) -> Any:
        """
        What the body says.
        """
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        """
        The codes in the error envelope, after a look at its shape.
        """
        assert self["Content-Type"] == "application/json"
        document = self.json
        assert set(document) == {"errors"}
        for entry in document["errors"]:
            assert {"code", "message"} <= set(entry) <= {"code", "message", "detail"}
            assert entry["message"]
        assert b"Traceback" not in self.body
        return [entry["code"] for entry in document["errors"]]

    def is_error(self, status: int, *codes: str) -> bool:
        """
        Whether this is an error of a status, with these codes.
        """
        return self.status == status and self.codes == list(codes)


class Transport(StringTransport):
    """
    A transport that can be half closed, and notes that it is to be closed at once.
    """

    half_closed = False
    #: After how many bytes the other side takes nothing more.
    takes: int | None = None

    def write(self, data: bytes) -> None:
        """
        Take it, and tell the writer to wait where that was enough.
        """
        super().write(data)
        enough = self.takes is not None and len(self.value()) >= self.takes
        if enough and self.producer is not None:
            self.producer.pauseProducing()

    def loseWriteConnection(self) -> None:
        """
        Note it.
        """
        self.half_closed = True

    def is_closing(self) -> bool:
        """
        Whether the server has nothing more to say.
        """
        return self.half_closed or bool(self.disconnecting) or bool(self.disconnected)


class Connection:
    """
    One connection, seen from the client's side.

    :param site: at the other end.
    :param peer: the client's address; ``""`` behind a unix socket.
    :param secure: whether it is encrypted.
    """

    def __init__(self, site: RegistrySite, peer: str, secure: bool = False) -> None:
        address = IPv4Address("TCP", peer, 40000) if peer else UNIXAddress(None)
        self.transport = Transport(hostAddress=address, peerAddress=address)
        if secure:
            directlyProvides(self.transport, ISSLTransport)
        self.channel = site.buildProtocol(None)
        self.channel.makeConnection(self.transport)
        self._lost = False

    def send(self, data: bytes) -> None:
        """
        Send something.
        """
        self.channel.dataReceived(data)

    def lose(self) -> None:
        """
        Go away.
        """
        if not self._lost:
            self._lost = True
            self.channel.connectionLost(Failure(ConnectionDone()))

    @property
    def received(self) -> bytes:
        """
        All that came back.
        """
        return bytes(self.transport.value())

    def answers(self, *methods: str) -> list[Answer]:
        """
        What came back, taken apart.

        :param methods: of the requests, where one was HEAD.
        """
        answers, rest = [], self.received
        asked = list(methods)
        while rest:
            answer, rest = take_answer(rest, asked[0] if asked else "GET")
            if answer.status >= 200:
                answers.append(answer)
                asked = asked[1:]
        return answers


def take_answer(data: bytes, method: str) -> tuple[Answer, bytes]:
    """
    Take the first answer off what came.
    """
    head, separator, rest = data.partition(b"\r\n\r\n")
    assert separator, data
    line, *lines = head.decode("latin-1").split("\r\n")
    match = re.fullmatch(r"HTTP/1\.1 (\d{3}) [\w -]*", line)
    assert match, line
    fields = tuple((name, value) for name, _, value in (each.partition(": ") for each in lines))
    answer = Answer(int(match[1]), fields, b"")
    if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
        return answer, rest
    if answer["Transfer-Encoding"] == "chunked":
        body, rest = take_chunks(rest)
    else:
        length = int(answer["Content-Length"] or 0)
        body, rest = rest[:length], rest[length:]
        assert len(body) == length
    return Answer(answer.status, fields, body), rest


def take_chunks(data: bytes) -> tuple[bytes, bytes]:
    """
    Take a chunked body off what came.
    """
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body += data[:length]
        data = data[length + 2 :]
        if not length:
            return body, data


def request_bytes(
    method: str,
    target: str,
    fields: Sequence[Field] = (),
    body: bytes | None = None,
    chunked: bool = False,
    host: str | None = HOST,
) -> bytes:
    """
    Write a request.

    :param body: None where there is none, which is not the same as an empty one.
    :param chunked: send it in two chunks and an end.
    :param host: None to say none.
    """
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"Host: {host}"] if host is not None else []
    lines += [f"{name}: {value}" for name, value in fields]
    content = body or b""
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        pieces = [content[:7], content[7:]]
        content = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
        content += b"0\r\n\r\n"
    elif body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


Dispatch = Callable[[RegistryApplication, RegistryRequest], None]


class Served:
    """
    A registry that is served.

    :param deletes: whether anything may be deleted.
    :param read_only: whether nothing may be changed.
    :param validation: what a pushed manifest must fulfil.
    :param controller: decides who may do what.
    :param trusted: where trusted proxies are.
    :param limits: of one request.
    :param connection: limits of a connection.
    :param headers: of the operator.
    :param driver: where everything is.
    :param cached: whether blobs and manifests are remembered.
    :param redirects: whether clients are sent to the storage, where that can be.
    :param wrap: puts something around the registry.
    :param tokens: answers who wants a token.
    :param dispatch: hands a request to the application, if not in the usual way.
    :param urls: how URLs are built: ``prefix``, ``root``, ``relative``.
    """

    def __init__(
        self,
        *,
        deletes: bool = True,
        read_only: bool = False,
        validation: Validation | None = None,
        controller: IAccessController | None = None,
        trusted: Sequence[str] = (),
        limits: RequestLimits | None = None,
        connection: ConnectionLimits | None = None,
        headers: Sequence[Field] = (),
        driver: IStorageDriver | None = None,
        cached: bool = False,
        redirects: bool = True,
        wrap: Callable[[IRegistry], Any] = lambda registry: registry,
        tokens: TokenPages | None = None,
        dispatch: Dispatch = RegistryApplication.dispatch,
        **urls: Any,
    ) -> None:
        self.clock = Clock()
        self.clock.advance(NOW.timestamp())
        self.driver = driver or CheckedDriver(MemoryDriver(self.clock.seconds))
        stored = Registry(self.driver, InlineThreads(), lambda: NOW, validation or Validation())
        self.registry: IRegistry = stored
        if cached:
            epochs = Epochs(private_cells())
            caches = Caches(MemoryDescriptorCache(epochs, 100), MemoryDescriptorCache(epochs, 100))
            self.registry = CachingRegistry(stored, stored.contents, caches)
        if not deletes:
            self.registry = UndeletableRegistry(self.registry)
        if read_only:
            self.registry = ReadOnlyRegistry(self.registry)
        self.registry = wrap(self.registry)
        #: What the log was told.
        self.exchanges: list[Exchange] = []
        application = RegistryApplication(
            self.registry,
            controller or OpenAccess(),
            InlineThreads(),
            WebOptions(
                proxies=TrustedProxies([ip_network(text) for text in trusted]),
                urls=UrlRules(**urls),
                headers=[(name.encode(), value.encode()) for name, value in headers],
                limits=limits or RequestLimits(),
                redirects=redirects,
            ),
            self.exchanges.append,
            self.clock.seconds,
            tokens=tokens,
        )
        self.prefix = urls.get("prefix", "/")
        self.site = RegistrySite(
            lambda request: dispatch(application, request),
            self.clock,
            InlineThreads(),
            connection or ConnectionLimits(),
        )

    def connect(self, peer: str = CLIENT, *, secure: bool = False) -> Connection:
        """
        Open a connection.
        """
        return Connection(self.site, peer, secure)

    def ask(
        self,
        method: str,
        target: str,
        *fields: Field,
        body: bytes | None = None,
        chunked: bool = False,
        peer: str = CLIENT,
        host: str | None = HOST,
        secure: bool = False,
    ) -> Answer:
        """
        Send a request by a connection of its own, and take the answer.

        :param target: below the prefix, without its slash; or a whole URL or path that an answer
            named.
        """
        connection = self.connect(peer, secure=secure)
        target = target.removeprefix(f"http://{HOST}")
        target = target if target.startswith(("/", "http")) else self.prefix + target
        connection.send(request_bytes(method, target, fields, body, chunked, host))
        answers = connection.answers(method)
        connection.lose()
        assert len(answers) == 1, (method, target, answers)
        check_answer(answers[0])
        return answers[0]

    def get(self, target: str, *fields: Field) -> Answer:
        """
        GET something.
        """
        return self.ask("GET", target, *fields)

    def head(self, target: str, *fields: Field) -> Answer:
        """
        HEAD something.
        """
        return self.ask("HEAD", target, *fields)

    def delete(self, target: str, *fields: Field) -> Answer:
        """
        DELETE something.
        """
        return self.ask("DELETE", target, *fields)

    # what most tests begin with

    def start(self, name: str, *fields: Field, query: str = "") -> str:
        """
        Begin an upload.

        :return: where it goes on.
        """
        answer = self.ask("POST", f"v2/{name}/blobs/uploads/{query}", *fields, body=b"")
        assert answer.status == 202, answer
        location = answer["Location"]
        assert location is not None
        return location

    def push_blob(
        self, name: str, content: bytes, *fields: Field, algorithm: str = "sha256"
    ) -> Digest:
        """
        Push a blob whole.
        """
        digest = Digest.of(content, algorithm)
        target = f"v2/{name}/blobs/uploads/?digest={digest}"
        answer = self.ask("POST", target, *fields, body=content)
        assert answer.status == 201, answer
        return digest

    def push_manifest(
        self, name: str, reference: object, payload: bytes, media_type: str, *fields: Field
    ) -> Answer:
        """
        Push a manifest.
        """
        fields = (("Content-Type", media_type), *fields)
        return self.ask("PUT", f"v2/{name}/manifests/{reference}", *fields, body=payload)

    def tags(self, name: str) -> list[str]:
        """
        The tags of a repository.
        """
        tags: list[str] = self.get(f"v2/{name}/tags/list").json["tags"]
        return tags


def check_answer(answer: Answer) -> None:
    """
    Look at what every answer owes.
    """
    assert answer["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert answer["Date"]
    assert answer["Content-Encoding"] is None
    if answer.status >= 400 and answer.body:
        assert answer.codes
    if answer.status in (204, 304):
        assert answer["Content-Length"] is None
        assert answer.body == b""
    if answer.status in (429, 503):
        assert answer["Retry-After"]
    if answer.status == 405:
        assert answer["Allow"]
