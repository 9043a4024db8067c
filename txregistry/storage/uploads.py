"""
The unfinished blobs of a repository: beginning them, and finding them again.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime

from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.errors import BlobUploadUnknown, DriverError, InvalidPath, PathNotFound
from txregistry.interfaces import IUpload, IUploads
from txregistry.model.access import Requester
from txregistry.model.digest import CANONICAL
from txregistry.model.name import RepositoryName
from txregistry.storage import hashing, paths
from txregistry.storage.blobs import Blobs
from txregistry.storage.ids import Ids
from txregistry.storage.parts import Parts
from txregistry.storage.upload import Files, Upload
from txregistry.storage.waiting import telling_full

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
        # A user may have any name.
        self._ids = Ids(parts.used_ids, name, requester.actor.encode("utf-8", "surrogatepass"))
        self._blobs = blobs

    @deferred
    async def start(self, algorithm: str = CANONICAL) -> IUpload:
        now = self._parts.now()
        upload = self._fresh(self._ids.new(now), now)
        if algorithm != CANONICAL:
            await self._begin(upload, algorithm)
        return upload

    @deferred
    async def resume(self, id: str) -> IUpload:
        if _ID.match(id) is None or id in (".", ".."):
            raise BlobUploadUnknown(id[:128])
        ours = self._ids.is_ours(id)
        if ours and not self._ids.has(id):
            raise BlobUploadUnknown(id[:128])
        try:
            await self._parts.driver.stat(paths.upload_started_at(self._name, id))
        except (PathNotFound, InvalidPath):
            if not ours or not self._ids.is_fresh(id, self._parts.now()):
                raise BlobUploadUnknown(id[:128]) from None
            return self._fresh(id, self._ids.begun_at(id))
        self._ids.use(id)
        return self._upload(id, await self._size(id))

    async def _begin(self, upload: Upload, algorithm: str) -> None:
        """Store which algorithm was named, for the id doesn't tell."""
        path = paths.upload_hash_state(self._name, upload.id, algorithm, 0)
        empty = hashing.new(algorithm).save() or b""
        try:
            with telling_full():
                await upload.begin({path: empty})
        except BaseException:
            with suppress(DriverError):
                await self._parts.driver.delete(paths.upload(self._name, upload.id), durable=False)
            raise

    @deferred
    async def _size(self, id: str) -> int:
        try:
            return (await self._parts.driver.stat(paths.upload_data(self._name, id))).size
        except PathNotFound:
            return 0

    def _fresh(self, id: str, begun: datetime) -> Upload:
        """:return: one of which nothing is stored yet."""
        return self._upload(id, 0, {paths.upload_started_at(self._name, id): _stamp(begun)})

    def _upload(self, id: str, size: int, first: Files | None = None) -> Upload:
        return Upload(self._parts, self._name, self._ids, id, size, self._blobs, first)


def _stamp(now: datetime) -> bytes:
    """:return: a time as ``distribution`` writes it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode("ascii")
