"""
An unfinished blob: adding to it, and making a blob of it.

An upload is there as long as its ``startedat`` is.  Whoever changes one has its data file open for
writing until he is done, which nobody else can meanwhile, in whatever process; a commit moves
the file away before it lets go of it.  So bytes that have become a blob are never added to.
Whoever opens the file after that finds an empty one, and no ``startedat``.
"""

from __future__ import annotations

from contextlib import suppress

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
from txregistry.interfaces import Alongside, IByteStream, IFileWriter, IUpload
from txregistry.model.byte_range import ContentRange
from txregistry.model.descriptor import OCTET_STREAM, Descriptor
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName
from txregistry.storage import paths
from txregistry.storage.blobs import Blobs
from txregistry.storage.hashstates import HashStates
from txregistry.storage.parts import Parts
from txregistry.storage.receiving import Receiver, hash_file
from txregistry.storage.telling import Telling
from txregistry.storage.waiting import opened, telling_full

_log = Logger()


@implementer(IUpload)
class Upload:
    """
    A blob that is not finished.
    """

    def __init__(
        self, parts: Parts, name: RepositoryName, id: str, size: int, blobs: Blobs
    ) -> None:
        self.id = id
        self.size = size
        self._parts = parts
        self._name = name
        self._blobs = blobs
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
        alongside: Alongside | None = None,
    ) -> Descriptor:
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
        await shielded(self._cancel())

    async def _open(self, algorithm: str) -> Receiver:
        """
        Open the data file, and make sure that there is still an upload that it belongs to.

        :param algorithm: of the digest that will be wanted.
        """
        writer = await self._writer()
        self.size = writer.size
        receiver = Receiver(writer, algorithm, self._parts.threads)
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
        self, receiver: Receiver, digest: Digest, alongside: Alongside | None
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
                self._parts.driver, self._data, digest.algorithm, self._parts.threads
            )
        actual = running.hexdigest()
        if actual != digest.hex:
            reason = f"the content is {digest.algorithm}:{actual}"
            raise DigestInvalid({"digest": str(digest), "reason": reason})

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
