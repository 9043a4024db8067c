"""
Events as the members of JSON objects, in the order in which distribution writes them.

There are three of these forms: that of distribution 3, that of the 2.x, and that of 2015, when
there were neither tags nor mounts in events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from txregistry.model.event import Event, EventAction, Kind, Member, Target
from txregistry.notifications.formats.timestamp import rfc3339

Record = dict[str, Any]

LAYER_OF_2015: Final = "application/vnd.docker.container.image.rootfs.diff+x-gtar"
"""What every blob was called in 2015."""

_PLATFORM: Final = ("os.version", "os.features", "variant")


def record_v2(event: Event) -> Record:
    """:return: an event as distribution 3 writes it."""
    target = event.target
    return _event(
        event,
        event.action.value,
        {
            "mediaType": target.media_type,
            "digest": str(target.digest or ""),
            "size": target.size,
            **_filled(length=target.size, **_place(target)),
            **_filled(references=[_member_v2(member) for member in target.references]),
        },
    )


def record_2_8(event: Event) -> Record:
    """:return: an event as distribution 2.8 writes it, which leaves out what is empty."""
    target = event.target
    return _event(
        event,
        event.action.value,
        _filled(
            mediaType=target.media_type,
            size=target.size,
            digest=str(target.digest or ""),
            length=target.size,
            **_place(target),
            references=[_member_2_8(member) for member in target.references],
        ),
    )


def record_v1(event: Event) -> Record:
    """
    :return: an event as in 2015.  A blob that was mounted has been pushed to the repository, and
        a tag, which had no member then, has one where nothing else tells what was deleted.
    """
    target = event.target
    pushed = event.action is EventAction.MOUNT
    only_tag = target.kind is Kind.TAG
    return _event(
        event,
        EventAction.PUSH.value if pushed else event.action.value,
        _filled(
            mediaType=_media_type_of_2015(target),
            length=target.size,
            digest=str(target.digest or ""),
            repository=target.repository,
            url=_url_of_2015(target),
            tag=target.tag if only_tag else "",
        ),
    )


def _event(event: Event, action: str, target: Record) -> Record:
    request, source = event.request, event.source
    return {
        **_filled(id=event.id),
        "timestamp": rfc3339(event.timestamp, event.utc_offset),
        "action": action,
        "target": target,
        "request": {
            "id": request.id,
            **_filled(addr=request.address, host=request.host),
            "method": request.method,
            "useragent": request.user_agent,
        },
        "actor": _filled(name=event.actor),
        "source": _filled(addr=source.address, instanceID=source.instance),
    }


def _filled(**members: Any) -> Record:
    return {name: value for name, value in members.items() if value}


def _place(target: Target) -> Record:
    return {
        "repository": target.repository,
        "fromRepository": target.from_repository,
        "url": target.url,
        "tag": target.tag,
    }


def _member_v2(member: Member) -> Record:
    return {
        "mediaType": member.media_type,
        "digest": str(member.digest),
        "size": member.size,
        **_filled(
            urls=list(member.urls),
            annotations=_sorted(member.annotations),
            data=member.data,
            platform=_platform(member.platform),
            artifactType=member.artifact_type,
        ),
    }


def _member_2_8(member: Member) -> Record:
    """The 2.x know less of descriptors, and of a list's entries not even the platform."""
    return _filled(
        mediaType=member.media_type,
        size=member.size,
        digest=str(member.digest),
        urls=list(member.urls),
        annotations=_sorted(member.annotations),
    )


def _sorted(members: Mapping[str, str]) -> Record:
    """Go writes the keys of a map in the order of their bytes."""
    return {key: members[key] for key in sorted(members, key=_bytes)}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _platform(platform: Mapping[str, Any] | None) -> Record:
    if platform is None:
        return {}
    return {
        "architecture": platform.get("architecture", ""),
        "os": platform.get("os", ""),
        **_filled(**{name: platform.get(name) for name in _PLATFORM}),
    }


def _media_type_of_2015(target: Target) -> str:
    is_blob = target.kind is Kind.BLOB
    return LAYER_OF_2015 if is_blob and target.media_type else target.media_type


def _url_of_2015(target: Target) -> str:
    """Manifests had a URL by tag, if they had a tag."""
    if target.url and target.tag:
        return f"{target.url.rpartition('/')[0]}/{target.tag}"
    return target.url


RECORDS: Final[dict[str, Callable[[Event], Record]]] = {
    "v2": record_v2,
    "2.8": record_2_8,
    "v1": record_v1,
}
"""By the version that an endpoint is configured with."""
