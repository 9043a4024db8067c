"""
Which events are made of which requests, and when.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.notifications.telling import (
    NOW,
    SOURCE,
    FakeRequest,
    StrictSink,
    Told,
    make_told,
    telling,
)
from tests.wire.access import AccessTable, rights
from tests.wire.contents import ABSENT, DOCKER, INDEX, LAYER, LIST, OCI, Image, index_of
from tests.wire.harness import HOST, request_bytes
from txregistry.interfaces import IMetrics, IRepository, ISink
from txregistry.model.access import Requester
from txregistry.model.digest import Digest
from txregistry.model.event import Event, EventAction, Kind, Member, Origin
from txregistry.model.name import RepositoryName, parse_tag
from txregistry.notifications.listening.layers import LayerTypes
from txregistry.notifications.listening.recorder import UNWRITTEN
from txregistry.notifications.listening.registry import ListeningRegistry

IMAGE = Image.of("x")
CHILD = Image.of("y", media_type=DOCKER)
LIST_PAYLOAD = index_of(
    CHILD.descriptor(platform={"architecture": "amd64", "os": "linux", "variant": "v2"}),
    media_type=LIST,
)
CONTENT = b"content" * 100
DIGEST = Digest.of(CONTENT)
BIG = bytes(2_000_000)
CONFIG = Digest.of(IMAGE.blobs[0])


@implementer(ISink)
class HoldingSink(StrictSink):
    """
    A sink that has written when a test says so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Deferred[None]] = []

    def write(self, events: Sequence[Event]) -> Deferred[None]:
        super().write(events)
        self.waiting.append(Deferred())
        return self.waiting[-1]


@implementer(ISink)
class BrokenSink(StrictSink):
    """
    A sink that can't write, until it is mended.
    """

    broken = True
    writes = 0

    def write(self, events: Sequence[Event]) -> Deferred[None]:
        self.writes += 1
        return fail(OSError(28, "no space")) if self.broken else super().write(events)

    def leave(self, encoded: bytes) -> None:
        if self.broken:
            self.writes += 1
            raise OSError(28, "no space")
        super().leave(encoded)


