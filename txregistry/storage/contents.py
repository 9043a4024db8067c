"""
The bytes of blobs and manifests, under their digests.  Repositories share them; which of them
shows what is told by links.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.errors import BlobUnknown, ContentDamaged, PathNotFound
from txregistry.interfaces import (
    Change,
    IBlobContent,
    IContents,
    IFileReader,
    ILocks,
    IStorageDriver,
    LocalFile,
    Move,
    Put,
    Settle,
    Stored,
)
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.storage import paths
from txregistry.storage.locks import content_key, holding


@implementer(IBlobContent)
@frozen
class StoredContent:
    """
    A blob or a manifest that is about to be sent.

    :param descriptor: under the digest that was asked.
    :param target: the digest under which its bytes are.
    """

    descriptor: Descriptor
    target: Digest
    _driver: IStorageDriver

    @property
    def _path(self) -> str:
        return paths.blob(self.target)

    def redirect_url(self, method: str) -> Deferred[str | None]:
        return self._driver.redirect_url(method, self._path)

    @deferred
    async def local_file(self) -> LocalFile | None:
        try:
            return await self._driver.local_file(self._path)
        except PathNotFound:
            raise BlobUnknown(str(self.descriptor.digest)) from None

    @deferred
    async def reader(self, offset: int) -> IFileReader:
        try:
            return await self._driver.reader(self._path, offset)
        except PathNotFound:
            raise BlobUnknown(str(self.descriptor.digest)) from None


@implementer(IContents)
@frozen
class Contents:
    """
    Reads them, and adds to them.  Nothing is ever changed or removed here, but for what is
    not whole.

    Content that can be seen need not have been synced yet, and who grants it to a repository
    promises that it stays.  So who adds what another is just adding waits for him; and who finds
    it there syncs it himself, for the other may have been killed in between.
    """

    _driver: IStorageDriver
    _locks: ILocks

    def open(self, stored: Stored) -> IBlobContent:
        return StoredContent(stored.descriptor, stored.target, self._driver)

    @deferred
    async def size(self, digest: Digest) -> int:
        """
        :return: the size in bytes.
        :raises PathNotFound: if it isn't there.
        """
        return (await self._driver.stat(paths.blob(digest))).size

    @deferred
    async def read(self, target: Digest) -> bytes:
        path = paths.blob(target)
        content = await self._driver.get_content(path)
        if Digest.of(content, target.algorithm) != target:
            raise ContentDamaged(path)
        return content

    @deferred
    async def put(
        self,
        digest: Digest,
        content: bytes,
        links: Sequence[Change],
        *then: Sequence[Change],
    ) -> None:
        """
        Add a small one.

        :param digest: that of ``content``.
        :param links: what grants it; after a power cut they may be there without it, which is as
            if they weren't.
        :param then: steps to go on with when both are there.
        """
        add = Put(paths.blob(digest), content, once=True)
        async with holding(self._locks, content_key(digest)):
            await self._driver.change([add, *links], *then)

    @deferred
    async def adopt(
        self,
        digest: Digest,
        path: str,
        size: int,
        links: Sequence[Change],
        *then: Sequence[Change],
    ) -> None:
        """
        Add what lies elsewhere in the tree.  If it is there already, the other is left where it
        is.

        :param digest: that of the file at ``path``, which has been verified.
        :param size: its size in bytes.
        :param links: as for :meth:`put`.
        :param then: as for :meth:`put`.
        """
        blob = paths.blob(digest)
        async with holding(self._locks, content_key(digest)):
            add: Change = Move(path, blob)
            with suppress(PathNotFound):
                if await self.size(digest) == size:
                    add = Settle(blob)
            await self._driver.change([add, *links], *then)
