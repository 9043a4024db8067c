"""
Partial pulls, as podman makes them of layers in ``zstd:chunked`` and eStargz.

podman itself does it in :mod:`tests.clients.test_podman`; here is what it doesn't get to do in
a small test.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import pytest

from tests.clients.wire import Answer, Wire

CONTENT = random.Random(26).randbytes(300_000)
SIZE = len(CONTENT)

Ranges = Sequence[tuple[int, int]]


@pytest.fixture
def digest(wire: Wire, repository: str) -> str:
    """
    A blob to pull parts of.
    """
    return wire.push_blob(repository, CONTENT)


def parts_of(answer: Answer) -> list[tuple[str, bytes]]:
    """
    Take a ``multipart/byteranges`` answer apart, as :rfc:`9110#section-14.6` has it, by the
    lengths of its parts and not by searching for its boundary.

    :return: the ``Content-Range`` and content of each part.
    """
    kind, _, boundary = (answer.header("Content-Type") or "").partition("; boundary=")
    assert kind == "multipart/byteranges"
    delimiter = b"--" + boundary.strip('"').encode()
    found = []
    rest = answer.body.removeprefix(b"\r\n")
    while rest.startswith(delimiter + b"\r\n"):
        head, _, rest = rest[len(delimiter) + 2 :].partition(b"\r\n\r\n")
        match = re.search(rb"(?im)^content-range: (bytes (\d+)-(\d+)/\d+)\r?$", head)
        assert match is not None, head
        length = int(match[3]) - int(match[2]) + 1
        found.append((match[1].decode(), rest[:length]))
        assert rest[length : length + 2] == b"\r\n"
        rest = rest[length + 2 :]
    assert rest.rstrip(b"\r\n") == delimiter + b"--"
    return found


def header(ranges: Ranges) -> dict[str, str]:
    """
    The header that asks for parts, from their first to their last bytes.
    """
    return {"Range": "bytes=" + ",".join(f"{first}-{last}" for first, last in ranges)}


def wanted(ranges: Ranges) -> list[tuple[str, bytes]]:
    """
    The parts that must come.
    """
    return [(f"bytes {first}-{last}/{SIZE}", CONTENT[first : last + 1]) for first, last in ranges]


@pytest.mark.parametrize(
    "ranges",
    [
        [(7, 99), (4096, 4096), (10_000, SIZE - 1)],
        [(0, 99), (100, 199), (200, 299)],
        [(200_000, 200_009), (5, 6), (100_000, 100_000)],
        [(number * 200, number * 200 + 20) for number in range(1024)],
    ],
    ids=["apart", "neighbours", "backwards", "as many as podman asks for"],
)
def test_several(wire: Wire, repository: str, digest: str, ranges: Ranges) -> None:
    """
    There are as many parts as were asked for, in that order, and none are joined.
    """
    answer = wire.blob(repository, digest, header(ranges)).expect(206)
    assert answer.header("Content-Length") == str(len(answer.body))
    assert answer.header("Docker-Content-Digest") == digest
    assert parts_of(answer) == wanted(ranges)


def test_one_in_a_list(wire: Wire, repository: str, digest: str) -> None:
    """
    One range is answered without parts, with a ``Content-Range`` of its own.
    """
    answer = wire.blob(repository, digest, header([(1000, 1999)])).expect(206)
    assert answer.header("Content-Range") == f"bytes 1000-1999/{SIZE}"
    assert answer.body == CONTENT[1000:2000]


def test_some_beyond_the_end(wire: Wire, repository: str, digest: str) -> None:
    """
    Of several ranges those that begin behind the end are left out, and those that end there are
    cut.
    """
    asked = [(0, 9), (SIZE, SIZE + 9), (SIZE - 10, SIZE + 9)]
    answer = wire.blob(repository, digest, header(asked)).expect(206)
    assert parts_of(answer) == wanted([(0, 9), (SIZE - 10, SIZE - 1)])


def test_all_beyond_the_end(wire: Wire, repository: str, digest: str) -> None:
    """
    When nothing that was asked for is there, the answer says how much there is.
    """
    answer = wire.blob(repository, digest, header([(SIZE, SIZE + 9), (SIZE + 20, SIZE + 30)]))
    assert answer.expect(416).header("Content-Range") == f"bytes */{SIZE}"


def test_more_than_there_is(wire: Wire, repository: str, digest: str) -> None:
    """
    Ranges that together are more than the blob get the blob: nobody can ask for it a thousand
    times at once.
    """
    answer = wire.blob(repository, digest, header([(0, SIZE - 1)] * 3)).expect(200)
    assert answer.body == CONTENT


def test_head(wire: Wire, repository: str, digest: str) -> None:
    """
    HEAD tells the length that the parts would have.
    """
    ranges = header([(7, 99), (4096, 4096)])
    target = f"/v2/{repository}/blobs/{digest}"
    head = wire.head(target, ranges).expect(206)
    assert head.header("Content-Length") == str(len(wire.get(target, ranges).body))