@implementer(IMetrics)
class Metrics:
    """
    Counts in a dictionary.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def count(self, name: str, labels: Mapping[str, str], by: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + by

    def observe(self, name: str, labels: Mapping[str, str], seconds: float) -> None:
        raise NotImplementedError

    def level(self, name: str, labels: Mapping[str, str], value: float) -> None:
        raise NotImplementedError


@pytest.fixture(params=["memory", "cached"])
def told(request: pytest.FixtureRequest) -> Told:
    """
    A registry of which it is told what happens.
    """
    return make_told(cached=request.param == "cached")


class PushTests:
    """
    Pushes, mounts, deletes.
    """

    def test_blob(self, told: Told) -> None:
        """
        A blob is pushed when it is committed, not when its upload begins or grows.
        """
        location = told.served.start("a/b")
        answer = told.served.ask("PATCH", location, body=CONTENT)
        assert told.taken() == []
        told.served.ask("PUT", f"{answer['Location']}?digest={DIGEST}", body=b"")
        (event,) = told.taken()
        assert event.action is EventAction.PUSH
        target = event.target
        assert (target.repository, target.kind, target.digest) == ("a/b", Kind.BLOB, DIGEST)
        assert (target.media_type, target.size) == ("application/octet-stream", len(CONTENT))
        assert target.url == f"http://{HOST}/v2/a/b/blobs/{DIGEST}"
        assert (target.tag, target.from_repository, target.references) == ("", "", ())

    def test_whole(self, told: Told) -> None:
        """
        A blob that is pushed with one POST is pushed as well.
        """
        told.served.push_blob("a", CONTENT)
        assert told.told() == [("push", "blob", str(DIGEST))]

    def test_mount(self, told: Told) -> None:
        """
        A mount tells from where; one that can't be is no event, and neither is its upload.
        """
        told.served.push_blob("a", CONTENT)
        told.taken()
        told.served.start("b", query=f"?mount={ABSENT}&from=a")
        assert told.taken() == []
        answer = told.served.ask("POST", f"v2/b/blobs/uploads/?mount={DIGEST}&from=a", body=b"")
        assert answer.status == 201
        (event,) = told.taken()
        assert event.action is EventAction.MOUNT
        assert (event.target.repository, event.target.from_repository) == ("b", "a")
        assert event.target.url == f"http://{HOST}/v2/b/blobs/{DIGEST}"
        assert (event.target.digest, event.target.size) == (DIGEST, len(CONTENT))

    @pytest.mark.parametrize("tag", ["t", ""])
    def test_manifest(self, told: Told, tag: str) -> None:
        """
        A manifest tells its type, size and digest, a URL by digest, and the tag if there is one.
        """
        IMAGE.push(told.served, "a/b", tag or IMAGE.digest)
        event = told.taken()[-1]
        assert event.action is EventAction.PUSH
        target = event.target
        assert (target.kind, target.digest, target.tag) == (Kind.MANIFEST, IMAGE.digest, tag)
        assert (target.media_type, target.size) == (OCI, len(IMAGE.payload))
        assert target.url == f"http://{HOST}/v2/a/b/manifests/{IMAGE.digest}"
        assert target.references == ()

    def test_several_tags(self, told: Told) -> None:
        """
        A push that sets several tags is one event for each.
        """
        IMAGE.push(told.served, "a")
        told.taken()
        target = f"{IMAGE.digest}?tag=x&tag=y"
        told.served.push_manifest("a", target, IMAGE.payload, OCI)
        digest = str(IMAGE.digest)
        assert told.told() == [("push", "manifest", tag, digest) for tag in "xy"]

    def test_delete(self, told: Told) -> None:
        """
        What was deleted is told with its digest or tag, and no more.
        """
        IMAGE.push(told.served, "a", "t")
        told.taken()
        told.served.delete("v2/a/manifests/t")
        told.served.delete(f"v2/a/manifests/{IMAGE.digest}")
        (blob, *_) = IMAGE.blobs
        told.served.delete(f"v2/a/blobs/{Digest.of(blob)}")
        events = told.taken()
        assert [event.action for event in events] == [EventAction.DELETE] * 3
        tag, manifest, layer = (event.target for event in events)
        assert (tag.kind, tag.tag, tag.digest) == (Kind.TAG, "t", None)
        assert (manifest.kind, manifest.digest, manifest.tag) == (Kind.MANIFEST, IMAGE.digest, "")
        assert (layer.kind, layer.digest) == (Kind.BLOB, Digest.of(blob))
        for target in (tag, manifest, layer):
            assert (target.repository, target.media_type, target.size) == ("a", "", 0)
            assert target.url == ""

    def test_delete_with_tags(self, told: Told) -> None:
        """
        Each tag that goes with a manifest is told for itself, after the manifest and in one go.
        """
        other = Image.of("other")
        IMAGE.push(told.served, "a", "t")
        other.push(told.served, "a", "other")
        told.served.push_manifest("a", "u", IMAGE.payload, OCI)
        told.taken()
        told.served.delete(f"v2/a/manifests/{IMAGE.digest}")
        manifest, *tags = told.taken()
        assert (manifest.target.kind, manifest.target.digest) == (Kind.MANIFEST, IMAGE.digest)
        assert {(event.target.kind, event.target.tag) for event in tags} == {
            (Kind.TAG, "t"),
            (Kind.TAG, "u"),
        }
        assert len({event.request.id for event in (manifest, *tags)}) == 1

    def test_failures(self, told: Told) -> None:
        """
        What fails is no event.
        """
        told.served.ask("POST", f"v2/a/blobs/uploads/?digest={ABSENT}", body=b"else")
        told.served.push_manifest("a", "t", IMAGE.payload, OCI)
        told.served.delete(f"v2/a/manifests/{ABSENT}")
        told.served.delete("v2/a/manifests/t")
        told.served.delete(f"v2/a/blobs/{ABSENT}")
        location = told.served.start("a")
        told.served.delete(location)
        assert told.taken() == []

    def test_forbidden(self) -> None:
        """
        What the operator has switched off is no event.
        """
        told = make_told(deletes=False)
        IMAGE.push(told.served, "a", "t")
        told.taken()
        assert told.served.delete("v2/a/manifests/t").status == 405
        assert told.served.delete(f"v2/a/manifests/{IMAGE.digest}").status == 405
        assert told.served.delete(f"v2/a/blobs/{Digest.of(IMAGE.blobs[0])}").status == 405
        assert told.taken() == []


class PullTests:
    """
    Pulls.
    """

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_blob(self, told: Told, method: str) -> None:
        """
        A blob is pulled by GET and by HEAD.
        """
        told.served.push_blob("a", CONTENT)
        told.taken()
        assert told.served.ask(method, f"v2/a/blobs/{DIGEST}").status == 200
        (event,) = told.taken()
        assert (event.action, event.target.kind) == (EventAction.PULL, Kind.BLOB)
        assert (event.target.digest, event.target.size) == (DIGEST, len(CONTENT))
        assert event.target.media_type == "application/octet-stream"
        assert event.target.url == f"http://{HOST}/v2/a/blobs/{DIGEST}"
        assert event.request.method == method

    @pytest.mark.parametrize("ranges", ["bytes=1-2", "bytes=1-2,4-5"])
    def test_part(self, told: Told, ranges: str) -> None:
        """
        A part of a blob is a pull of it, and several parts are one.
        """
        told.served.push_blob("a", CONTENT)
        told.taken()
        answer = told.served.get(f"v2/a/blobs/{DIGEST}", ("Range", ranges))
        assert answer.status == 206
        assert told.told() == [("pull", "blob", str(DIGEST))]

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_unchanged(self, told: Told, method: str) -> None:
        """
        Who has it already pulls nothing.
        """
        IMAGE.push(told.served, "a", "t")
        told.taken()
        layer = Digest.of(IMAGE.blobs[0])
        for path, digest in ((f"blobs/{layer}", layer), ("manifests/t", IMAGE.digest)):
            tag = ("If-None-Match", f'"{digest}"')
            assert told.served.ask(method, f"v2/a/{path}", tag).status == 304
        assert told.taken() == []

    def test_refused(self, told: Told) -> None:
        """
        What isn't there, and a part that isn't there, is not pulled.
        """
        told.served.push_blob("a", CONTENT)
        told.taken()
        assert told.served.get(f"v2/a/blobs/{ABSENT}").status == 404
        assert told.served.get("v2/a/manifests/t").status == 404
        answer = told.served.get(f"v2/a/blobs/{DIGEST}", ("Range", "bytes=5000-"))
        assert answer.status == 416
        assert told.taken() == []

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize("by", ["tag", "digest"])
    def test_manifest(self, told: Told, method: str, by: str) -> None:
        """
        A manifest is pulled once, though facts and content are asked for, with the tag if asked so.
        """
        IMAGE.push(told.served, "a", "t")
        told.taken()
        reference = "t" if by == "tag" else str(IMAGE.digest)
        assert told.served.ask(method, f"v2/a/manifests/{reference}").status == 200
        (event,) = told.taken()
        assert (event.action, event.target.kind) == (EventAction.PULL, Kind.MANIFEST)
        assert event.target.tag == ("t" if by == "tag" else "")
        assert (event.target.media_type, event.target.size) == (OCI, len(IMAGE.payload))
        assert event.target.url == f"http://{HOST}/v2/a/manifests/{IMAGE.digest}"

    def test_big_manifest(self, told: Told) -> None:
        """
        A manifest that is sent as a blob is one all the same.
        """
        image = Image.of("x", annotations={"a": "b" * 100_000})
        image.push(told.served, "a", "t")
        told.taken()
        assert told.served.get("v2/a/manifests/t").body == image.payload
        assert told.told() == [("pull", "manifest", "t", str(image.digest))]

    def test_replaced_list(self, told: Told) -> None:
        """
        Where an old client gets an entry of the list that it asked for, both are pulled.
        """
        CHILD.push(told.served, "a")
        told.served.push_manifest("a", "t", LIST_PAYLOAD, LIST)
        told.taken()
        answer = told.served.get("v2/a/manifests/t", ("Accept", DOCKER))
        assert answer.body == CHILD.payload
        assert told.told() == [
            ("pull", "manifest", "t", str(Digest.of(LIST_PAYLOAD))),
            ("pull", "manifest", str(CHILD.digest)),
        ]

    def test_lists(self, told: Told) -> None:
        """
        Who looks at lists, at referrers or at an upload pulls nothing.
        """
        IMAGE.push(told.served, "a", "t")
        location = told.served.start("a")
        told.taken()
        for target in ("v2/", "v2/_catalog", "v2/a/tags/list", f"v2/a/referrers/{IMAGE.digest}"):
            assert told.served.get(target).status == 200
        assert told.served.get(location).status == 204
        assert told.taken() == []

    def test_last_byte(self) -> None:
        """
        A blob is pulled when the last byte was handed to the transport, and not before.
        """
        told = make_told()
        digest = told.served.push_blob("a", BIG)
        told.taken()
        connection = told.served.connect()
        connection.transport.takes = 500_000
        connection.send(request_bytes("GET", f"/v2/a/blobs/{digest}"))
        assert len(connection.received) < len(BIG)
        assert told.taken() == []
        connection.transport.takes = None
        producer = connection.transport.producer
        assert producer is not None
        producer.resumeProducing()
        told.served.clock.pump([0] * 100)
        assert len(connection.received) > len(BIG)
        assert told.told() == [("pull", "blob", str(digest))]
        connection.lose()

    def test_aborted(self) -> None:
        """
        A client that goes away before the last byte has pulled nothing.
        """
        told = make_told()
        digest = told.served.push_blob("a", BIG)
        told.taken()
        connection = told.served.connect()
        connection.transport.takes = 500_000
        connection.send(request_bytes("GET", f"/v2/a/blobs/{digest}"))
        connection.lose()
        told.served.clock.pump([0] * 100)
        assert told.served.exchanges[-1].status == 499
        assert told.taken() == []

    def test_without_request(self) -> None:
        """
        What is read where nobody is served, as by a program of the operator, is pulled at once.
        """
        told = make_told()
        told.served.push_blob("a", CONTENT)
        told.taken()
        registry = ListeningRegistry(told.bare, telling(told.sink))
        repository = registry.repository(RepositoryName("a"), Requester("joe", "1", "::1", "me"))
        repository.blobs.stat(DIGEST)
        (event,) = told.taken()
        assert (event.action, event.target.digest) == (EventAction.PULL, DIGEST)
        assert event.request == Origin("1", "::1", "", "", "me")
        assert event.target.url == ""


class ReportTests:
    """
    What a request is given, and what it is for.
    """

    def repository(self, told: Told, request: FakeRequest, **options: Any) -> IRepository:
        """
        Open a repository with an image for a request.
        """
        IMAGE.push(told.served, "a", "t")
        told.taken()
        registry = ListeningRegistry(told.bare, telling(told.sink, **options))
        return registry.repository(RepositoryName("a"), Requester(request=request))

    @pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
    def test_looked_at(self, method: str) -> None:
        """
        What is only looked at to change something else is not pulled.
        """
        told, request = make_told(), FakeRequest(method)
        repository = self.repository(told, request)
        repository.manifests.get(parse_tag("t"))
        repository.blobs.stat(CONFIG)
        for call in request.served:
            call()
        assert told.taken() == []

    def test_several(self) -> None:
        """
        What one request is given is told at once, in the order in which it was first asked for.
        """
        told, request = make_told(), FakeRequest("GET")
        repository = self.repository(told, request, references=True)
        repository.blobs.open(CONFIG)
        repository.manifests.stat(parse_tag("t"))
        repository.manifests.get(IMAGE.digest)
        repository.blobs.stat(CONFIG)
        assert told.taken() == []
        for call in request.served:
            call()
        blob, manifest = told.taken()
        assert blob.target.url == f"b:a/{CONFIG}"
        assert (manifest.target.url, manifest.target.tag) == (f"m:a/{IMAGE.digest}", "t")
        assert [len(event.target.references) for event in (blob, manifest)] == [0, 2]


class FactsTests:
    """
    What events tell of the request.
    """

    def ask(self, told: Told, *fields: tuple[str, str], **options: Any) -> Event:
        """
        Ask for a blob, and take the event.
        """
        told.served.push_blob("a", CONTENT)
        told.taken()
        told.served.ask("GET", f"v2/a/blobs/{DIGEST}", *fields, **options)
        (event,) = told.taken()
        return event

    def test_all(self, told: Told) -> None:
        """
        Who asked for what, from where, with which program, when, and who tells.
        """
        event = self.ask(told, ("User-Agent", "docker/28"))
        known = told.served.exchanges[-1].request_id
        assert event.request == Origin(known, "203.0.113.9:40000", HOST, "GET", "docker/28")
        assert event.actor == ""
        assert event.source == SOURCE
        assert (event.timestamp, event.utc_offset) == (NOW, -12_600)
        uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
        assert re.fullmatch(uuid, event.id)

    def test_address(self) -> None:
        """
        The address is the client's with its port; behind a proxy that is trusted, and behind a
        socket of this machine, it is what is known.
        """
        told = make_told(trusted=["192.0.2.1/32"])
        field = ("X-Forwarded-For", "198.51.100.1")
        assert self.ask(told, field, peer="192.0.2.1").request.address == "198.51.100.1"
        assert self.ask(told, field, peer="192.0.2.2").request.address == "192.0.2.2:40000"
        assert self.ask(told, peer="2001:db8::1").request.address == "[2001:db8::1]:40000"
        assert self.ask(told, peer="").request.address == ""

    @pytest.mark.parametrize("method", ["GET", "PUT"])
    @pytest.mark.parametrize(
        ("urls", "fields", "secure", "base"),
        [
            ({}, [], False, f"http://{HOST}/"),
            ({}, [], True, f"https://{HOST}/"),
            ({"relative": True}, [], True, f"https://{HOST}/"),
            ({"root": "https://outside/x/"}, [], False, "https://outside/x/"),
            ({"root": "https://outside/x/", "relative": True}, [], False, "https://outside/x/"),
            ({"prefix": "/p/"}, [], False, f"http://{HOST}/p/"),
            ({}, [("X-Forwarded-Proto", "https")], False, f"https://{HOST}/"),
            ({}, [("Forwarded", "proto=https;host=o:8")], False, "https://o:8/"),
        ],
    )
    def test_url(
        self,
        method: str,
        urls: dict[str, Any],
        fields: list[tuple[str, str]],
        secure: bool,
        base: str,
    ) -> None:
        """
        URLs are built as those in answers are, but always with scheme and host, whether the
        request is still being answered or over.
        """
        told = make_told(trusted=["203.0.113.0/24"], **urls)
        event = self.ask(told, *fields, secure=secure)
        if method == "PUT":
            told.served.ask(
                "POST",
                f"v2/a/blobs/uploads/?digest={DIGEST}",
                *fields,
                body=CONTENT,
                secure=secure,
            )
            (event,) = told.taken()
        assert event.target.url == f"{base}v2/a/blobs/{DIGEST}"

    def test_untrusted(self, told: Told) -> None:
        """
        What somebody says of himself who is no trusted proxy changes no URL.
        """
        event = self.ask(told, ("X-Forwarded-Host", "evil"), ("X-Forwarded-Proto", "https"))
        assert event.target.url.startswith(f"http://{HOST}/")

    def test_actor(self) -> None:
        """
        The actor is the user.
        """
        table = AccessTable(rights(joe="pull:a push:a"))
        told = make_told(controller=table)
        told.served.push_blob("a", CONTENT, table.credentials("joe"))
        (event,) = told.taken()
        assert event.actor == "joe"

    @pytest.mark.parametrize("name", ["Ã¤", "\udcff", "管理"])
    def test_actor_is_text(self, name: str) -> None:
        """
        The name of a user is the text that it is, whatever bytes it could be.
        """
        told = make_told()
        told.served.push_blob("a", CONTENT)
        told.taken()
        registry = ListeningRegistry(told.bare, telling(told.sink))
        registry.repository(RepositoryName("a"), Requester(name)).blobs.stat(DIGEST)
        (event,) = told.taken()
        assert event.actor == name

    def test_no_ascii(self, told: Told) -> None:
        """
        A user agent of UTF-8 is that text; what is none keeps its bytes as lone surrogates.
        """
        agent = "ä".encode().decode("latin-1")
        assert self.ask(told, ("User-Agent", agent)).request.user_agent == "ä"
        assert self.ask(told, ("User-Agent", "\xff")).request.user_agent == "\udcff"

    def test_ids(self) -> None:
        """
        Events of one request have ids of their own and come in one write.
        """
        sink = HoldingSink()
        told = make_told(sink)
        connection = told.served.connect()
        connection.send(
            request_bytes("POST", f"/v2/a/blobs/uploads/?digest={DIGEST}", body=CONTENT)
        )
        sink.waiting.pop().callback(None)
        for blob in IMAGE.blobs:
            target = f"/v2/a/blobs/uploads/?digest={Digest.of(blob)}"
            connection.send(request_bytes("POST", target, body=blob))
            sink.waiting.pop().callback(None)
        told.taken()
        target = f"/v2/a/manifests/{IMAGE.digest}?tag=x&tag=y&tag=z"
        connection.send(request_bytes("PUT", target, [("Content-Type", OCI)], IMAGE.payload))
        assert len(sink.waiting) == 1
        sink.waiting.pop().callback(None)
        events = told.taken()
        assert len({event.id for event in events}) == 3
        assert len({event.request.id for event in events}) == 1
        connection.lose()


class ReferencesTests:
    """
    ``includereferences``.
    """

    @pytest.mark.parametrize("cached", [False, True])
    def test_image(self, cached: bool) -> None:
        """
        A manifest's events tell its config and layers, in their order, on push, GET and HEAD.
        """
        told = make_told(references=True, cached=cached)
        IMAGE.push(told.served, "a", "t")
        told.served.get("v2/a/manifests/t")
        told.served.head("v2/a/manifests/t")
        events = [event for event in told.taken() if event.target.kind is Kind.MANIFEST]
        assert [event.action.value for event in events] == ["push", "pull", "pull"]
        for event in events:
            assert [member.digest for member in event.target.references] == [
                Digest.of(blob) for blob in IMAGE.blobs
            ]

    def test_list(self) -> None:
        """
        A list's event tells its entries, with all that their descriptors say.
        """
        told = make_told(references=True)
        CHILD.push(told.served, "a")
        told.served.push_manifest("a", "t", LIST_PAYLOAD, LIST)
        event = told.taken()[-1]
        assert event.target.references == (
            Member(
                DOCKER,
                CHILD.digest,
                len(CHILD.payload),
                platform={"architecture": "amd64", "os": "linux", "variant": "v2"},
            ),
        )

    def test_big(self) -> None:
        """
        What a big manifest names is told as well.
        """
        told = make_told(references=True)
        image = Image.of("x", annotations={"a": "b" * 100_000})
        image.push(told.served, "a", "t")
        told.served.get("v2/a/manifests/t")
        assert [len(event.target.references) for event in told.taken()[-2:]] == [2, 2]

    def test_gone(self, logged_failures: list[Failure], monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A manifest that vanished after it was served is told without what it names, and logged.
        """
        told = make_told(references=True)
        IMAGE.push(told.served, "a", "t")
        told.taken()
        path = f"/docker/registry/v2/blobs/sha256/{IMAGE.digest.hex[:2]}/{IMAGE.digest.hex}"

        def vanish(*_: Any) -> None:
            told.served.driver.delete(path)

        connection = told.served.connect()
        monkeypatch.setattr(connection.transport, "write", vanish)
        connection.send(request_bytes("HEAD", "/v2/a/manifests/t"))
        (event,) = told.taken()
        assert (event.target.digest, event.target.references) == (IMAGE.digest, ())
        assert len(logged_failures) == 1
        logged_failures.clear()
        connection.lose()


