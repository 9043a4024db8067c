"""
``/v2/<name>/blobs/uploads/…``: pushing blobs, whole or in pieces, and mounting them.

OCI distribution specification, *Pushing blobs* and *Mounting a blob from another repository*.
"""

from __future__ import annotations

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from txregistry.deferreds import shielded
from txregistry.errors import (
    BlobUnknown,
    ContentTooLarge,
    DigestInvalid,
    NameInvalid,
    RangeInvalid,
)
from txregistry.interfaces import IByteStream, IRegistry, IUpload
from txregistry.model.byte_range import ContentRange, parse_content_range
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import CANONICAL, Digest, parse_algorithm
from txregistry.model.name import RepositoryName, parse_name
from txregistry.web.call import Call, Header, Response
from txregistry.web.errors import render_error
from txregistry.web.urls import blob_url, upload_url


@frozen
class Uploads:
    """
    The unfinished blobs of a repository.

    :param registry: where other repositories are found, to mount from.
    :param maximum: the greatest size of a blob in bytes, 0 for any.
    """

    registry: IRegistry
    maximum: int = 0

    async def start(self, call: Call) -> Response:
        """Answer POST: mount, push whole, or begin an upload."""
        mounted = await self._mount(call)
        if mounted is not None:
            return mounted
        digest = call.parameter("digest")
        if digest is not None:
            return await self._push_whole(call, Digest.parse(digest))
        algorithm = parse_algorithm(call.parameter("digest-algorithm") or CANONICAL)
        return _accepted(call, await call.repository.uploads.start(algorithm))

    async def status(self, call: Call) -> Response:
        """Answer GET and HEAD."""
        upload = await call.repository.uploads.resume(call.variables["id"])
        return Response(204, _state(call, upload))

    async def append(self, call: Call) -> Response:
        """Answer PATCH."""
        upload = await call.repository.uploads.resume(call.variables["id"])
        stream, content_range, length = await self._body(call, upload)
        try:
            await upload.append(stream, content_range, length)
        except RangeInvalid as error:
            return _out_of_order(call, error, upload)
        return _accepted(call, upload)

    async def commit(self, call: Call) -> Response:
        """Answer PUT."""
        text = call.parameter("digest")
        if text is None:
            raise DigestInvalid("digest missing")
        digest = Digest.parse(text)
        upload = await call.repository.uploads.resume(call.variables["id"])
        stream, content_range, length = await self._body(call, upload)
        try:
            descriptor = await upload.commit(digest, stream, content_range, length)
        except RangeInvalid as error:
            return _out_of_order(call, error, upload)
        return _created(call, descriptor)

    async def cancel(self, call: Call) -> Response:
        """Answer DELETE."""
        upload = await call.repository.uploads.resume(call.variables["id"])
        await upload.cancel()
        return Response(204, ((b"Docker-Upload-UUID", upload.id.encode("ascii")),))

    async def _mount(self, call: Call) -> Response | None:
        """:return: the answer if a blob was asked to be mounted and was, else ``None``."""
        text = call.parameter("mount")
        if not text:
            return None
        digest = Digest.parse(text)
        for source in await self._sources(call, digest):
            if not await call.authorization.may_mount_from(source):
                continue
            try:
                return _created(call, await call.repository.blobs.mount(digest, source))
            except BlobUnknown:
                continue
        return None

    async def _sources(self, call: Call, digest: Digest) -> list[RepositoryName]:
        """:return: the repositories from which a mount may be tried."""
        named = call.parameter("from")
        if named is None:
            # Nobody named these, so what may not be pulled from is as if it were absent: no
            # challenge must tell that it has the blob.
            holders = await self.registry.holders(digest)
            return [name for name in holders if await call.authorization.may_pull(name)]
        try:
            return [parse_name(named)]
        except NameInvalid:
            return []  # a mount that can't be is an ordinary upload, never an error

    async def _push_whole(self, call: Call, digest: Digest) -> Response:
        body = call.request.body
        self._check_size(0, body.length)
        piece = b"" if body.length == 0 else await body.read()
        upload = await call.repository.uploads.start(digest.algorithm)
        if not piece and digest != Digest.of(b"", digest.algorithm):
            return _accepted(call, upload)
        try:
            stream = self._bounded(_Resumed(piece, body), 0)
            descriptor = await upload.commit(digest, stream, None, body.length)
        except BaseException as error:
            # The client knows no upload that it could continue: leave nothing behind.
            if not isinstance(error, DigestInvalid):
                await shielded(upload.cancel())
            raise
        return _created(call, descriptor)

    async def _body(
        self, call: Call, upload: IUpload
    ) -> tuple[IByteStream, ContentRange | None, int | None]:
        """:return: what comes, which part of the blob it says to be, and its length if known."""
        body = call.request.body
        self._check_size(upload.size, body.length)
        header = call.request.header(b"content-range")
        if header is None or body.length == 0:
            return self._bounded(body, upload.size), None, body.length
        content_range = parse_content_range(header.decode("latin-1"))
        if body.length is not None:
            return self._bounded(body, upload.size), content_range, body.length
        # Where there is no body, Content-Range has no meaning; a chunked body tells when read.
        piece = await body.read()
        stream = self._bounded(_Resumed(piece, body), upload.size)
        return stream, content_range if piece else None, None

    def _check_size(self, size: int, length: int | None) -> None:
        if self.maximum and length is not None and size + length > self.maximum:
            raise ContentTooLarge(self.maximum)

    def _bounded(self, stream: IByteStream, size: int) -> IByteStream:
        return _Bounded(stream, self.maximum, self.maximum - size) if self.maximum else stream


@implementer(IByteStream)
class _Resumed:
    """A stream of which one piece has been read already."""

    def __init__(self, piece: bytes, rest: IByteStream) -> None:
        self._piece = piece
        self._rest = rest

    def read(self) -> Deferred[bytes]:
        piece, self._piece = self._piece, b""
        return succeed(piece) if piece else self._rest.read()


@implementer(IByteStream)
class _Bounded:
    """A stream that may not bring more than some bytes."""

    def __init__(self, stream: IByteStream, limit: int, left: int) -> None:
        self._stream = stream
        self._limit = limit
        self._left = left

    def read(self) -> Deferred[bytes]:
        return self._stream.read().addCallback(self._check)

    def _check(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        if self._left < 0:
            raise ContentTooLarge(self._limit)
        return piece


def _state(call: Call, upload: IUpload) -> tuple[Header, ...]:
    """:return: the fields that tell where an upload stands; an empty one says ``0-0`` too."""
    return (
        (b"Location", upload_url(call.base(), call.repository.name, upload.id)),
        (b"Range", b"0-%d" % max(upload.size - 1, 0)),
        (b"Docker-Upload-UUID", upload.id.encode("ascii")),
    )


def _accepted(call: Call, upload: IUpload) -> Response:
    return Response(202, _state(call, upload))


def _created(call: Call, descriptor: Descriptor) -> Response:
    return Response(
        201,
        (
            (b"Location", blob_url(call.base(), call.repository.name, descriptor.digest)),
            (b"Docker-Content-Digest", str(descriptor.digest).encode("ascii")),
        ),
    )


def _out_of_order(call: Call, error: RangeInvalid, upload: IUpload) -> Response:
    status, headers, body = render_error(error)
    return Response(status, (*headers, *_state(call, error.upload or upload)), body)
