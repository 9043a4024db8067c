"""
What a manifest names, as events tell it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from txregistry.errors import DigestInvalid
from txregistry.model.digest import Digest
from txregistry.model.event import Member

READ_AT_ONCE: Final = 64 * 1024
"""A manifest of more bytes is read in a thread: 4 MiB of JSON take a quarter of a second."""


def members(payload: bytes) -> tuple[Member, ...]:
    """
    :param payload: a manifest that has been accepted.
    :return: the config, the layers and blobs, and the entries of an index, in this order.  What is
        no descriptor, as in manifests that others stored long ago, is left out.
    """
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return ()
    return tuple(_members(document)) if isinstance(document, dict) else ()


def _members(document: dict[str, Any]) -> Iterator[Member]:
    values = [document.get("config")]
    for key in ("layers", "blobs", "manifests"):
        listed = document.get(key)
        values += listed if isinstance(listed, list) else []
    for value in values:
        if isinstance(value, dict):
            try:
                yield _member(value)
            except (KeyError, TypeError, ValueError, DigestInvalid):
                continue


def _member(value: dict[str, Any]) -> Member:
    platform = value.get("platform")
    return Member(
        media_type=str(value["mediaType"]),
        digest=Digest.parse(value["digest"]),
        size=int(value["size"]),
        urls=tuple(map(str, value.get("urls") or ())),
        annotations=dict(value.get("annotations") or {}),
        data=str(value.get("data") or ""),
        platform=dict(platform) if platform is not None else None,
        artifact_type=str(value.get("artifactType") or ""),
    )
