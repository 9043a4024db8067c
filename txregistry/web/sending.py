"""
Sending an answer: small ones in one piece, blobs as streams.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from txregistry.errors import StorageFailure
from txregistry.interfaces import IBlobContent, IFileReader, LocalFile
from txregistry.model.byte_range import ByteRange
from txregistry.web.blobs import multipart_end, multipart_length, part_head
from txregistry.web.call import BlobBody, Header, Response

if TYPE_CHECKING:
    from txregistry.web.request import RegistryRequest

AT_ONCE = 64 * 1024
"""A body of more bytes is not written in one go."""

PIECE = 256 * 1024
"""How much is read at once from storage that is not a local file, in bytes."""


def send_at_once(
    request: RegistryRequest, status: int, headers: Sequence[Header], body: bytes | BlobBody
) -> bool:
    """
    Send an answer, if it is one of those that need not wait: of these there are thousands in a
    second.

    :return: whether it was.
    """
    if isinstance(body, BlobBody) or len(body) > AT_ONCE:
        return False
    request.respond(status, headers, body)
    return True


async def send(request: RegistryRequest, response: Response) -> None:
    """
    Send an answer that has to wait for its client, to its end.

    :raises ClientDisconnected: if the client goes away.
    :raises BlobUnknown: if a blob has vanished; nothing has been sent then.
    """
    body = response.body
    if isinstance(body, bytes):
        await _send_in_pieces(request, response, body)
        return
    local = await body.content.local_file()
    if local is None:
        await _send_from_reader(request, response, body)
        return
    with local.file:
        await _send_from_file(request, response, body, local)


async def _send_in_pieces(request: RegistryRequest, response: Response, body: bytes) -> None:
    """Send what is in memory, without a second copy of it for a client that is slow."""
    length = (b"Content-Length", b"%d" % len(body))
    request.begin(response.status, [*response.headers, length])
    view = memoryview(body)
    for start in range(0, len(body), AT_ONCE):
        request.write(bytes(view[start : start + AT_ONCE]))
        await request.ready()
    request.end()


async def _send_from_file(
    request: RegistryRequest, response: Response, body: BlobBody, local: LocalFile
) -> None:
    size = body.content.descriptor.size
    if local.size != size:
        raise _changed(body.content)
    if not body.boundary and body.ranges[0].length <= AT_ONCE:
        data = _read_now(local, body.ranges[0])
        if data is not None:
            request.respond(response.status, response.headers, data)
            return
    _begin(request, response, body)
    for index, part in enumerate(body.ranges):
        if body.boundary:
            request.write(part_head(part, size, body.boundary, index == 0))
        await request.send_file(local.file, part.first, part.length)
    _end(request, body)


def _read_now(local: LocalFile, range: ByteRange) -> bytes | None:
    """
    :return: some bytes of a file, if the kernel has them in memory: head and body then go in one
        piece, which for a small blob halves the work.
    """
    data = bytearray(range.length)
    try:
        read = os.preadv(local.file.fileno(), [data], range.first, os.RWF_NOWAIT)
    except OSError:  # they aren't in memory, or this file system can't tell
        return None
    return bytes(data) if read == range.length else None


async def _send_from_reader(request: RegistryRequest, response: Response, body: BlobBody) -> None:
    """Send what is not a file of this machine; the first reader is opened before the head goes."""
    size = body.content.descriptor.size
    reader: IFileReader | None = await body.content.reader(body.ranges[0].first)
    _begin(request, response, body)
    try:
        for index, part in enumerate(body.ranges):
            if reader is None:
                reader = await body.content.reader(part.first)
            if body.boundary:
                request.write(part_head(part, size, body.boundary, index == 0))
            await _pump(request, reader, part, body.content)
            await reader.close()
            reader = None
    finally:
        if reader is not None:
            await reader.close()
    _end(request, body)


async def _pump(
    request: RegistryRequest, reader: IFileReader, part: ByteRange, content: IBlobContent
) -> None:
    """Move bytes from storage to the client, as fast as the client takes them."""
    left = part.length
    while left:
        piece = await reader.read(min(left, PIECE))
        if not piece:
            raise _changed(content)
        left -= len(piece)
        request.write(piece)
        await request.ready()


def _begin(request: RegistryRequest, response: Response, body: BlobBody) -> None:
    if body.boundary:
        size = body.content.descriptor.size
        length = multipart_length(body.ranges, size, body.boundary)
    else:
        length = body.ranges[0].length
    request.begin(response.status, [*response.headers, (b"Content-Length", b"%d" % length)])


def _end(request: RegistryRequest, body: BlobBody) -> None:
    if body.boundary:
        request.write(multipart_end(body.boundary))
    request.end()


def _changed(content: IBlobContent) -> StorageFailure:
    return StorageFailure(str(content.descriptor.digest), "the blob is not as long as it was")
