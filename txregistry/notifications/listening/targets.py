"""
What events are about.
"""

from __future__ import annotations

from attrs import frozen

from txregistry.model.access import Request
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.model.event import Kind, Member, Target
from txregistry.model.name import RepositoryName, Tag
from txregistry.notifications.listening.layers import LayerTypes


@frozen
class Targets:
    """
    Describes things of one repository to one request's events.

    :param name: of the repository.
    :param request: knows the URLs; ``None`` where there is none.
    :param layers: the types of blobs, where somebody wants to know them.
    """

    name: RepositoryName
    request: Request | None
    layers: LayerTypes | None

    def blob(self, descriptor: Descriptor, source: str = "") -> Target:
        """
        :param source: the repository from which it was mounted.
        :return: a blob.
        """
        digest = descriptor.digest
        return Target(
            repository=self.name,
            kind=Kind.BLOB,
            digest=digest,
            media_type=descriptor.media_type,
            size=descriptor.size,
            url=self.request.blob_url(self.name, digest) if self.request else "",
            from_repository=source,
            layer_type=self.layers.of(digest) if self.layers else "",
        )

    def manifest(
        self, descriptor: Descriptor, tag: str = "", references: tuple[Member, ...] = ()
    ) -> Target:
        """:return: a manifest."""
        digest = descriptor.digest
        return Target(
            repository=self.name,
            kind=Kind.MANIFEST,
            digest=digest,
            media_type=descriptor.media_type,
            size=descriptor.size,
            url=self.request.manifest_url(self.name, digest) if self.request else "",
            tag=tag,
            references=references,
        )

    def gone(self, kind: Kind, digest: Digest) -> Target:
        """:return: a manifest or a blob that is not there any more."""
        return Target(repository=self.name, kind=kind, digest=digest)

    def tag(self, tag: Tag) -> Target:
        """:return: a tag that is not there any more."""
        return Target(repository=self.name, kind=Kind.TAG, tag=tag)
