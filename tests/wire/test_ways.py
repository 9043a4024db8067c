"""
The two ways to a route: the short matcher, and Klein.  Whichever a request takes, the bytes of
the answer are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from attrs import define, frozen

from tests.proofs.corpus.case import Case
from tests.proofs.corpus.every import corpus
from tests.wire.access import AccessTable, rights
from tests.wire.contents import ABSENT, EMPTY, INDEX, LIST, OCI, Image, index_of
from tests.wire.harness import CLIENT, HOST, Field, Served, request_bytes
from txregistry.model.digest import Digest
from txregistry.web.application import RegistryApplication
from txregistry.web.exchange import RunningExchange
from txregistry.web.request import RegistryRequest

IMAGE = Image.of("x")
CONTENT = bytes(range(256)) * 8
BLOB = Digest.of(CONTENT)

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]

_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_BOUNDARY = re.compile(rb"boundary=([0-9a-f]{32})")


def short(application: RegistryApplication, request: RegistryRequest) -> None:
    """
    The short way, for every method.
    """
    application._go_short_way(RunningExchange(request, 0.0))


def kleins(application: RegistryApplication, request: RegistryRequest) -> None:
    """
    Klein's way, for every method.
    """
    application._go_kleins_way(RunningExchange(request, 0.0))


def same(received: bytes) -> bytes:
    """
    What came back, but for what is random: names of uploads and the boundary of parts.
    """
    for boundary in _BOUNDARY.findall(received):
        received = received.replace(boundary, b"BOUNDARY")
    return _UUID.sub(b"UUID", received)


@define
class Pair:
    """
    Two registries alike, of which one takes requests by the one way and the other by the other.

    :ivar uploads: the path of an upload that was begun in each.
    """

    served: tuple[Served, Served]
    uploads: tuple[str, str] = ("", "")

    @classmethod
    def of(cls, **options: Any) -> Pair:
        """
        Make them.
        """
        made = [Served(dispatch=way, **options) for way in (short, kleins)]
        return cls((made[0], made[1]))

    def fill(self) -> Pair:
        """
        Put the same into both.
        """
        for each in self.served:
            IMAGE.push(each, "a", "t")
            IMAGE.push(each, "b/c", "u")
            each.push_blob("a", CONTENT)
            each.push_blob("a", b"")
            Image.of("y", subject=IMAGE.descriptor()).push(each, "a", "v")
            listed = index_of(IMAGE.descriptor(), media_type=LIST)
            each.push_manifest("a", "list", listed, LIST)
            each.push_manifest("a", "index", index_of(IMAGE.descriptor()), INDEX)
        return self.begin("a")

    def begin(self, name: str) -> Pair:
        """
        Begin an upload in both.
        """
        first, second = (each.start(name) for each in self.served)
        self.uploads = (first.partition(HOST)[2], second.partition(HOST)[2])
        return self

    def compare(self, data: bytes, *more: bytes) -> bytes:
        """
        Send the same to both, which must answer alike.
        """
        received = []
        for served, upload in zip(self.served, self.uploads, strict=True):
            connection = served.connect(CLIENT)
            for piece in (data, *more):
                connection.send(piece.replace(b"{upload}", upload.encode()))
            served.clock.pump([0] * 20)  # many pipelined requests let others have their turn
            received.append((same(connection.received), connection.transport.is_closing()))
            connection.lose()
        one, other = received
        assert one == other
        assert told(self.served[0]) == told(self.served[1])
        return one[0]


def told(served: Served) -> list[tuple[object, ...]]:
    """
    What the log was told.
    """
    return [
        (
            each.method,
            each.status,
            each.route,
            each.address,
            each.actor,
            each.content_type.partition(";")[0],
            each.written,
            [entry["code"] for entry in each.errors],
        )
        for each in served.exchanges
    ]


@frozen
class Ask:
    """
    A request.
    """

    method: str
    target: str
    fields: tuple[Field, ...] = ()
    body: bytes | None = None
    chunked: bool = False

    def data(self, prefix: str) -> bytes:
        """
        Its bytes.
        """
        target = self.target if self.target.startswith(("/", "{")) else prefix + self.target
        return request_bytes(self.method, target, self.fields, self.body, self.chunked)


TARGETS = [
    "v2/",
    "v2",
    "v2/?n=1",
    "v2/_catalog",
    "v2/_catalog?n=1",
    "v2/_catalog?n=x",
    "v2/_catalog/",
    "v2/a/tags/list",
    "v2/a/tags/list?n=1&last=t",
    "v2/b%2Fc/tags/list",
    "v2/nowhere/tags/list",
    "v2/UPPER/tags/list",
    "v2/a%0Ab/tags/list",
    "v2/a/manifests/t",
    "v2/a/manifests/list",
    "v2/a/manifests/index",
    "v2/a/manifests/nothing",
    "v2/a/manifests/.bad",
    "v2/a/manifests/sha256:bad",
    f"v2/a/manifests/{IMAGE.digest}",
    f"v2/a/manifests/{IMAGE.digest}?tag=x&tag=y",
    f"v2/a/manifests/{ABSENT}",
    f"v2/a/blobs/{BLOB}",
    f"v2/a/blobs/{EMPTY}",
    f"v2/a/blobs/{ABSENT}",
    "v2/a/blobs/bad",
    "v2/a/blobs/uploads",
    "v2/a/blobs/uploads/",
    f"v2/a/blobs/uploads/?digest={BLOB}",
    f"v2/a/blobs/uploads/?mount={BLOB}",
    f"v2/b/blobs/uploads/?mount={BLOB}&from=a",
    "v2/a/blobs/uploads/nothing",
    "{upload}",
    f"{{upload}}?digest={BLOB}",
    f"v2/a/referrers/{IMAGE.digest}",
    f"v2/a/referrers/{IMAGE.digest}?artifactType=x",
    f"v2/a/referrers/{ABSENT}",
    "v2/a/referrers/bad",
    "v2/a",
    "v2//a/tags/list",
    "v2/a/../b/tags/list",
    "v2/%C3%A9/tags/list",
    "v2/%FF/tags/list",
    "v1/_ping",
    "/nonsense",
    "//",
]

MANIFEST_TYPE = ("Content-Type", OCI)


def asks() -> Iterator[Ask]:
    """
    Every method on every target, then what needs fields or a body of its own.
    """
    for target in TARGETS:
        for method in METHODS:
            yield Ask(method, target)
    manifest, blob = f"v2/a/manifests/{IMAGE.digest}", f"v2/a/blobs/{BLOB}"
    for field in (
        ("If-None-Match", f'"{IMAGE.digest}"'),
        ("If-None-Match", "*"),
        ("If-Match", '"x"'),
        ("Range", "bytes=0-9"),
        ("Range", "bytes=0-9,20-29"),
        ("Range", "bytes=9999-"),
        ("Range", "nonsense"),
        ("Accept", "application/vnd.docker.distribution.manifest.v2+json"),
        ("Accept-Encoding", "gzip"),
        ("Expect", "100-continue"),
        ("Expect", "nonsense"),
        ("Connection", "close"),
        ("Upgrade", "h2c"),
        ("X-Forwarded-Host", "out.example"),
        ("Forwarded", "host=out.example;proto=https"),
    ):
        for target in (manifest, blob, "v2/a/manifests/list", "v2/a/tags/list?n=1"):
            for method in ("GET", "HEAD"):
                yield Ask(method, target, (field,))
        yield Ask("POST", "v2/a/blobs/uploads/", (field,), b"")
    for chunked in (False, True):
        yield Ask("PUT", "v2/a/manifests/t", (MANIFEST_TYPE,), IMAGE.payload, chunked)
        yield Ask("PUT", f"{manifest}?tag=x", (MANIFEST_TYPE,), IMAGE.payload, chunked)
        yield Ask("PUT", "v2/b/manifests/t", (MANIFEST_TYPE,), IMAGE.payload, chunked)
        yield Ask("PUT", "v2/a/manifests/t", (MANIFEST_TYPE,), b"nonsense", chunked)
        yield Ask("PUT", "v2/a/manifests/t", (), b"", chunked)
        yield Ask("POST", f"v2/b/blobs/uploads/?digest={BLOB}", (), CONTENT, chunked)
        yield Ask("POST", f"v2/b/blobs/uploads/?digest={ABSENT}", (), CONTENT, chunked)
        yield Ask("PATCH", "{upload}", (("Content-Range", "0-2047"),), CONTENT, chunked)
        yield Ask("PATCH", "{upload}", (("Content-Range", "5-6"),), CONTENT, chunked)
        yield Ask("PUT", f"{{upload}}?digest={BLOB}", (("Content-Range", "9-9"),), b"x", chunked)
        yield Ask("PUT", f"{{upload}}?digest={BLOB}", (), b"", chunked)
        yield Ask("GET", "v2/", (), CONTENT, chunked)


ASKS = list(asks())


class SameAnswersTests:
    """
    A corpus of requests, good and bad, through both ways.
    """

    @pytest.mark.parametrize("prefix", ["/", "/reg/"])
    def test_each(self, prefix: str) -> None:
        """
        Each is answered with the same bytes, all one after the other, so that what each leaves
        behind is the same too.
        """
        pair = Pair.of(prefix=prefix, headers=[("X-Mine", "a")]).fill()
        for ask in ASKS:
            assert pair.compare(ask.data(prefix)), ask

    @pytest.mark.parametrize("seed", range(4))
    def test_in_other_orders(self, seed: int) -> None:
        """
        So is each when other things happened before.
        """
        pair = Pair.of().fill()
        for ask in Random(seed).sample(ASKS, len(ASKS)):
            assert pair.compare(ask.data("/")), ask

    @pytest.mark.parametrize("bearer", [False, True])
    @pytest.mark.parametrize("user", ["joe", "nobody"])
    def test_refusals(self, user: str, *, bearer: bool) -> None:
        """
        So are refusals.
        """
        table = AccessTable(rights(joe="pull:a"), bearer)
        pair = Pair.of(controller=table)
        for ask in ASKS:
            fields = (*ask.fields, table.credentials(user))
            assert pair.compare(Ask(ask.method, ask.target, fields, ask.body).data("/"))

    @pytest.mark.parametrize("option", [{"read_only": True}, {"deletes": False}])
    def test_switches(self, option: dict[str, bool]) -> None:
        """
        So is what is switched off.
        """
        pair = Pair.of(**option)
        for ask in ASKS:
            assert pair.compare(ask.data("/"))

    def test_pipelined(self) -> None:
        """
        So are many on one connection.
        """
        pair = Pair.of().fill()
        pulls = [
            ask
            for ask in ASKS
            if ask.method in ("GET", "HEAD", "OPTIONS") and not ask.fields
            if "%FF" not in ask.target  # is no request, and ends the connection
        ]
        received = pair.compare(b"".join(ask.data("/") for ask in pulls))
        assert received.count(b"HTTP/1.1 ") == len(pulls)

    def test_the_usual_way(self) -> None:
        """
        What the application does by itself is one of them.
        """
        usual, (one, _) = Served(), Pair.of().served
        for served in (usual, one):
            IMAGE.push(served, "a", "t")
        for method in METHODS:
            asked = [served.ask(method, "v2/a/manifests/t") for served in (usual, one)]
            assert asked[0] == asked[1]


BAD = corpus()


class BadRequestTests:
    """
    The corpus of bad requests.
    """

    @pytest.fixture(scope="class")
    def pair(self) -> Pair:
        """
        Two registries with what the corpus asks for.
        """
        pair = Pair.of()
        for served in pair.served:
            IMAGE.push(served, "bad/requests", "t")
            served.push_blob("bad/requests", CONTENT[:1000])
        return pair

    @pytest.mark.parametrize("bad", BAD, ids=[bad.name for bad in BAD])
    def test_each(self, pair: Pair, bad: Case) -> None:
        """
        Each is answered with the same bytes, as the corpus wants, and shows no traceback.
        """
        pieces = [
            piece.replace(b"{host}", HOST.encode())
            .replace(b"{digest}", str(Digest.of(CONTENT[:1000])).encode())
            .replace(b"{image}", str(IMAGE.digest).encode())
            for piece in bad.sent
        ]
        received = pair.begin("bad/requests").compare(*pieces)
        assert b"Traceback" not in received
        statuses = [int(text) for text in re.findall(rb"(?:^|\n)HTTP/1\.1 (\d{3}) ", received)]
        final = next((status for status in statuses if status >= 200), 0)
        assert final in bad.statuses or final == 0