class LayerTypeTests:
    """
    The types of blobs, as far as manifests tell.
    """

    @pytest.mark.parametrize("by", ["push", "pull"])
    def test_known(self, by: str) -> None:
        """
        A blob that a manifest named has the type that it said, since the manifest went by.
        """
        layers = LayerTypes()
        told = make_told(layers=layers)
        IMAGE.push(told.served, "a", "t")
        assert [event.target.layer_type for event in told.taken()] == [""] * 3
        if by == "pull":
            told = make_told(layers=LayerTypes(), driver=told.served.driver)
            told.served.get("v2/a/manifests/t")
            told.taken()
        told.served.get(f"v2/a/blobs/{Digest.of(IMAGE.blobs[1])}")
        (event,) = told.taken()
        assert event.target.layer_type == LAYER
        assert event.target.media_type == "application/octet-stream"

    def test_bounded(self) -> None:
        """
        No more is remembered than may be, and big manifests are not looked into.
        """
        layers = LayerTypes(capacity=1)
        layers.learn(IMAGE.digest, IMAGE.payload)
        first, last = (Digest.of(blob) for blob in IMAGE.blobs)
        assert (layers.of(first), layers.of(last)) == ("", LAYER)
        big = Image.of("z", annotations={"a": "b" * 100_000})
        layers.learn(big.digest, big.payload)
        assert layers.of(Digest.of(big.blobs[1])) == ""

    @pytest.mark.parametrize(
        "payload",
        [
            b"",
            b"[]",
            b"[" * 60_000,
            b'{"layers": 7, "config": [], "manifests": [1, {}]}',
            b'{"layers": [{"mediaType": "a", "digest": "md5:1", "size": 1}]}',
            b'{"layers": [{"mediaType": "a", "digest": 7, "size": 1}]}',
        ],
    )
    def test_damaged(self, payload: bytes) -> None:
        """
        A manifest that can't be read teaches nothing, and harms nobody.
        """
        layers = LayerTypes()
        layers.learn(DIGEST, payload)
        assert layers.of(DIGEST) == ""


