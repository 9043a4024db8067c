"""
``/v2/<name>/blobs/<digest>``: pulling and deleting blobs.

OCI distribution specification, *Pulling blobs* and *Deleting blobs*; RFC 9110 §13 and §14.
"""

from __future__ import annotations

import os

from attrs import frozen

from txregistry.errors import UnsatisfiableRange
from txregistry.interfaces import IBlobContent
from txregistry.model.byte_range import ByteRange, RangeNotSatisfiable, parse_range
from txregistry.model.descriptor import OCTET_STREAM, Descriptor
from txregistry.model.digest import Digest
from txregistry.web.call import BlobBody, Call, Header, Response
from txregistry.web.conditions import is_unchanged, range_applies

_TYPE = (b"Content-Type", OCTET_STREAM.encode("ascii"))
_FOREVER = (b"Cache-Control", b"max-age=31536000")
_RANGES = (b"Accept-Ranges", b"bytes")


@frozen
class Blobs:
    """
    The blobs of a repository.

    :param redirects: send clients to the storage itself where it has a URL for them.
    """

    redirects: bool = True

    async def get(self, call: Call) -> Response:
        """
        Answer GET and HEAD.  HEAD is never redirected: storage that signs its URLs signs them
        for one method, and clients take the digest from the answer.
        """
        digest = Digest.parse(call.variables["digest"])
        blobs = call.repository.blobs
        if call.is_head:
            return self._answer(call, await blobs.stat(digest), None)
        content = await blobs.open(digest)
        if self.redirects:
            url = await content.redirect_url("GET")
            if url is not None:
                return _redirect(url, digest)
        return self._answer(call, content.descriptor, content)

    async def delete(self, call: Call) -> Response:
        """Answer DELETE."""
        await call.repository.blobs.delete(Digest.parse(call.variables["digest"]))
        return Response(202)

    def _answer(self, call: Call, descriptor: Descriptor, content: IBlobContent | None) -> Response:
        tag = str(descriptor.digest).encode("ascii")
        facts = (
            (b"Docker-Content-Digest", tag),
            (b"ETag", b'"%s"' % tag),
            _FOREVER,
            _RANGES,
        )
        if is_unchanged(call.request, tag):
            return Response(304, facts)
        ranges = _wanted(call, tag, descriptor.size)
        if ranges is None:
            whole = (ByteRange(0, descriptor.size),) if descriptor.size else ()
            return _whole(200, (_TYPE, *facts), descriptor.size, content, whole)
        if len(ranges) == 1:
            field = content_range(ranges[0], descriptor.size)
            return _whole(206, (_TYPE, field, *facts), ranges[0].length, content, ranges)
        return _parts(facts, ranges, descriptor.size, content)


def _wanted(call: Call, tag: bytes, size: int) -> tuple[ByteRange, ...] | None:
    header = call.request.header(b"range")
    if header is None or not range_applies(call.request, tag):
        return None
    try:
        return parse_range(header.decode("latin-1"), size)
    except RangeNotSatisfiable:
        raise UnsatisfiableRange(size) from None


def _whole(
    status: int,
    headers: tuple[Header, ...],
    length: int,
    content: IBlobContent | None,
    ranges: tuple[ByteRange, ...],
) -> Response:
    if content is None or not ranges:
        return Response(status, (*headers, (b"Content-Length", b"%d" % length)))
    return Response(status, headers, BlobBody(content, ranges))


def _parts(
    facts: tuple[Header, ...],
    ranges: tuple[ByteRange, ...],
    size: int,
    content: IBlobContent | None,
) -> Response:
    """:return: a ``multipart/byteranges`` answer (RFC 9110 §14.6), parts in the order asked."""
    boundary = os.urandom(16).hex().encode("ascii")
    media_type = (b"Content-Type", b"multipart/byteranges; boundary=" + boundary)
    if content is None:
        length = multipart_length(ranges, size, boundary)
        return Response(206, (media_type, (b"Content-Length", b"%d" % length), *facts))
    return Response(206, (media_type, *facts), BlobBody(content, ranges, boundary))


def part_head(range: ByteRange, size: int, boundary: bytes, first: bool) -> bytes:
    """:return: what stands before a part of a multipart body."""
    return b"%s--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n" % (
        b"" if first else b"\r\n",
        boundary,
        _TYPE[1],
        content_range(range, size)[1],
    )


def multipart_end(boundary: bytes) -> bytes:
    """:return: what stands after the last part."""
    return b"\r\n--%s--\r\n" % boundary


def multipart_length(ranges: tuple[ByteRange, ...], size: int, boundary: bytes) -> int:
    """:return: the length of a multipart body in bytes."""
    heads = sum(
        len(part_head(each, size, boundary, index == 0)) for index, each in enumerate(ranges)
    )
    return heads + sum(each.length for each in ranges) + len(multipart_end(boundary))


def content_range(range: ByteRange, size: int) -> Header:
    """:return: the ``Content-Range`` of some bytes of a content of a size."""
    return (b"Content-Range", b"bytes %d-%d/%d" % (range.first, range.last, size))


def _redirect(url: str, digest: Digest) -> Response:
    return Response(
        307,
        (
            (b"Location", url.encode("utf-8")),
            _TYPE,
            (b"Docker-Content-Digest", str(digest).encode("ascii")),
        ),
    )
