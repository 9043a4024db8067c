"""
What the bytes of a manifest say, remembered to spare reading and parsing them again.

It can't go stale: the digest is that of the bytes.  Whether a repository has the manifest is
never taken from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from txregistry.model.descriptor import Descriptor, ReferrerDescriptor
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest, stored_manifest, stored_media_type
from txregistry.recent import Recent
from txregistry.storage.locks import Locks

REMEMBERED_BYTES: Final = 16 * 1024 * 1024
"""How much the facts of all manifests may weigh together."""

WEIGHT_OF_ONE: Final = 512
"""About what the facts of one weigh without its annotations."""


@frozen
class Facts:
    """
    What listing and serving a manifest takes.

    :param media_type: its media type.
    :param size: its size in bytes.
    :param subject: what it refers to.
    :param artifact_type: what a referrers list says it is.
    :param annotations: its own, if it has a subject.
    """

    media_type: str
    size: int
    subject: Digest | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(factory=dict)

    def descriptor(self, digest: Digest) -> Descriptor:
        """:return: its descriptor, under the digest by which it was found."""
        return Descriptor(self.media_type, digest, self.size)

    def referrer(self, digest: Digest) -> ReferrerDescriptor:
        """:return: its entry in a referrers list."""
        return ReferrerDescriptor(self.descriptor(digest), self.artifact_type, self.annotations)


def facts_of(manifest: Manifest, size: int) -> Facts:
    """
    :param manifest: what the bytes say.
    :param size: how many they are.
    """
    if manifest.subject is None:
        return Facts(manifest.media_type, size)
    return Facts(
        manifest.media_type,
        size,
        manifest.subject.digest,
        manifest.referrer_type,
        manifest.annotations,
    )


def read_facts(payload: bytes) -> Facts:
    """
    :param payload: the bytes of a manifest of whatever age.
    """
    manifest = stored_manifest(payload)
    if manifest is None:
        return Facts(stored_media_type(payload), len(payload))
    return facts_of(manifest, len(payload))


class FactsCache:
    """
    The facts of the manifests that were used lately.

    :param capacity: how much they may weigh together, in bytes.
    """

    def __init__(self, capacity: int = REMEMBERED_BYTES) -> None:
        self._facts: Final[Recent[Digest, Facts]] = Recent(capacity)
        #: Held by who finds them out, so that of a crowd only one reads a big manifest.
        self.locks: Final = Locks()

    def get(self, digest: Digest) -> Facts | None:
        """:return: the facts, if they are known."""
        return self._facts.get(digest)

    def put(self, digest: Digest, facts: Facts) -> None:
        """
        :param digest: that of the manifest's bytes.
        """
        annotations = sum(len(key) + len(value) for key, value in facts.annotations.items())
        self._facts.put(digest, facts, WEIGHT_OF_ONE + 2 * annotations)