class SinkTests:
    """
    The sink and the answer.
    """

    def push(self, told: Told) -> Any:
        """
        Begin to push a blob.
        """
        connection = told.served.connect()
        target = f"/v2/a/blobs/uploads/?digest={DIGEST}"
        connection.send(request_bytes("POST", target, body=CONTENT))
        return connection

    def test_waits(self) -> None:
        """
        A push is answered when the sink has its event, and not before.
        """
        sink = HoldingSink()
        connection = self.push(make_told(sink))
        assert len(sink.waiting) == 1
        assert connection.received == b""
        sink.waiting[0].callback(None)
        assert connection.answers()[0].status == 201
        connection.lose()

    def test_order(self) -> None:
        """
        Pushes that set one tag at the same time are told in the order in which it was set.
        """
        before, other = make_told(), Image.of("other")
        IMAGE.push(before.served, "a")
        other.push(before.served, "a")
        sink = HoldingSink()
        told = make_told(sink, driver=before.served.driver)
        connections = [told.served.connect(), told.served.connect()]
        for connection, image in zip(connections, (IMAGE, other), strict=True):
            fields = [("Content-Type", OCI)]
            connection.send(request_bytes("PUT", "/v2/a/manifests/t", fields, image.payload))
        assert told.told() == [("push", "manifest", "t", str(IMAGE.digest))]
        sink.waiting.pop().callback(None)
        assert told.told() == [("push", "manifest", "t", str(other.digest))]
        sink.waiting.pop().callback(None)
        for connection in connections:
            assert connection.answers()[0].status == 201
            connection.lose()
        answer = told.served.head("v2/a/manifests/t")
        assert answer["Docker-Content-Digest"] == str(other.digest)
        sink.waiting.pop().callback(None)

    def test_pull_waits_not(self) -> None:
        """
        A pull has been answered before its event is written.
        """
        sink = HoldingSink()
        told = make_told(sink)
        connection = self.push(told)
        sink.waiting.pop().callback(None)
        connection.send(request_bytes("GET", f"/v2/a/blobs/{DIGEST}"))
        assert [answer.status for answer in connection.answers()] == [201, 200]
        assert len(sink.waiting) == 1
        sink.waiting[0].callback(None)
        connection.lose()

    @pytest.mark.parametrize(
        ("request_", "action"),
        [
            (("POST", f"/v2/a/blobs/uploads/?digest={DIGEST}", [], CONTENT), "push"),
            (("POST", f"/v2/b/blobs/uploads/?mount={CONFIG}&from=a"), "mount"),
            (("PUT", "/v2/a/manifests/u", [("Content-Type", OCI)], IMAGE.payload), "push"),
            (("DELETE", "/v2/a/manifests/t"), "delete"),
            (("DELETE", f"/v2/a/manifests/{IMAGE.digest}"), "delete"),
            (("DELETE", f"/v2/a/blobs/{CONFIG}"), "delete"),
        ],
    )
    def test_gone(self, request_: tuple[Any, ...], action: str) -> None:
        """
        A client that goes away while the sink writes interrupts nothing.
        """
        before = make_told()
        IMAGE.push(before.served, "a", "t")
        sink = HoldingSink()
        told = make_told(sink, driver=before.served.driver)
        connection = told.served.connect()
        connection.send(request_bytes(*request_))
        connection.lose()
        assert {what for what, *_ in told.told()} == {action}
        assert not sink.waiting[0].called
        sink.waiting[0].callback(None)

    def test_broken(self, logged_failures: list[Failure]) -> None:
        """
        No request fails for a sink that does; it is counted, logged once, and goes on by itself.
        """
        sink, metrics = BrokenSink(), Metrics()
        told = make_told(sink, metrics=metrics)
        for _ in range(3):
            connection = self.push(told)
            assert connection.answers()[0].status == 201
            connection.lose()
        assert told.served.get(f"v2/a/blobs/{DIGEST}").body == CONTENT
        assert metrics.counts == {UNWRITTEN: 4}
        assert [failure.type for failure in logged_failures] == [OSError]
        logged_failures.clear()
        sink.broken = False
        self.push(told).lose()
        assert len(told.taken()) == 1
        sink.broken = True
        self.push(told).lose()
        assert len(logged_failures) == 1
        logged_failures.clear()
        assert sink.writes == 6


def test_type_of_index() -> None:
    """
    An OCI index is told as what it is.
    """
    told = make_told()
    IMAGE.push(told.served, "a")
    told.served.push_manifest("a", "t", index_of(IMAGE.descriptor()), INDEX)
    assert told.taken()[-1].target.media_type == INDEX


def test_nobody_wants_pulls() -> None:
    """
    Where nobody wants to know of pulls, none is told, and the rest is.
    """
    told = make_told(pulls=False)
    IMAGE.push(told.served, "a", "t")
    assert len(told.taken()) == 3
    told.served.get("v2/a/manifests/t")
    told.served.head(f"v2/a/blobs/{Digest.of(IMAGE.blobs[0])}")
    assert told.taken() == []
