"""
What a manifest must fulfil to be accepted: which content must be there, which URLs it may name,
which kinds of images are wanted.

All pure.  The settings are ``validation`` and ``policy.repository`` of the configuration.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from txregistry.errors import Denied, ManifestInvalid
from txregistry.model import media_types
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest, Platform, Referenced


class Required(Enum):
    """Which of the things that a manifest names must be there."""

    ALL = "all"
    NONE = "none"
    LISTED = "list"


_CLASSES: Final = {
    media_types.DOCKER_IMAGE_CONFIG: "image",
    media_types.OCI_IMAGE_CONFIG: "image",
    media_types.DOCKER_PLUGIN_CONFIG: "plugin",
}

_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f#]")


@frozen
class Needed:
    """
    What must be there, each digest once.

    :param blobs: as a blob.
    :param manifests: as a manifest.
    :param either: as one or the other.
    """

    blobs: tuple[Digest, ...]
    manifests: tuple[Digest, ...]
    either: tuple[Digest, ...]


@frozen
class Validation:
    """
    The settings.

    :param disabled: look at no URL and at no entry of an index.
    :param blobs: whether config, layers and blobs must be there; not
        :attr:`Required.LISTED`.
    :param platforms: which entries of an index must be there.
    :param platform_list: those that :attr:`Required.LISTED` means; none means all.
    :param urls_allow: a URL must match one of these; if there are none, and none in
        ``urls_deny`` either, no URL is allowed.
    :param urls_deny: a URL must match none of these.
    :param classes: ``image``, ``plugin``: the kinds that are wanted; none means all.
    """

    disabled: bool = False
    blobs: Required = Required.ALL
    platforms: Required = Required.ALL
    platform_list: tuple[Platform, ...] = ()
    urls_allow: tuple[re.Pattern[str], ...] = ()
    urls_deny: tuple[re.Pattern[str], ...] = ()
    classes: tuple[str, ...] = ()

    def check(self, manifest: Manifest) -> Needed:
        """
        :return: the content that must be there for the manifest to be accepted.
        :raises Denied: if it is of a class that is not wanted.
        :raises ManifestInvalid: if it names a URL that is not allowed.
        """
        self._check_class(manifest)
        if not self.disabled:
            self._check_urls(manifest)
        blobs, either = self._needed_blobs(manifest)
        manifests = [
            child.descriptor.digest for child in manifest.children if self._is_needed(child)
        ]
        return Needed(_unique(blobs), _unique(manifests), _unique(either))

    def _check_class(self, manifest: Manifest) -> None:
        if not self.classes or manifest.media_type in media_types.LISTS:
            return
        media_type = manifest.config.media_type if manifest.config else manifest.media_type
        kind = _CLASSES.get(media_type)
        if kind is None:
            raise Denied(message=f"unknown manifest class for {media_type[:128]}")
        if kind not in self.classes:
            raise Denied(message=f"registry does not allow {kind} manifest")

    def _check_urls(self, manifest: Manifest) -> None:
        docker = manifest.media_type == media_types.DOCKER_MANIFEST
        for blob in manifest.blobs:
            if docker:
                _check_presence(blob)
            for url in blob.urls:
                self._check_url(blob, url)

    def _check_url(self, blob: Referenced, url: str) -> None:
        if not _is_plain(url):
            raise _url_invalid(blob, url, "must be absolute, http or https, without a fragment")
        if not (self.urls_allow or self.urls_deny):
            raise _url_invalid(blob, url, "is not allowed: this registry allows none")
        if self.urls_allow and not any(allowed.search(url) for allowed in self.urls_allow):
            raise _url_invalid(blob, url, "is not allowed")
        if any(denied.search(url) for denied in self.urls_deny):
            raise _url_invalid(blob, url, "is denied")

    def _needed_blobs(self, manifest: Manifest) -> tuple[list[Digest], list[Digest]]:
        """:return: the digests needed as a blob, and as a blob or manifest."""
        blobs: list[Digest] = []
        either: list[Digest] = []
        if self.blobs is Required.NONE:
            return blobs, either
        for blob in manifest.blobs:
            # What is to be had elsewhere need not be here.
            if not (blob.urls or _is_foreign(blob)):
                as_manifest = blob.descriptor.media_type in media_types.MANIFESTS
                (either if as_manifest else blobs).append(blob.descriptor.digest)
        return blobs, either

    def _is_needed(self, child: Referenced) -> bool:
        if self.disabled or self.platforms is Required.NONE:
            return False
        if self.platforms is Required.ALL or not self.platform_list:
            return True
        return child.platform in self.platform_list


def _check_presence(blob: Referenced) -> None:
    """In Docker's manifests, foreign layers have URLs, and others have none."""
    if _is_foreign(blob) and not blob.urls:
        raise ManifestInvalid(f"the foreign layer {blob.descriptor.digest} has no URLs")
    if blob.urls and not _is_foreign(blob):
        raise ManifestInvalid(f"{blob.descriptor.digest} has URLs but is no foreign layer")


def _is_foreign(blob: Referenced) -> bool:
    return blob.descriptor.media_type == media_types.DOCKER_FOREIGN_LAYER


def _is_plain(url: str) -> bool:
    if _NOT_IN_A_URL.search(url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _url_invalid(blob: Referenced, url: str, reason: str) -> ManifestInvalid:
    return ManifestInvalid(f"{blob.descriptor.digest}: the URL {url[:256]!r} {reason}")


def _unique(digests: list[Digest]) -> tuple[Digest, ...]:
    return tuple(dict.fromkeys(digests))
