"""
Manifests: reading what a client pushes, and recognising what the tree holds.

All pure: bytes in, a value or :class:`~txregistry.errors.ManifestInvalid` out.  The formats are
``manifest.md`` and ``image-index.md`` of the OCI image specification and their Docker forebears.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from attrs import field, frozen

from txregistry.errors import DigestInvalid, ManifestInvalid
from txregistry.model import media_types
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest

Json = dict[str, Any]

MOST_VALUES: Final = 250_000
"""
More members and elements than this are refused before they are parsed: four million bytes of
``[],[],…`` would become a hundred million.  Real documents of that size have a tenth.
"""

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*+"', re.DOTALL)

_OF_SCHEMA_2: Final = frozenset(
    {
        media_types.OCI_MANIFEST,
        media_types.OCI_INDEX,
        media_types.DOCKER_MANIFEST,
        media_types.DOCKER_LIST,
    }
)
_OF_SCHEMA_1: Final = frozenset(
    {media_types.DOCKER_SCHEMA1, media_types.DOCKER_SCHEMA1_SIGNED, "application/json"}
)


@frozen
class Platform:
    """What an entry of an index runs on."""

    architecture: str
    os: str


@frozen
class Referenced:
    """
    Content that a manifest names.

    :param descriptor: what it is.
    :param urls: where else it may be had.
    :param platform: what it runs on, for an entry of an index that says so.
    """

    descriptor: Descriptor
    urls: tuple[str, ...] = ()
    platform: Platform | None = None


@frozen
class Manifest:
    """
    What the registry has to know of a manifest.

    :param media_type: its media type.
    :param config: its config, for an image manifest.
    :param blobs: everything it names that is no child: config, layers, blobs.
    :param children: the entries of an index.
    :param subject: the manifest that it refers to.
    :param artifact_type: its ``artifactType``, or ``""``.
    :param annotations: its annotations.
    """

    media_type: str
    config: Descriptor | None = None
    blobs: tuple[Referenced, ...] = ()
    children: tuple[Referenced, ...] = ()
    subject: Descriptor | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(factory=dict)

    @property
    def referrer_type(self) -> str:
        """
        What a referrers list says it is: its artifact type, else its config's media type.

        OCI distribution specification, *Listing referrers*.
        """
        if self.artifact_type or self.config is None:
            return self.artifact_type
        return self.config.media_type


def parse_manifest(content_type: str, payload: bytes) -> Manifest:
    """
    Read a manifest that is being pushed.

    :param content_type: the value of the request's ``Content-Type``; parameters are ignored.
    :param payload: the manifest's bytes.
    :raises ManifestInvalid: if it is not JSON, has a key twice or too many values, is of two
        kinds at once or of none, has a value of a wrong type, or is not what ``content_type`` says.
    :raises DigestInvalid: if it names a digest that is none.
    """
    document = _load(payload)
    media_type = _pushed_type(media_types.bare(content_type), document)
    _check_kind(media_type, document)
    config = _optional_descriptor(document, "config")
    return Manifest(
        media_type=media_type,
        config=config,
        blobs=(
            *((Referenced(config),) if config else ()),
            *_referenced(document, "layers"),
            *_referenced(document, "blobs"),
        ),
        children=_referenced(document, "manifests"),
        subject=_optional_descriptor(document, "subject"),
        artifact_type=_text(document, "artifactType"),
        annotations=_annotations(document),
    )


def stored_media_type(payload: bytes) -> str:
    """
    Tell the media type of a manifest in the tree, which keeps nothing but its bytes.

    :param payload: the manifest's bytes, possibly written by another registry long ago.
    :return: the type that it names; else the one that its shape tells; never an error, since
        what is stored must be served.
    """
    try:
        document = _load(payload, strict=False)
    except ManifestInvalid:
        return "application/octet-stream"
    media_type = document.get("mediaType")
    if isinstance(media_type, str) and media_types.is_media_type(media_type):
        return media_type
    if document.get("schemaVersion") == 1:
        signed = bool(document.get("signatures"))
        return media_types.DOCKER_SCHEMA1_SIGNED if signed else media_types.DOCKER_SCHEMA1
    if isinstance(document.get("manifests"), list):
        return media_types.OCI_INDEX
    return media_types.OCI_MANIFEST


def stored_manifest(payload: bytes) -> Manifest | None:
    """
    Read a manifest in the tree.

    :return: the manifest, or ``None`` if it can't be read: it may be of schema 1, or damaged.
    """
    try:
        return parse_manifest("", payload)
    except (ManifestInvalid, DigestInvalid):
        return None


def _load(payload: bytes, strict: bool = True) -> Json:
    if strict and _has_too_many_values(payload):
        raise ManifestInvalid(f"it has more than {MOST_VALUES} values")
    try:
        document = json.loads(
            payload.decode("utf-8"),
            object_pairs_hook=_unique if strict else None,
            parse_constant=_no_constant if strict else None,
        )
    except ManifestInvalid:
        raise
    except RecursionError:
        raise ManifestInvalid("the JSON is nested too deeply") from None
    except ValueError as error:
        raise ManifestInvalid(f"not JSON: {_short(error)}") from None
    if not isinstance(document, dict):
        raise ManifestInvalid("a manifest is a JSON object")
    return document


def _has_too_many_values(payload: bytes) -> bool:
    """:return: a guess that is never too low by much: strings are looked into only if need be."""
    return _values(payload) > MOST_VALUES and _values(_STRING.sub(b"", payload)) > MOST_VALUES


def _values(payload: bytes) -> int:
    return sum(payload.count(mark) for mark in (b",", b"[", b"{"))


def _short(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    return str(error)[:200]


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    """Refuse a key that stands twice: two readers could take two documents for one."""
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ManifestInvalid(f"the key {key[:64]!r} stands twice in one object")
            seen.add(key)
    return members


def _no_constant(name: str) -> NoReturn:
    raise ManifestInvalid(f"not JSON: {name} is no number")


def _pushed_type(content_type: str, document: Json) -> str:
    declared = _text(document, "mediaType")
    if declared and content_type and declared != content_type:
        raise ManifestInvalid(
            f"the mediaType {declared[:128]!r} is not the Content-Type {content_type[:128]!r}"
        )
    if content_type in _OF_SCHEMA_1 and not declared:
        raise ManifestInvalid(f"manifests of type {content_type} are not accepted")
    if declared:
        if not media_types.is_media_type(declared):
            raise ManifestInvalid(f"the mediaType {declared[:128]!r} is none")
        return declared
    if content_type in (media_types.DOCKER_MANIFEST, media_types.DOCKER_LIST):
        raise ManifestInvalid(f"a manifest of type {content_type} must have it as its mediaType")
    guessed = media_types.OCI_INDEX if "manifests" in document else media_types.OCI_MANIFEST
    if content_type and content_type != guessed:
        # Nothing but its bytes is kept, so it could not be given back under this type.
        raise ManifestInvalid(
            f"a manifest of type {content_type[:128]!r} must have it as its mediaType"
            if content_type not in _OF_SCHEMA_2
            else f"the content is not that of a {content_type}"
        )
    return guessed


def _check_kind(media_type: str, document: Json) -> None:
    """A document is of exactly one kind (CVE-2021-41190), and of the kind that it says."""
    lists = "manifests" in document
    image = "layers" in document or "config" in document
    if lists and image:
        raise ManifestInvalid("a manifest has either manifests, or config and layers, not both")
    if not (lists or image or "blobs" in document):
        raise ManifestInvalid("a manifest has config and layers, or manifests, or blobs")
    if media_type in media_types.LISTS and not lists:
        raise ManifestInvalid(f"a manifest of type {media_type} must have manifests")
    if media_type in (media_types.OCI_MANIFEST, media_types.DOCKER_MANIFEST) and not (
        "config" in document and "layers" in document
    ):
        raise ManifestInvalid(f"a manifest of type {media_type} must have config and layers")
    version = document.get("schemaVersion", None if media_type in _OF_SCHEMA_2 else 2)
    if version != 2 or isinstance(version, bool):
        raise ManifestInvalid("the schemaVersion must be 2")


def _optional_descriptor(document: Json, key: str) -> Descriptor | None:
    value = document.get(key)
    return None if value is None else _descriptor(value, key)


def _descriptor(value: Any, where: str) -> Descriptor:
    if not isinstance(value, dict):
        raise ManifestInvalid(f"{where} must be a descriptor")
    media_type, digest, size = (value.get(key) for key in ("mediaType", "digest", "size"))
    if not isinstance(media_type, str):
        raise ManifestInvalid(f"{where}.mediaType must be a string")
    if not isinstance(digest, str):
        raise ManifestInvalid(f"{where}.digest must be a string")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ManifestInvalid(f"{where}.size must be a number of bytes")
    return Descriptor(media_type, Digest.parse(digest), size)


def _referenced(document: Json, key: str) -> tuple[Referenced, ...]:
    values = document.get(key)
    if values is None:
        return ()
    if not isinstance(values, list):
        raise ManifestInvalid(f"{key} must be a list")
    return tuple(_reference(value, f"{key}[{i}]") for i, value in enumerate(values))


def _reference(value: Any, where: str) -> Referenced:
    descriptor = _descriptor(value, where)
    urls = value.get("urls") or []
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise ManifestInvalid(f"{where}.urls must be a list of strings")
    return Referenced(descriptor, tuple(urls), _platform(value.get("platform"), where))


def _platform(value: Any, where: str) -> Platform | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ManifestInvalid(f"{where}.platform must be an object")
    architecture, os = value.get("architecture", ""), value.get("os", "")
    if not isinstance(architecture, str) or not isinstance(os, str):
        raise ManifestInvalid(f"{where}.platform must name its architecture and os as strings")
    return Platform(architecture, os)


def _text(document: Json, key: str) -> str:
    value = document.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ManifestInvalid(f"{key} must be a string")
    return value


def _annotations(document: Json) -> dict[str, str]:
    value = document.get("annotations")
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ManifestInvalid("annotations must be an object of strings")
    return value
