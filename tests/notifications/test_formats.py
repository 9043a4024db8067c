"""
How events are written for endpoints.
"""

from __future__ import annotations

import hmac
import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import pytest
from attrs import evolve
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import given
from hypothesis import strategies as st

from txregistry.model.digest import Digest
from txregistry.model.event import Event, EventAction, Kind, Member, Origin, Source, Target
from txregistry.notifications.formats.choice import Wanted, choose_format
from txregistry.notifications.formats.json import compact, indented
from txregistry.notifications.formats.message import Message
from txregistry.notifications.formats.signature import FIELD, signed
from txregistry.notifications.formats.timestamp import rfc3339

SUM = Digest.of(b"{}")
REQUEST = Origin("r-1", "192.0.2.1:4711", "registry:5000", "PUT", "docker/28 <&>")
SOURCE = Source("vm:5000", "i-1")
URL = f"http://registry:5000/v2/team/app/manifests/{SUM}"
MANIFEST = Event(
    id="e-1",
    timestamp=1_764_000_000_611_404_283,
    action=EventAction.PUSH,
    target=Target(
        "team/app",
        digest=SUM,
        media_type="application/vnd.oci.image.index.v1+json",
        size=304,
        url=URL,
        tag="latest",
        references=(
            Member(
                "a/b",
                SUM,
                0,
                urls=("http://x/?a&b",),
                annotations={"z": "ä", "a": "1"},
                data="e30=",
                platform={"variant": "v8", "os": "linux", "more": 1},
                artifact_type="c/d",
            ),
        ),
    ),
    request=REQUEST,
    actor="ann",
    source=SOURCE,
)
BLOB = evolve(
    MANIFEST,
    action=EventAction.MOUNT,
    actor="",
    target=Target(
        "team/app",
        Kind.BLOB,
        SUM,
        "application/octet-stream",
        2,
        f"http://registry:5000/v2/team/app/blobs/{SUM}",
        from_repository="other/app",
        layer_type="application/vnd.oci.image.layer.v1.tar",
    ),
)
NO_TAG = evolve(
    MANIFEST, action=EventAction.DELETE, target=Target("team/app", Kind.TAG, tag="latest")
)
NO_BLOB = evolve(MANIFEST, action=EventAction.DELETE, target=Target("team/app", Kind.BLOB, SUM))

V2 = """{
   "events": [
      {
         "id": "e-1",
         "timestamp": "2025-11-24T16:00:00.611404283Z",
         "action": "push",
         "target": {
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "digest": "SUM",
            "size": 304,
            "length": 304,
            "repository": "team/app",
            "url": "http://registry:5000/v2/team/app/manifests/SUM",
            "tag": "latest",
            "references": [
               {
                  "mediaType": "a/b",
                  "digest": "SUM",
                  "size": 0,
                  "urls": [
                     "http://x/?a\\u0026b"
                  ],
                  "annotations": {
                     "a": "1",
                     "z": "ä"
                  },
                  "data": "e30=",
                  "platform": {
                     "architecture": "",
                     "os": "linux",
                     "variant": "v8"
                  },
                  "artifactType": "c/d"
               }
            ]
         },
         "request": {
            "id": "r-1",
            "addr": "192.0.2.1:4711",
            "host": "registry:5000",
            "method": "PUT",
            "useragent": "docker/28 \\u003c\\u0026\\u003e"
         },
         "actor": {
            "name": "ann"
         },
         "source": {
            "addr": "vm:5000",
            "instanceID": "i-1"
         }
      }
   ]
}""".replace("SUM", str(SUM))


def write(*events: Event, **wanted: Any) -> Message:
    """Write events in a format."""
    return choose_format(Wanted(**wanted))(events)


def targets(*events: Event, **wanted: Any) -> list[dict[str, Any]]:
    """The targets of events in a format of distribution."""
    return [event["target"] for event in json.loads(write(*events, **wanted).body)["events"]]


