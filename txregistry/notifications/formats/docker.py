"""
Events as distribution sends them: an envelope of JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from txregistry.model.event import Event
from txregistry.notifications.formats.json import indented
from txregistry.notifications.formats.message import Format, Message
from txregistry.notifications.formats.records import RECORDS

_V1: Final = b"application/vnd.docker.distribution.events.v1+json"
_V2: Final = b"application/vnd.docker.distribution.events.v2+json"
_TYPES: Final = {"v2": _V2, "2.8": _V1, "v1": _V1}


def docker_format(version: str) -> Format:
    """
    :param version: ``v2`` as distribution 3 writes, ``2.8`` as the 2.x do, ``v1`` as in 2015.
    :return: what writes events so.
    """
    record, media_type = RECORDS[version], _TYPES[version]

    def write(events: Sequence[Event]) -> Message:
        body = indented({"events": [record(event) for event in events]})
        return Message(((b"Content-Type", media_type),), body)

    return write
