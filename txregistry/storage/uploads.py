"""
The unfinished blobs of a repository: beginning them, and finding them again.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.errors import BlobUploadUnknown, DriverError, InvalidPath, PathNotFound
from txregistry.interfaces import IUpload, IUploads
from txregistry.model.access import Requester
from txregistry.model.digest import CANONICAL
from txregistry.model.name import RepositoryName
from txregistry.storage import hashing, paths
from txregistry.storage.blobs import Blobs
from txregistry.storage.parts import Parts
from txregistry.storage.upload import Upload
from txregistry.storage.waiting import all_of, telling_full

_ID = re.compile(r"[A-Za-z0-9_.=-]+\Z")


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
        upload_id = str(uuid4())
        put = self._parts.driver.put_content
        try:
            with telling_full():
                files = self._first_files(upload_id, algorithm)
                await all_of(*(put(path, files[path], durable=False) for path in files))
        except BaseException:
            with suppress(DriverError):
                await self._parts.driver.delete(paths.upload(self._name, upload_id), durable=False)
            raise
        return self._upload(upload_id, 0)

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
        if owner not in (b"", _actor(self._requester.actor)):
            raise BlobUploadUnknown(id)
        return self._upload(id, size)

    def _first_files(self, id: str, algorithm: str) -> dict[str, bytes]:
        """:return: what an upload begins with, by path."""
        files = {paths.upload_started_at(self._name, id): _stamp(self._parts.now())}
        if self._requester.actor:
            files[paths.upload_owner(self._name, id)] = _actor(self._requester.actor)
        if algorithm != CANONICAL:
            path = paths.upload_hash_state(self._name, id, algorithm, 0)
            files[path] = hashing.new(algorithm).save() or b""
        return files

    @deferred
    async def _owner(self, id: str) -> bytes:
        """:return: who began it; empty if whoever wants may go on."""
        try:
            return await self._parts.driver.get_content(paths.upload_owner(self._name, id))
        except PathNotFound:
            return b""

    @deferred
    async def _size(self, id: str) -> int:
        try:
            return (await self._parts.driver.stat(paths.upload_data(self._name, id))).size
        except PathNotFound:
            return 0

    def _upload(self, id: str, size: int) -> Upload:
        return Upload(self._parts, self._name, id, size, self._blobs)


def _actor(name: str) -> bytes:
    """:return: the name of a user as it is kept; it may hold anything that came in a request."""
    return name.encode("utf-8", "surrogatepass")


def _stamp(now: datetime) -> bytes:
    """:return: a time as ``distribution`` writes it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode("ascii")