def fields(message: Message) -> dict[str, str]:
    """The header fields."""
    return {name.decode().lower(): value.decode() for name, value in message.headers}


class VersionTwoTests:
    """
    Events as distribution 3 writes them.
    """

    def test_whole(self) -> None:
        """
        Members, their order, indentation and escapes are those of distribution.
        """
        message = write(MANIFEST)
        assert message.body.decode() == V2
        assert fields(message) == {
            "content-type": "application/vnd.docker.distribution.events.v2+json"
        }

    def test_deletes(self) -> None:
        """
        Type, digest and size are there even if they are empty; nothing else is.
        """
        assert targets(NO_TAG, NO_BLOB) == [
            {"mediaType": "", "digest": "", "size": 0, "repository": "team/app", "tag": "latest"},
            {"mediaType": "", "digest": str(SUM), "size": 0, "repository": "team/app"},
        ]

    def test_mount(self) -> None:
        """
        A mount tells from where, and a blob's type from manifests is not told.
        """
        assert targets(BLOB) == [
            {
                "mediaType": "application/octet-stream",
                "digest": str(SUM),
                "size": 2,
                "length": 2,
                "repository": "team/app",
                "fromRepository": "other/app",
                "url": BLOB.target.url,
            }
        ]

    def test_nobody(self) -> None:
        """
        What is always there is there for a request of which nothing is known, too.
        """
        bare = Event("", 0, EventAction.PULL, Target(""))
        (event,) = json.loads(write(bare).body)["events"]
        assert event == {
            "timestamp": "1970-01-01T00:00:00Z",
            "action": "pull",
            "target": {"mediaType": "", "digest": "", "size": 0},
            "request": {"id": "", "method": "", "useragent": ""},
            "actor": {},
            "source": {},
        }

    def test_several(self) -> None:
        """
        An envelope holds as many events as it is given, in their order.
        """
        events = [evolve(MANIFEST, id=str(number)) for number in range(5)]
        document = json.loads(write(*events, batch=5).body)
        assert [event["id"] for event in document["events"]] == list("01234")


class OlderTests:
    """
    Events as the 2.x and as distribution in 2015 wrote them.
    """

    def test_2_8(self) -> None:
        """
        The 2.x have the size before the digest, and leave out what is empty.
        """
        message = write(MANIFEST, version="2.8")
        assert fields(message) == {
            "content-type": "application/vnd.docker.distribution.events.v1+json"
        }
        (target,) = targets(MANIFEST, version="2.8")
        assert list(target) == [
            *("mediaType", "size", "digest", "length", "repository", "url", "tag", "references")
        ]
        assert target["references"] == [
            {
                "mediaType": "a/b",
                "digest": str(SUM),
                "urls": ["http://x/?a&b"],
                "annotations": {"a": "1", "z": "ä"},
            }
        ]
        assert targets(NO_TAG, NO_BLOB, version="2.8") == [
            {"repository": "team/app", "tag": "latest"},
            {"digest": str(SUM), "repository": "team/app"},
        ]

    def test_v1_manifest(self) -> None:
        """
        In 2015 a manifest had a URL by its tag, and no tag, size or references.
        """
        assert fields(write(MANIFEST, version="v1")) == {
            "content-type": "application/vnd.docker.distribution.events.v1+json"
        }
        (target,) = targets(MANIFEST, version="v1")
        assert list(target.items()) == [
            ("mediaType", MANIFEST.target.media_type),
            ("length", 304),
            ("digest", str(SUM)),
            ("repository", "team/app"),
            ("url", "http://registry:5000/v2/team/app/manifests/latest"),
        ]

    def test_v1_blob(self) -> None:
        """
        In 2015 each blob was a layer, and one that is mounted is pushed.
        """
        (event,) = json.loads(write(BLOB, version="v1").body)["events"]
        assert event["action"] == "push"
        assert event["target"] == {
            "mediaType": "application/vnd.docker.container.image.rootfs.diff+x-gtar",
            "length": 2,
            "digest": str(SUM),
            "repository": "team/app",
            "url": BLOB.target.url,
        }

    def test_v1_deletes(self) -> None:
        """
        That a tag was deleted can't be taken for the delete of the repository.
        """
        assert targets(NO_TAG, NO_BLOB, version="v1") == [
            {"repository": "team/app", "tag": "latest"},
            {"digest": str(SUM), "repository": "team/app"},
        ]


