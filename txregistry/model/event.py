"""
Events: what happened to what, by which request, who did it, and who tells.

An event is what all formats are written from.  :func:`encode`, :func:`encode_plain` and
:func:`decode` are for whoever keeps events; what goes to endpoints is the formats' affair.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from attrs import field, frozen

from txregistry.errors import DigestInvalid
from txregistry.model.digest import Digest
from txregistry.model.event_id import event_id

FORM: Final = 1
"""The form in which :func:`encode` writes: JSON."""

_PLAIN: Final = b"2\0"
"""How what :func:`encode_plain` writes begins, which is no JSON: a form of its own."""


# To make it takes a third as long as to write an event with it.
_dump: Final = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode


class EventAction(StrEnum):
    """What happened."""

    PULL = "pull"
    PUSH = "push"
    MOUNT = "mount"
    DELETE = "delete"


class Kind(StrEnum):
    """What something happened to."""

    MANIFEST = "manifest"
    BLOB = "blob"
    TAG = "tag"


@frozen
class Member:
    """
    Content that a manifest names, as its descriptor says (``descriptor.md`` of the OCI image
    specification).

    :param media_type: its media type.
    :param digest: its digest.
    :param size: in bytes.
    :param urls: where else it may be had.
    :param annotations: of the descriptor.
    :param data: the content itself in Base64, ``""`` where it isn't embedded.
    :param platform: what it runs on: the members of the descriptor's ``platform``, ``None`` where
        there is none.
    :param artifact_type: what it is, where it says so.
    """

    media_type: str
    digest: Digest
    size: int
    urls: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(factory=dict)
    data: str = ""
    platform: Mapping[str, Any] | None = None
    artifact_type: str = ""


@frozen
class Target:
    """
    What an event is about.

    :param repository: the name of the repository.
    :param kind: what it is; a manifest that is pulled or pushed by a tag is a manifest.
    :param digest: of the manifest or blob; ``None`` where only a tag was deleted.
    :param media_type: of it; ``""`` where it is gone.
    :param size: of it in bytes; 0 where it is gone.
    :param url: where it is; ``""`` where it is gone.
    :param tag: the tag that was asked for, set or deleted, or ``""``.
    :param from_repository: where a blob was mounted from, or ``""``.
    :param references: what the manifest names, where that is wanted.
    :param layer_type: the media type that manifests give a blob, ``""`` where that isn't known.
        It is for filters, and in no format.
    """

    repository: str
    kind: Kind = Kind.MANIFEST
    digest: Digest | None = None
    media_type: str = ""
    size: int = 0
    url: str = ""
    tag: str = ""
    from_repository: str = ""
    references: tuple[Member, ...] = ()
    layer_type: str = ""


@frozen
class Origin:
    """
    The request that an event comes from.

    :param id: a UUID, the same in logs.
    :param address: of the client; with the port, where no proxy stands before us.
    :param host: the request's ``Host``.
    :param method: its method.
    :param user_agent: what the client calls itself.
    """

    id: str = ""
    address: str = ""
    host: str = ""
    method: str = ""
    user_agent: str = ""


@frozen
class Source:
    """
    Who tells of an event.

    :param address: ``<hostname>:<port>`` of the registry.
    :param instance: a UUID, another one after each start.
    """

    address: str = ""
    instance: str = ""


@frozen
class Event:
    """
    Something that happened.

    :param id: a UUID; the same whenever and to whomever the event is sent.
    :param timestamp: when it happened, in nanoseconds since 1970.
    :param utc_offset: what the local time was ahead of UTC then, in seconds.
    :param actor: the name of the user, ``""`` for nobody in particular.
    """

    id: str
    timestamp: int
    action: EventAction
    target: Target
    request: Origin = Origin()
    actor: str = ""
    source: Source = Source()
    utc_offset: int = 0


def encode(event: Event) -> bytes:
    """:return: an event as bytes, from which :func:`decode` makes the same one."""
    request, source = event.request, event.source
    document = {
        "form": FORM,
        "id": event.id,
        "time": event.timestamp,
        "offset": event.utc_offset,
        "action": event.action.value,
        "target": _target_record(event.target),
        "request": [
            request.id,
            request.address,
            request.host,
            request.method,
            request.user_agent,
        ],
        "actor": event.actor,
        "source": [source.address, source.instance],
    }
    return _dump(document).encode("ascii")


def encode_plain(*fields: str) -> bytes:
    """
    Encode the event of a push or a pull that tells no references.  There is one for every push and
    pull, and others wait for it to be made: so this is a few texts in a row, without any of the
    objects that an event consists of.

    :param fields: the event's id, ``""`` for the one that is made of its moment and its request's
        id; its timestamp, and what the local time was ahead of UTC; the action; the target's kind,
        repository, digest, media type, size, url, tag and layer type; the actor; the fields of the
        :class:`Source`, and those of the :class:`Origin`.
    :return: what :func:`decode` makes that event from.
    """
    text = "\0".join(fields)
    if text.count("\0") >= len(fields):
        # Nothing of HTTP has such a byte, but names of users may come from elsewhere.
        text = "\0".join([field.replace("\0", "\ufffd") for field in fields])
    return _PLAIN + text.encode("utf-8", "surrogatepass")


def decode(data: bytes) -> Event:
    """
    :param data: what :func:`encode` or :func:`encode_plain` made, here or in an earlier version.
    :raises ValueError: if it is something else.
    """
    try:
        if data.startswith(_PLAIN):
            return _plain(data)
        document = json.loads(data)
        if document["form"] != FORM:
            raise ValueError(f"events of form {document['form']!r} are from a newer version")
        return Event(
            id=document["id"],
            timestamp=document["time"],
            utc_offset=document["offset"],
            action=EventAction(document["action"]),
            target=_target(document["target"]),
            request=Origin(*document["request"]),
            actor=document["actor"],
            source=Source(*document["source"]),
        )
    except (KeyError, TypeError, AttributeError, DigestInvalid) as error:
        raise ValueError(f"this is no event: {error!r}") from error


def _plain(data: bytes) -> Event:
    """:return: the event that :func:`encode_plain` was told of."""
    fields = data[len(_PLAIN) :].decode("utf-8", "surrogatepass").split("\0")
    known_id, time, offset, action, kind, repository, digest, media_type, size, *more = fields
    url, tag, layer_type, actor, address, instance, *more = more
    request_id, client, host, method, agent = more
    origin = Origin(request_id, client, host, method, agent)
    return Event(
        id=known_id or event_id(int(time), origin.id),
        timestamp=int(time),
        utc_offset=int(offset),
        action=EventAction(action),
        target=Target(
            repository=repository,
            kind=Kind(kind),
            digest=Digest.parse(digest),
            media_type=media_type,
            size=int(size),
            url=url,
            tag=tag,
            layer_type=layer_type,
        ),
        request=origin,
        actor=actor,
        source=Source(address, instance),
    )


def _target_record(target: Target) -> dict[str, Any]:
    record = {
        "repository": target.repository,
        "kind": target.kind.value,
        "digest": str(target.digest) if target.digest else "",
        "media_type": target.media_type,
        "size": target.size,
        "url": target.url,
        "tag": target.tag,
        "from_repository": target.from_repository,
        "references": [_member_record(member) for member in target.references],
        "layer_type": target.layer_type,
    }
    return {key: value for key, value in record.items() if value}


def _target(record: dict[str, Any]) -> Target:
    members = dict(record)
    members.setdefault("repository", "")
    members["kind"] = Kind(record["kind"])
    members["digest"] = Digest.parse(record["digest"]) if "digest" in record else None
    members["references"] = tuple(_member(each) for each in record.get("references", ()))
    return Target(**members)


def _member_record(member: Member) -> list[Any]:
    return [
        member.media_type,
        str(member.digest),
        member.size,
        list(member.urls),
        dict(member.annotations),
        member.data,
        None if member.platform is None else dict(member.platform),
        member.artifact_type,
    ]


def _member(record: list[Any]) -> Member:
    media_type, digest, size, urls, *rest = record
    return Member(media_type, Digest.parse(digest), size, tuple(urls), *rest)
