"""
Blobs that are not finished.

An upload is there as long as its ``startedat`` is.  Whoever changes one has its data file open for
writing until he is done, which nobody else can meanwhile, in whatever process; a commit moves
the file away before it lets go of it.  So bytes that have become a blob are never added to.
Whoever opens the file after that finds an empty one, and no ``startedat``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from twisted.logger import Logger
from zope.interface import implementer

from txregistry.deferreds import deferred, shielded
from txregistry.errors import (
    BlobUploadUnknown,
    DigestInvalid,
    DriverError,
    InvalidPath,
    PathBusy,
    PathNotFound,
    RangeInvalid,
    SizeInvalid,
    UploadBusy,
)
from txregistry.interfaces import IByteStream, IFileWriter, IUpload, IUploads
from txregistry.model.access import Requester
from txregistry.model.byte_range import ContentRange
from txregistry.model.descriptor import OCTET_STREAM, Descriptor
from txregistry.model.digest import CANONICAL, HEX_LENGTHS, Digest
from txregistry.model.name import RepositoryName
from txregistry.storage import hashing, paths
from txregistry.storage.blobs import Blobs
from txregistry.storage.hashing import RunningHash
from txregistry.storage.parts import Parts
from txregistry.storage.receiving import Receiver, hash_file
from txregistry.storage.waiting import all_of, opened, telling_full

_log = Logger()

_ID = re.compile(r"[A-Za-z0-9_.=-]+\Z")

WORTH_SAVING: Final = 4 * 1024 * 1024
"""Hashing fewer bytes again takes less time than writing down a hash so that it is durable."""


@implementer(IUploads)
class Uploads:
    """
    The unfinished blobs of a repository, as a requester sees them.
    """

    def __init__(
        self, parts: Parts, name: RepositoryName, requester: Requester, blobs: Blobs
    ) -> None:
        self._parts = parts
        self._name = name
        self._requester = requester
        self._blobs = blobs

    @deferred
    async def start(self, algorithm: str = CANONICAL) -> IUpload:
        upload = self._upload(str(uuid4()), 0)
        with telling_full():
            await upload.begin(self._parts.now(), self._requester.actor, algorithm)
        return upload

    @deferred
    async def resume(self, id: str) -> IUpload:
        if _ID.match(id) is None or id in (".", ".."):
            raise BlobUploadUnknown(id[:128])
        driver = self._parts.driver
        try:
            await driver.stat(paths.upload_started_at(self._name, id))
        except (PathNotFound, InvalidPath):
            raise BlobUploadUnknown(id[:128]) from None
        owner, size = await all_of(self._owner(id), self._size(id))
        if owner not in ("", self._requester.actor):
            raise BlobUploadUnknown(id)
        return self._upload(id, size)

    @deferred
    async def _owner(self, id: str) -> str:
        """:return: who began it; ``""`` if that may go on who wants."""
        path = paths.upload_owner(self._name, id)
        try:
            return (await self._parts.driver.get_content(path)).decode(errors="replace")
        except PathNotFound:
            return ""

    @deferred
    async def _size(self, id: str) -> int:
        try:
            return (await self._parts.driver.stat(paths.upload_data(self._name, id))).size
        except PathNotFound:
            return 0

    def _upload(self, id: str, size: int) -> Upload:
        return Upload(self._parts, self._name, id, size, self._blobs)


@implementer(IUpload)
class Upload:
    """
    One of them.
    """

    def __init__(
        self, parts: Parts, name: RepositoryName, id: str, size: int, blobs: Blobs
    ) -> None:
        self.id = id
        self.size = size
        self._parts = parts
        self._name = name
        self._blobs = blobs
        self._data = paths.upload_data(name, id)
        self._started_at = paths.upload_started_at(name, id)
        self._directory = paths.upload(name, id)

    @deferred
    async def begin(self, now: datetime, actor: str, algorithm: str) -> None:
        """
        Let it be there.

        :param actor: whose it is; ``""`` if that may be anybody.
        :param algorithm: of the digest that will be given at the end.
        """
        files = {self._started_at: _stamp(now)}
        if actor:
            files[paths.upload_owner(self._name, self.id)] = actor.encode()
        if algorithm != CANONICAL:
            files[self._state(algorithm, 0)] = hashing.new(algorithm).save() or b""
        put = self._parts.driver.put_content
        try:
            await all_of(*(put(path, content) for path, content in files.items()))
        except DriverError:
            await self._remove()
            raise

    @deferred
    async def append(
        self,
        stream: IByteStream,
        content_range: ContentRange | None = None,
        length: int | None = None,
    ) -> int:
        with telling_full(), self._telling_gone():
            receiver = await self._open(await self._algorithm())
            await self._receive(receiver, stream, content_range, length)
            await shielded(self._close(receiver))
        return self.size

    @deferred
    async def commit(
        self,
        digest: Digest,
        stream: IByteStream | None = None,
        content_range: ContentRange | None = None,
        length: int | None = None,
    ) -> Descriptor:
        with telling_full(), self._telling_gone():
            receiver = await self._open(digest.algorithm)
            if stream is not None:
                await self._receive(receiver, stream, content_range, length)
            await shielded(self._commit(receiver, digest))
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
            await self._parts.driver.stat(self._started_at)
            await self._resume_hash(receiver)
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

    async def _algorithm(self) -> str:
        """:return: the algorithm that was named when the upload began."""
        path = paths.upload_hash_states(self._name, self.id)
        try:
            children = await self._parts.driver.list(path)
        except PathNotFound:
            return CANONICAL
        names = {paths.last_component(child) for child in children}
        return next(iter(sorted(names & HEX_LENGTHS.keys() - {CANONICAL})), CANONICAL)

    async def _resume_hash(self, receiver: Receiver) -> None:
        """
        Get the hash of what came so far, unless that would have to be read again and is much.
        """
        size, algorithm = self.size, receiver.algorithm
        if size == 0:
            receiver.hash = hashing.new(algorithm)
            return
        driver = self._parts.driver
        with suppress(PathNotFound):
            if size < WORTH_SAVING:
                running = await hash_file(driver, self._data, algorithm, self._parts.threads)
                # A driver need not show all bytes before it is asked to commit them.
                receiver.hash = running if running.length == size else None
            elif hashing.can_load(algorithm):
                state = await driver.get_content(self._state(algorithm, size))
                receiver.hash = hashing.load(algorithm, state, size)
                receiver.resumed = True

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
            try:
                await shielded(self._close(receiver))
            except DriverError:
                _log.failure("upload {id}: could not close its data", id=self.id)
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
        """Make durable what came, and then its hash."""
        before, writer = self.size, receiver.writer
        try:
            await writer.close()
        finally:
            self.size = writer.size
        # Only after the data: were it the other way round, a crash could leave the hash of
        # bytes that are lost, and that of others be taken for it later.
        if receiver.hash is not None and self.size != before and self.size >= WORTH_SAVING:
            await self._save(receiver.hash, receiver.algorithm)

    async def _save(self, running: RunningHash, algorithm: str) -> None:
        state = running.save()
        if state is None:
            return
        try:
            await self._parts.driver.put_content(self._state(algorithm, self.size), state)
        except DriverError:
            _log.failure("upload {id}: its hash could not be saved", id=self.id)

    @deferred
    async def _commit(self, receiver: Receiver, digest: Digest) -> None:
        before, self.size = self.size, receiver.writer.size
        try:
            await receiver.writer.commit()
            await self._verify(receiver, digest)
            if before >= WORTH_SAVING:
                # After a crash the upload could still be there, but empty: no hash of what was
                # in it may be taken for one of what comes then.
                await self._forget_hashes()
            await self._keep(digest)
            await all_of(self._blobs.link(digest, digest), self._remove())
        except DigestInvalid:
            await self._remove()
            raise
        finally:
            await receiver.writer.close()

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

    async def _keep(self, digest: Digest) -> None:
        """Put the content where blobs are."""
        if self.size:
            await self._parts.contents.adopt(digest, self._data, self.size)
        else:
            await self._parts.contents.put(digest, b"")

    @deferred
    async def _cancel(self) -> None:
        writer = await self._writer()
        try:
            with suppress(PathNotFound):
                await self._parts.driver.delete(self._directory)
        finally:
            await writer.cancel()

    @deferred
    async def _remove(self) -> None:
        """Remove what is left; if that fails, purging will do it."""
        try:
            await self._parts.driver.delete(self._directory)
        except PathNotFound:
            pass
        except DriverError:
            _log.failure("upload {id}: could not be removed", id=self.id)

    @deferred
    async def _sweep(self, writer: IFileWriter) -> None:
        """Remove a file of no upload, which was perhaps only made by being opened."""
        await self._remove()
        await writer.cancel()

    async def _forget_hashes(self) -> None:
        with suppress(PathNotFound):
            await self._parts.driver.delete(paths.upload_hash_states(self._name, self.id))

    @contextmanager
    def _telling_gone(self) -> Iterator[None]:
        """If what belongs to the upload is missing, somebody has ended it meanwhile."""
        try:
            yield
        except PathNotFound:
            raise BlobUploadUnknown(self.id) from None

    def _state(self, algorithm: str, offset: int) -> str:
        return paths.upload_hash_state(self._name, self.id, algorithm, offset)


def _stamp(now: datetime) -> bytes:
    """:return: a time as ``distribution`` writes it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode("ascii")
