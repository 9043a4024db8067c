"""
Bad requests: bytes that some client has sent to some server, or will, and what to answer.

In the bytes, ``{host}`` stands for the registry's address, ``{upload}`` for the path of an
unfinished upload, ``{digest}`` for the digest of a blob of 1000 bytes that is there in the
repository ``bad/requests``, and ``{image}`` for that of an image.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

#: Instead of a status: the connection is closed without an answer.
NO_ANSWER = 0

HOST = b"Host: {host}"
REPOSITORY = "/v2/bad/requests"
MANIFESTS = f"{REPOSITORY}/manifests"
BLOBS = f"{REPOSITORY}/blobs"
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "sha256:" + "0" * 64
KIB = 1024
MIB = 1024 * KIB


@attrs.frozen
class Case:
    """
    A request, and what is right to answer.

    :param name: says what is bad about it.
    :param sent: in pieces, of which the last ones may find nobody who listens any more.
    :param statuses: what may be answered.
    :param closes: whether the connection must be closed afterwards: what follows on it can't be
        told from the request.
    :param codes: the error codes that are right, if it matters.
    """

    name: str
    sent: Iterable[bytes]
    statuses: frozenset[int]
    closes: bool = False
    codes: frozenset[str] = frozenset()


def case(
    name: str, sent: bytes, *statuses: int, closes: bool = False, codes: Iterable[str] = ()
) -> Case:
    """
    A case whose bytes are sent at once.
    """
    return Case(name, (sent,), frozenset(statuses), closes, frozenset(codes))


def request(
    method: str, target: str, *headers: str | bytes, body: bytes | None = None, host: bytes = HOST
) -> bytes:
    """
    A request whose framing is right.
    """
    lines = [f"{method} {target} HTTP/1.1".encode(), host]
    lines += [h if isinstance(h, bytes) else h.encode() for h in headers]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", b""]) + (body or b"")


def head(*lines: bytes) -> bytes:
    """
    A head, line by line.
    """
    return b"\r\n".join([*lines, b"", b""])
