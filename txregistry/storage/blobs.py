"""
The blobs that a repository may show.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from zope.interface import implementer

from txregistry.deferreds import deferred, shielded
from txregistry.errors import BlobUnknown, PathNotFound
from txregistry.interfaces import Change, Discard, IBlobContent, IBlobs, Settle, Stored
from txregistry.model.descriptor import OCTET_STREAM, Descriptor
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName
from txregistry.storage import paths
from txregistry.storage.links import link
from txregistry.storage.parts import Parts
from txregistry.storage.waiting import telling_full


@implementer(IBlobs)
@frozen
class Blobs:
    """
    Blobs are shown where a link says so.

    The link may name another digest than it stands under: ``distribution`` keeps what was
    pushed as sha512 under its sha256 digest.
    """

    _parts: Parts
    _name: RepositoryName

    @deferred
    async def stat(self, digest: Digest) -> Descriptor:
        _, size = await self._find(self._name, digest)
        return Descriptor(OCTET_STREAM, digest, size)

    @deferred
    async def open(self, digest: Digest) -> IBlobContent:
        target, size = await self._find(self._name, digest)
        return self._parts.contents.open(Stored(Descriptor(OCTET_STREAM, digest, size), target))

    @deferred
    async def mount(self, digest: Digest, source: RepositoryName) -> Descriptor:
        target, size = await self._find(source, digest)
        try:
            with telling_full():
                await shielded(self._link(digest, target))
        except PathNotFound:
            raise BlobUnknown(str(digest)) from None
        return Descriptor(OCTET_STREAM, digest, size)

    @deferred
    async def delete(self, digest: Digest) -> None:
        self._parts.holders.forget(digest, self._name)
        try:
            await shielded(self._parts.driver.delete(paths.layer_link(self._name, digest)))
        except PathNotFound:
            raise BlobUnknown(str(digest)) from None

    @deferred
    async def add(
        self, digest: Digest, upload: str, size: int, tell: Sequence[Change] = ()
    ) -> None:
        """
        Make a blob of an upload, show it, and remove what is left of the upload.

        :param digest: that of the upload's bytes, which has been verified.
        :param upload: its directory.
        :param size: of how many bytes.
        :param tell: what is to be told as soon as it is seen.
        """
        show, discard = self._show(digest, tell), [Discard(upload)]
        if size:
            data = f"{upload}/{paths.DATA}"
            await self._parts.contents.adopt(digest, data, size, show, discard)
        else:
            await self._parts.contents.put(digest, b"", show, discard)
        self._parts.holders.note(digest, self._name)

    @deferred
    async def put(self, digest: Digest, content: bytes, tell: Sequence[Change] = ()) -> None:
        """
        Add a small blob that is in memory, and show it.

        :param digest: that of ``content``.
        :param tell: as for :meth:`add`.
        """
        await self._parts.contents.put(digest, content, self._show(digest, tell))
        self._parts.holders.note(digest, self._name)

    def _show(self, digest: Digest, tell: Sequence[Change]) -> list[Change]:
        """:return: what makes a blob seen that is there."""
        return [link(paths.layer_link(self._name, digest), digest), *tell]

    @deferred
    async def _link(self, digest: Digest, target: Digest) -> None:
        """
        Show a blob from now on.

        :param target: the digest under which its bytes are.
        :raises PathNotFound: if they have gone.
        """
        show: list[Change] = [link(paths.layer_link(self._name, digest), target)]
        if target != digest:
            # distribution follows a link to another digest only if that is linked as well.
            show.insert(0, link(paths.layer_link(self._name, target), target))
        # Who pushed it may not have come round to syncing it, or lived to do so.
        await self._parts.driver.change([Settle(paths.blob(target)), *show])
        self._parts.holders.note(digest, self._name)

    async def _find(self, name: RepositoryName, digest: Digest) -> tuple[Digest, int]:
        """
        :return: the digest under which the bytes are, and how many.
        :raises BlobUnknown: if link or bytes are missing.
        """
        try:
            target = await self._parts.links.read(paths.layer_link(name, digest))
            size = await self._parts.contents.size(target)
        except PathNotFound:
            self._parts.holders.forget(digest, name)
            raise BlobUnknown(str(digest)) from None
        self._parts.holders.note(digest, name)
        return target, size
