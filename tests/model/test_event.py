"""
Events as values and as bytes.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from attrs import evolve, fields
from hypothesis import given
from hypothesis import strategies as st

from txregistry.model.digest import Digest
from txregistry.model.event import (
    Event,
    EventAction,
    Kind,
    Member,
    Origin,
    Source,
    Target,
    decode,
    encode,
    encode_plain,
)
from txregistry.model.event_id import event_id

texts = st.text(max_size=40)
digests = st.binary(max_size=4).map(Digest.of)
platforms = st.dictionaries(
    texts, texts | st.lists(texts, max_size=2) | st.integers() | st.none(), max_size=3
)
members = st.builds(
    Member,
    media_type=texts,
    digest=digests,
    size=st.integers(0, 2**63),
    urls=st.lists(texts, max_size=2).map(tuple),
    annotations=st.dictionaries(texts, texts, max_size=2),
    data=texts,
    platform=st.none() | platforms,
    artifact_type=texts,
)
targets = st.builds(
    Target,
    repository=texts,
    kind=st.sampled_from(Kind),
    digest=st.none() | digests,
    media_type=texts,
    size=st.integers(0, 2**63),
    url=texts,
    tag=texts,
    from_repository=texts,
    references=st.lists(members, max_size=2).map(tuple),
    layer_type=texts,
)
events = st.builds(
    Event,
    id=texts,
    timestamp=st.integers(0, 2**63),
    action=st.sampled_from(EventAction),
    target=targets,
    request=st.builds(Origin, texts, texts, texts, texts, texts),
    actor=texts,
    source=st.builds(Source, texts, texts),
    utc_offset=st.integers(-86399, 86399),
)


def plain(**changes: Any) -> dict[str, Any]:
    """A stored event, changed."""
    event = Event("1", 2, EventAction.PUSH, Target("a/b"))
    document: dict[str, Any] = json.loads(encode(event))
    return document | changes


def plain_fields(event: Event) -> list[str]:
    """What :func:`encode_plain` wants to know of an event."""
    target, origin, source = event.target, event.request, event.source
    return [
        event.id or "",
        str(event.timestamp),
        str(event.utc_offset),
        event.action,
        target.kind,
        target.repository,
        str(target.digest),
        target.media_type,
        str(target.size),
        target.url,
        target.tag,
        target.layer_type,
        event.actor,
        source.address,
        source.instance,
        origin.id,
        origin.address,
        origin.host,
        origin.method,
        origin.user_agent,
    ]


def event_without_zeros(event: Event) -> Event:
    """An event whose texts have something else for each zero byte."""

    def mended(value: Any) -> dict[str, Any]:
        return {
            field.name: getattr(value, field.name).replace("\0", "\ufffd")
            for field in fields(type(value))
            if type(getattr(value, field.name)) is str
        }

    return evolve(
        event,
        target=evolve(event.target, **mended(event.target)),
        request=evolve(event.request, **mended(event.request)),
        source=evolve(event.source, **mended(event.source)),
        **mended(event),
    )


class EventTests:
    """
    What is kept of an event.
    """

    @given(events)
    def test_round_trip(self, event: Event) -> None:
        """
        What was encoded is decoded to the same event, whatever is in it.
        """
        assert decode(encode(event)) == event

    @given(events)
    def test_one_line(self, event: Event) -> None:
        """
        An encoded event is one line of ASCII: it can stand in a file of such lines.
        """
        assert encode(event).isascii()
        assert len(encode(event).splitlines()) == 1

    @given(events)
    def test_push(self, event: Event) -> None:
        """
        What the event of a push or a pull was encoded to is decoded to the same event, whatever is
        in it; a zero byte is U+FFFD then.
        """
        digest = event.target.digest or Digest.of(b"")
        target = evolve(event.target, digest=digest, references=(), from_repository="")
        push = evolve(event, id=event.id or "id", target=target)
        assert decode(encode_plain(*plain_fields(push))) == event_without_zeros(push)

    def test_push_without_id(self) -> None:
        """
        Where its id is not told, it is made of its moment and the request's, and always the same.
        """
        request_id = "12345678-1234-4234-a234-123456789abc"
        target = Target("a/b", digest=Digest.of(b""))
        push = Event("", 10**18 + 1, EventAction.PUSH, target, Origin(request_id))
        payload = encode_plain(*plain_fields(push))
        assert decode(payload).id == event_id(10**18 + 1, request_id) == decode(payload).id
        assert decode(payload).id.endswith("-a234-123456789abc")

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\xff",
            b"[]",
            b"{}",
            b"null",
            json.dumps(plain(form=2)).encode(),
            b"2\0",
            encode_plain(*["1"] * 19),
            encode_plain(*["1"] * 20),
            encode_plain(*["1"] * 21),
            json.dumps(plain(action="burn")).encode(),
            json.dumps(plain(target={"digest": "md5:0"})).encode(),
            json.dumps(plain(target={"colour": "red"})).encode(),
            json.dumps(plain(target=7)).encode(),
            json.dumps(plain(request=[1] * 9)).encode(),
            json.dumps(plain(target={"references": [["too short"]]})).encode(),
        ],
    )
    def test_something_else(self, data: bytes) -> None:
        """
        What is no event, or one of a newer version, is a ValueError and nothing else.
        """
        with pytest.raises(ValueError):  # noqa: PT011 - its subclasses and texts are json's
            decode(data)

    @given(st.binary(max_size=60))
    def test_any_bytes(self, data: bytes) -> None:
        """
        Whatever bytes are decoded, it is an event or a ValueError.
        """
        with suppress(ValueError):
            decode(data)