class CloudEventsTests:
    """
    Events as CloudEvents 1.0.
    """

    def test_structured(self) -> None:
        """
        Attributes and data are members of one object; the data is the event of distribution.
        """
        message = write(MANIFEST, format="cloudevents")
        assert fields(message) == {"content-type": "application/cloudevents+json; charset=utf-8"}
        document = json.loads(message.body)
        assert document.pop("data") == json.loads(write(MANIFEST).body)["events"][0]
        assert document == {
            "specversion": "1.0",
            "id": "e-1",
            "source": "//vm:5000/v2/team/app",
            "type": "txregistry.manifest.push",
            "subject": str(SUM),
            "time": "2025-11-24T16:00:00.611404283Z",
            "datacontenttype": "application/json",
        }

    @pytest.mark.parametrize(
        ("event", "type", "subject"),
        [
            (BLOB, "txregistry.blob.mount", str(SUM)),
            (NO_TAG, "txregistry.tag.delete", "latest"),
            (NO_BLOB, "txregistry.blob.delete", str(SUM)),
        ],
    )
    def test_types(self, event: Event, type: str, subject: str) -> None:
        """
        The type says what happened to what, and the subject to which.
        """
        document = json.loads(write(event, format="cloudevents").body)
        assert (document["type"], document["subject"]) == (type, subject)

    def test_batch(self) -> None:
        """
        Where several may come, each message is a list, also of one.
        """
        for count in (1, 3):
            message = write(*[MANIFEST] * count, format="cloudevents", batch=3)
            assert fields(message) == {
                "content-type": "application/cloudevents-batch+json; charset=utf-8"
            }
            assert [each["id"] for each in json.loads(message.body)] == ["e-1"] * count

    def test_binary(self) -> None:
        """
        The attributes are header fields, and the data is the body.
        """
        message = write(MANIFEST, format="cloudevents", mode="binary")
        assert fields(message) == {
            "content-type": "application/json",
            "ce-specversion": "1.0",
            "ce-id": "e-1",
            "ce-source": "//vm:5000/v2/team/app",
            "ce-type": "txregistry.manifest.push",
            "ce-subject": str(SUM),
            "ce-time": "2025-11-24T16:00:00.611404283Z",
        }
        assert json.loads(message.body) == json.loads(write(MANIFEST).body)["events"][0]

    @given(st.text(max_size=20))
    def test_binary_fields(self, text: str) -> None:
        """
        Whatever is in an attribute, its field is printable ASCII, and decodes to the same.
        """
        event = evolve(NO_TAG, id=text)
        value = fields(write(event, format="cloudevents", mode="binary"))["ce-id"]
        assert re.fullmatch(r"[!-~]*", value)
        assert '"' not in value
        assert unquote(value) == text

    @pytest.mark.parametrize("mode", ["structured", "binary"])
    @pytest.mark.parametrize("event", [MANIFEST, BLOB, NO_TAG, NO_BLOB])
    def test_read_by_others(self, mode: str, event: Event) -> None:
        """
        The SDK of the CloudEvents project finds nothing wrong with them, and the same in them.
        """
        message = write(event, format="cloudevents", mode=mode)
        names = {name.decode(): value.decode() for name, value in message.headers}
        read = from_http_event(HTTPMessage(names, message.body))
        assert (read.get_id(), read.get_specversion()) == (event.id, "1.0")
        assert read.get_type() == f"txregistry.{event.target.kind}.{event.action}"
        assert read.get_source() == "//vm:5000/v2/team/app"
        time = read.get_time()
        assert time is not None
        assert int(time.timestamp()) == event.timestamp // 10**9
        assert read.get_data() == json.loads(write(event).body)["events"][0]

    def test_one_only(self) -> None:
        """
        A message that has room for one event is given one.
        """
        for mode in ("structured", "binary"):
            with pytest.raises(ValueError, match="unpack"):
                write(MANIFEST, BLOB, format="cloudevents", mode=mode)


