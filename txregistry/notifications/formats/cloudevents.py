"""
Events as CloudEvents 1.0, by the HTTP protocol binding and the JSON event format.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from txregistry.model.event import Event
from txregistry.notifications.formats.json import compact
from txregistry.notifications.formats.message import Format, Message
from txregistry.notifications.formats.records import record_v2
from txregistry.notifications.formats.timestamp import rfc3339

STRUCTURED: Final = b"application/cloudevents+json; charset=utf-8"
BATCH: Final = b"application/cloudevents-batch+json; charset=utf-8"
DATA: Final = "application/json"

_PLAIN: Final = "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""What may stand in a header field as it is: not the space, ``"`` and ``%`` (HTTP §3.1.3.2)."""


def structured_format(*, batched: bool) -> Format:
    """
    :param batched: whether a message holds a list, be it of one event.
    :return: what writes the attributes and the data into the body.
    """

    def write(events: Sequence[Event]) -> Message:
        bodies = [{**_attributes(event), "data": record_v2(event)} for event in events]
        if batched:
            return Message(((b"Content-Type", BATCH),), compact(bodies))
        (body,) = bodies
        return Message(((b"Content-Type", STRUCTURED),), compact(body))

    return write


def binary_format(events: Sequence[Event]) -> Message:
    """:return: one event, its attributes in header fields and its data as the body."""
    (event,) = events
    attributes = _attributes(event)
    media_type = attributes.pop("datacontenttype").encode("ascii")
    fields = tuple((f"ce-{name}".encode("ascii"), _field(attributes[name])) for name in attributes)
    return Message(((b"Content-Type", media_type), *fields), compact(record_v2(event)))


def _attributes(event: Event) -> dict[str, Any]:
    target = event.target
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": f"//{quote(event.source.address, safe=':[]')}/v2/{target.repository}",
        "type": f"txregistry.{target.kind}.{event.action}",
        "subject": _subject(event),
        "time": rfc3339(event.timestamp, event.utc_offset),
        "datacontenttype": DATA,
    }


def _subject(event: Event) -> str:
    """:return: what it is about within the source: a tag, or a digest."""
    target = event.target
    return str(target.digest or target.tag or target.repository)


def _field(text: str) -> bytes:
    return quote(text, safe=_PLAIN, errors="replace").encode("ascii")
