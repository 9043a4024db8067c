"""
The media types that the registry has to tell apart.
"""

from __future__ import annotations

import re
from typing import Final

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_ARTIFACT: Final = "application/vnd.oci.artifact.manifest.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"

DOCKER_IMAGE_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_PLUGIN_CONFIG: Final = "application/vnd.docker.plugin.v1+json"
OCI_IMAGE_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY: Final = "application/vnd.oci.empty.v1+json"

DOCKER_FOREIGN_LAYER: Final = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
OCI_NONDISTRIBUTABLE_PREFIX: Final = "application/vnd.oci.image.layer.nondistributable.v1.tar"

MANIFESTS: Final = frozenset({OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, OCI_ARTIFACT})
"""Types whose descriptors name manifests, wherever they stand."""

LISTS: Final = frozenset({OCI_INDEX, DOCKER_LIST})
"""Types that list other manifests."""


_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE: Final = re.compile(rf"{_NAME}/{_NAME}\Z")


def is_media_type(text: str) -> bool:
    """:return: whether this can be a media type without parameters (RFC 6838 §4.2)."""
    return _MEDIA_TYPE.match(text) is not None


def bare(media_type: str) -> str:
    """
    Drop the parameters of a media type.

    :param media_type: the value of a ``Content-Type``.
    :return: type and subtype in lower case (RFC 9110 §8.3.1), without white space around.
    """
    return media_type.partition(";")[0].strip().lower()