class JsonTests:
    """
    JSON as Go writes it.
    """

    @given(st.recursive(st.text() | st.integers(), lambda of: st.dictionaries(st.text(), of)))
    def test_round_trip(self, document: Any) -> None:
        """
        It means the same, and holds none of what Go escapes.
        """
        for text in (compact(document), indented(document)):
            assert json.loads(text) == document
            assert not re.search("[<>&\u2028\u2029]", text.decode())

    def test_escapes(self) -> None:
        """
        What is escaped, and how, is what Go's encoder does.
        """
        assert (
            compact("\"\\/<>&'\u2028\u2029\b\f\n\r\t\x00\x1f\x7fä\ufffd🐳")
            == (
                r'"\"\\/\u003c\u003e\u0026' + "'" + r"\u2028\u2029\b\f\n\r\t\u0000\u001f"
                '\x7fä\ufffd🐳"'
            ).encode()
        )

    def test_no_utf8(self) -> None:
        """
        Each byte that was no UTF-8 is a replacement character, written as an escape.
        """
        assert compact(b"a\xff\xc3(".decode("utf-8", "surrogateescape")) == rb'"a\ufffd\ufffd("'

    def test_empty(self) -> None:
        """
        What is empty takes no lines.
        """
        assert indented({"a": {}, "b": []}) == b'{\n   "a": {},\n   "b": []\n}'


class TimestampTests:
    """
    Points in time.
    """

    @pytest.mark.parametrize(
        ("nanoseconds", "offset", "text"),
        [
            (0, 0, "1970-01-01T00:00:00Z"),
            (1, 0, "1970-01-01T00:00:00.000000001Z"),
            (1_500_000_000, 3600, "1970-01-01T01:00:01.5+01:00"),
            (0, -12_600, "1969-12-31T20:30:00-03:30"),
            (120_000_000, 1, "1970-01-01T00:00:00.12Z"),
        ],
    )
    def test_known(self, nanoseconds: int, offset: int, text: str) -> None:
        """
        There are as many digits as are needed, and ``Z`` for no offset.
        """
        assert rfc3339(nanoseconds, offset) == text

    @given(st.integers(0, 2**62), st.integers(-86_340, 86_340))
    def test_same_moment(self, nanoseconds: int, offset: int) -> None:
        """
        Whatever the offset, the text means the moment.
        """
        text = rfc3339(nanoseconds, offset)
        read = datetime.fromisoformat(re.sub(r"\.\d+", "", text))
        assert int(read.timestamp()) == nanoseconds // 1_000_000_000
        fraction = re.search(r"\.(\d+)", text)
        assert int(fraction[1].ljust(9, "0") if fraction else 0) == nanoseconds % 1_000_000_000


class SignatureTests:
    """
    Signatures.
    """

    @given(st.binary(min_size=1), st.binary(), st.integers(0, 2**40))
    def test_verifies(self, secret: bytes, body: bytes, now: int) -> None:
        """
        Who has the secret computes the same from the field's time and the body.
        """
        message = signed(Message(((b"a", b"b"),), body), secret, now)
        assert message.body == body
        assert message.headers[0] == (b"a", b"b")
        name, value = message.headers[1]
        assert name == FIELD
        time, digest = re.fullmatch(rb"t=(\d+),sha256=([0-9a-f]{64})", value).groups()  # type: ignore[union-attr]  # it matches
        assert int(time) == now
        assert hmac.new(secret, time + b"." + body, "sha256").hexdigest() == digest.decode()
