"""
Blobs and manifests to push.
"""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen

from tests.wire.harness import Answer, Field, Served
from txregistry.model import media_types
from txregistry.model.digest import Digest

Document = dict[str, Any]

OCI = media_types.OCI_MANIFEST
INDEX = media_types.OCI_INDEX
DOCKER = media_types.DOCKER_MANIFEST
LIST = media_types.DOCKER_LIST
CONFIG = media_types.OCI_IMAGE_CONFIG
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

EMPTY = Digest.of(b"")
ABSENT = Digest.of(b"nobody pushed this")
ALGORITHMS = ["sha256", "sha384", "sha512"]


def descriptor(media_type: str, content: bytes, algorithm: str = "sha256", **more: Any) -> Document:
    """
    The descriptor of some content.
    """
    return {
        "mediaType": media_type,
        "digest": str(Digest.of(content, algorithm)),
        "size": len(content),
        **more,
    }


def encoded(document: Document) -> bytes:
    """
    A document as somebody else would write it: not as this registry does.
    """
    return json.dumps(document, indent=3).encode()


@frozen
class Image:
    """
    An image manifest, with the content that it names.

    :param payload: the manifest's bytes.
    :param blobs: config and layers.
    :param media_type: of the manifest.
    """

    payload: bytes
    blobs: tuple[bytes, ...]
    media_type: str = OCI

    @classmethod
    def of(
        cls, text: str, *, media_type: str = OCI, algorithm: str = "sha256", **more: Any
    ) -> Image:
        """
        Make one.

        :param text: what makes it unlike others.
        :param more: members of the manifest.
        """
        config, layer = encoded({"text": text}), f"layer of {text}".encode()
        document = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": descriptor(CONFIG, config, algorithm),
            "layers": [descriptor(LAYER, layer, algorithm)],
            **more,
        }
        return cls(encoded(document), (config, layer), media_type)

    @property
    def digest(self) -> Digest:
        """
        Its usual digest.
        """
        return Digest.of(self.payload)

    @property
    def sha512(self) -> Digest:
        """
        Its other digest.
        """
        return Digest.of(self.payload, "sha512")

    def descriptor(self, **more: Any) -> Document:
        """
        What names it in an index, or as a subject.
        """
        return descriptor(self.media_type, self.payload, **more)

    def push(self, served: Served, name: str, reference: object = None, *fields: Field) -> Answer:
        """
        Push it with all that it names.

        :param reference: its digest by default.
        """
        document = json.loads(self.payload)
        named = document["config"]["digest"]
        for blob in self.blobs:
            served.push_blob(name, blob, *fields, algorithm=Digest.parse(named).algorithm)
        answer = served.push_manifest(
            name, reference or self.digest, self.payload, self.media_type, *fields
        )
        assert answer.status == 201, answer
        return answer


def index_of(*children: Document, media_type: str = INDEX, **more: Any) -> bytes:
    """
    An index of these descriptors.
    """
    return encoded(
        {"schemaVersion": 2, "mediaType": media_type, "manifests": list(children), **more}
    )
