"""
An unfinished blob: adding to it, and making a blob of it.

One that has just begun is nowhere but in its id (:mod:`txregistry.storage.ids`); a small blob that
then comes whole is stored at once.  For all others a directory is made, and from then on an upload
is there as long as its ``startedat`` is.  Whoever changes one has its data file open for
writing until he is done, which nobody else can meanwhile, in whatever process; a commit moves
the file away before it lets go of it.  So bytes that have become a blob are never added to.
Whoever opens the file after that finds an empty one, and no ``startedat``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.deferreds import deferred, shielded
from txregistry.errors import (
    BlobUploadUnknown,
    DigestInvalid,
    DriverError,
    PathBusy,
    PathNotFound,
    RangeInvalid,
    SizeInvalid,
    UploadBusy,
)
from txregistry.interfaces import IAlongside, IByteStream, IFileWriter, IUpload
from txregistry.model.byte_range import ContentRange
from txregistry.model.descriptor import OCTET_STREAM, Descriptor
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName
from txregistry.storage import paths
from txregistry.storage.blobs import Blobs
from txregistry.storage.hashstates import HashStates
from txregistry.storage.ids import Ids
from txregistry.storage.parts import Parts
from txregistry.storage.receiving import OTHER_LENGTH, Receiver, hash_file
from txregistry.storage.telling import Telling
from txregistry.storage.waiting import all_of, opened, telling_full

_log = Logger()

Files = Mapping[str, bytes]
"""The contents of files, by path."""

SMALL: Final = 64 * 1024
"""A blob of so many bytes is held in memory until all are there."""


@implementer(IUpload)
class Upload:
    """
    A blob that is not finished.

    :param ids: of which the upload's is one.
    :param size: how many bytes there are.
    :param first: what is to be stored before anything that comes; ``None`` if it is there.
    """

    def __init__(
        self,
        parts: Parts,
        name: RepositoryName,
        ids: Ids,
        id: str,
        size: int,
        blobs: Blobs,
        first: Files | None = None,
    ) -> None:
        self.id = id
        self.size = size
        self._parts = parts
        self._name = name
        self._ids = ids
        self._blobs = blobs
        self._first = first
        self._states = HashStates(parts, name, id)
        self._data = paths.upload_data(name, id)

    @deferred
    async def append(
        self,
        stream: IByteStream,
        content_range: ContentRange | None = None,
        length: int | None = None,
    ) -> int:
        try:
            with telling_full():
                receiver = await self._open(await self._states.algorithm())
                await self._receive(receiver, stream, content_range, length)
                await shielded(self._close(receiver))
        except PathNotFound:
            raise self._gone() from None
        return self.size

    @deferred
    async def commit(
        self,
        digest: Digest,
        stream: IByteStream | None = None,
        content_range: ContentRange | None = None,
        length: int | None = None,
        alongside: IAlongside | None = None,
    ) -> Descriptor:
        if self._is_fresh() and content_range is None and _is_small(stream, length):
            return await self._commit_whole(digest, stream, length or 0, alongside)
        try:
            with telling_full():
                receiver = await self._open(digest.algorithm)
                if stream is not None:
                    await self._receive(receiver, stream, content_range, length)
                await shielded(self._commit(receiver, digest, alongside))
        except PathNotFound:
            raise self._gone() from None
        return Descriptor(OCTET_STREAM, digest, self.size)

    @deferred
    async def cancel(self) -> None:
        await shielded(self._cancel() if self._first is None else self._forget())

    @deferred
    async def begin(self, more: Files | None = None) -> None:
        """
        Store that it has begun, which nothing but its id tells so far.

        :param more: what else to store with it.
        """
        files = {**(self._first or {}), **(more or {})}
        put = self._parts.driver.put_content
        await all_of(*(put(path, files[path], durable=False) for path in files))
        # Not before: until then there is nothing else by which it could be found.
        self._ids.use(self.id)
        self._first = None

    def _is_fresh(self) -> bool:
        """:return: whether nothing has come, nor has it been ended meanwhile."""
        return self._first is not None and self._ids.is_fresh(self.id, self._parts.now())

    async def _commit_whole(
        self,
        digest: Digest,
        stream: IByteStream | None,
        length: int,
        alongside: IAlongside | None,
    ) -> Descriptor:
        """Make a blob of what comes in one go, of which nothing is stored."""
        content = await _whole(stream, length)
        self.size = len(content)
        descriptor = Descriptor(OCTET_STREAM, digest, self.size)
        telling = Telling(alongside, descriptor)
        try:
            _check(digest, Digest.of(content, digest.algorithm).hex)
            with telling_full():
                await shielded(self._put(digest, content, telling))
        except DigestInvalid:
            self._ids.use(self.id)
            raise
        return descriptor

    @deferred
    async def _put(self, digest: Digest, content: bytes, telling: Telling) -> None:
        await self._blobs.put(digest, content, telling.changes())
        self._ids.use(self.id)
        await telling.told()

    async def _open(self, algorithm: str) -> Receiver:
        """
        Open the data file, and make sure that there is still an upload that it belongs to.

        :param algorithm: of the digest that will be wanted.
        """
        if self._is_fresh():
            await self.begin()
        writer = await self._writer()
        self.size = writer.size
        receiver = Receiver(writer, algorithm, self._parts.hashing)
        try:
            await self._parts.driver.stat(paths.upload_started_at(self._name, self.id))
            await self._states.resume(receiver)
        except PathNotFound:
            await shielded(self._sweep(writer))
            raise
        except BaseException:
            await shielded(writer.close())
            raise
        return receiver

    async def _writer(self) -> IFileWriter:
        try:
            return await opened(self._parts.driver.writer(self._data, append=True))
        except PathBusy:
            raise UploadBusy(self.id) from None

    async def _receive(
        self,
        receiver: Receiver,
        stream: IByteStream,
        content_range: ContentRange | None,
        length: int | None,
    ) -> None:
        """Add what comes.  If that fails, the file is closed, with what came in it."""
        try:
            if length != 0:
                self._check_announced(content_range, length)
                await receiver.receive(stream, content_range, length)
        except BaseException:
            await self._let_go(self._close(receiver))
            raise

    def _check_announced(self, content_range: ContentRange | None, length: int | None) -> None:
        if content_range is None:
            return
        if content_range.first != self.size:
            raise RangeInvalid({"first": content_range.first, "size": self.size}, self)
        if length is not None and not content_range.accepts(length):
            raise SizeInvalid({"length": length, "reason": "Content-Range has another length"})

    @deferred
    async def _close(self, receiver: Receiver) -> None:
        """Keep what came, and then its hash."""
        before, writer = self.size, receiver.writer
        try:
            await writer.close()
        finally:
            self.size = writer.size
        if receiver.hash is not None and self.size != before:
            await self._states.save(receiver.hash, receiver.algorithm)

    @deferred
    async def _commit(
        self, receiver: Receiver, digest: Digest, alongside: IAlongside | None
    ) -> None:
        before, self.size = self.size, receiver.writer.size
        try:
            await receiver.writer.commit(durable=False)  # it is moved in a moment
            await self._verify(receiver, digest)
            await self._states.forget(before)
            upload = paths.upload(self._name, self.id)
            telling = Telling(alongside, Descriptor(OCTET_STREAM, digest, self.size))
            await self._blobs.add(digest, upload, self.size, telling.changes())
            await telling.told()
        except DigestInvalid:
            await self._remove()
            raise
        finally:
            await self._let_go(receiver.writer.close())

    async def _let_go(self, closing: Deferred[None]) -> None:
        """Close the data file; if that fails, it doesn't hide what happened before."""
        try:
            await shielded(closing)
        except PathNotFound:
            pass  # somebody else has ended the upload meanwhile
        except DriverError:
            _log.failure("upload {id}: could not close its data", id=self.id)

    async def _verify(self, receiver: Receiver, digest: Digest) -> None:
        """
        :raises DigestInvalid: if the content has another digest.
        """
        running = receiver.hash
        if running is None or (receiver.resumed and running.hexdigest() != digest.hex):
            # A hash that was saved long ago, perhaps by another program, may be wrong; what
            # lies there can't.
            running = await hash_file(
                self._parts.driver, self._data, digest.algorithm, self._parts.hashing
            )
        _check(digest, running.hexdigest())

    @deferred
    async def _forget(self) -> None:
        """Throw away what nothing was stored of, unless by somebody else just now."""
        self._ids.use(self.id)
        await self._remove()

    @deferred
    async def _cancel(self) -> None:
        writer = await self._writer()
        try:
            with suppress(PathNotFound):
                await self._parts.driver.delete(paths.upload(self._name, self.id), durable=False)
        finally:
            await writer.cancel()

    @deferred
    async def _remove(self) -> None:
        """Remove what is left; if that fails, purging will do it."""
        try:
            await self._parts.driver.delete(paths.upload(self._name, self.id), durable=False)
        except PathNotFound:
            pass
        except DriverError:
            _log.failure("upload {id}: could not be removed", id=self.id)

    @deferred
    async def _sweep(self, writer: IFileWriter) -> None:
        """Remove a file of no upload, which was perhaps only made by being opened."""
        await self._remove()
        await writer.cancel()

    def _gone(self) -> BlobUploadUnknown:
        """:return: what to tell if something of the upload is missing: somebody has ended it."""
        return BlobUploadUnknown(self.id)


def _is_small(stream: IByteStream | None, length: int | None) -> bool:
    """:return: whether what comes is known to be little."""
    return stream is None or (length is not None and length <= SMALL)


async def _whole(stream: IByteStream | None, length: int) -> bytes:
    """
    :param length: how many bytes are announced.
    :raises SizeInvalid: if more or fewer come.
    """
    pieces = []
    left = length
    while stream is not None and left >= 0 and (piece := await stream.read()):
        pieces.append(piece)
        left -= len(piece)
    if left:
        raise SizeInvalid({"reason": OTHER_LENGTH})
    return b"".join(pieces)


def _check(digest: Digest, actual: str) -> None:
    """
    :param actual: the digest of the content, without its algorithm.
    :raises DigestInvalid: if it is another.
    """
    if actual != digest.hex:
        reason = f"the content is {digest.algorithm}:{actual}"
        raise DigestInvalid({"digest": str(digest), "reason": reason})
