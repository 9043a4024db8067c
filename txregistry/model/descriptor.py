"""
Descriptors: what kind of content it is, its name and its size.

See ``descriptor.md`` of the OCI image specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from txregistry.model.digest import Digest

OCTET_STREAM: Final = "application/octet-stream"
"""The media type of a blob: the storage tree keeps none."""


@frozen
class Descriptor:
    """
    Facts about some content.

    :param media_type: its media type, without parameters.
    :param digest: its digest.
    :param size: its size in bytes.
    """

    media_type: str
    digest: Digest
    size: int


@frozen
class ReferrerDescriptor:
    """
    An entry of a referrers list.

    :param descriptor: the manifest that refers.
    :param artifact_type: what it is, or ``""`` where it doesn't say.
    :param annotations: the manifest's own.
    """

    descriptor: Descriptor
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(factory=dict)

    def as_json(self) -> dict[str, Any]:
        """:return: the descriptor as it stands in an image index."""
        entry: dict[str, Any] = {
            "mediaType": self.descriptor.media_type,
            "digest": str(self.descriptor.digest),
            "size": self.descriptor.size,
        }
        if self.artifact_type:
            entry["artifactType"] = self.artifact_type
        if self.annotations:
            entry["annotations"] = dict(self.annotations)
        return entry
