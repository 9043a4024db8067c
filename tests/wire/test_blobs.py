"""
Pulling and deleting blobs.
"""

from __future__ import annotations

import re

import pytest

from tests.wire.contents import ABSENT, EMPTY, Image
from tests.wire.harness import Answer, Served
from txregistry.model.digest import Digest

CONTENT = bytes(range(256)) * 8
SIZE = len(CONTENT)
DIGEST = Digest.of(CONTENT)
URL = f"v2/a/blobs/{DIGEST}"
TAG = f'"{DIGEST}"'


@pytest.fixture
def blob(served: Served) -> Served:
    """
    A registry with a blob of two KiB.
    """
    served.push_blob("a", CONTENT)
    return served


class PullTests:
    """
    GET and HEAD of a blob.
    """

    def test_whole(self, blob: Served) -> None:
        """
        The bytes come with their length, type, digest, tag, and leave to keep them for ever.
        """
        answer = blob.get(URL)
        assert answer.status == 200
        assert answer.body == CONTENT
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Content-Length"] == str(SIZE)
        assert answer["Docker-Content-Digest"] == str(DIGEST)
        assert answer["ETag"] == TAG
        assert answer["Accept-Ranges"] == "bytes"
        assert answer["Cache-Control"] == "max-age=31536000"
        assert answer["Last-Modified"] is None

    def test_head(self, blob: Served) -> None:
        """
        HEAD has the same fields, and no body.
        """
        whole, head = blob.get(URL), blob.head(URL)
        assert (head.status, head.fields, head.body) == (200, whole.fields, b"")

    def test_empty(self, served: Served) -> None:
        """
        The empty blob is a blob, with a Content-Length, on HEAD too.
        """
        served.push_blob("a", b"")
        for method in ("GET", "HEAD"):
            answer = served.ask(method, f"v2/a/blobs/{EMPTY}")
            assert (answer.status, answer["Content-Length"], answer.body) == (200, "0", b"")

    @pytest.mark.parametrize(
        "encoding", ["gzip", "zstd;q=1.0, gzip;q=0.8, deflate;q=0.5", "identity;q=0, *", "br"]
    )
    def test_never_compressed(self, blob: Served, encoding: str) -> None:
        """
        Content is never compressed, whatever the client would take.
        """
        answer = blob.get(URL, ("Accept-Encoding", encoding))
        assert answer.body == CONTENT
        assert answer["Content-Encoding"] is None
        assert answer["Vary"] is None

    def test_digest_with_encoded_colon(self, blob: Served) -> None:
        """
        The colon of a digest may come percent-encoded.
        """
        assert blob.get(URL.replace(":", "%3A")).body == CONTENT
        assert blob.get(URL.replace(":", "%3a")).body == CONTENT

    def test_any_accept(self, blob: Served) -> None:
        """
        A blob is served whatever the Accept.
        """
        assert blob.get(URL, ("Accept", "application/json")).status == 200

    def test_other_repository(self, blob: Served) -> None:
        """
        A blob is there in the repositories that it was pushed to, and nowhere else.
        """
        assert blob.get(f"v2/b/blobs/{DIGEST}").is_error(404, "BLOB_UNKNOWN")

    def test_unknown(self, blob: Served) -> None:
        """
        An unknown one is 404.
        """
        assert blob.get(f"v2/a/blobs/{ABSENT}").is_error(404, "BLOB_UNKNOWN")
        assert blob.head(f"v2/a/blobs/{ABSENT}").status == 404


class RangeTests:
    """
    Parts of a blob.
    """

    @pytest.mark.parametrize(
        ("value", "first", "last"),
        [
            ("bytes=0-0", 0, 0),
            ("bytes=500-1499", 500, 1499),
            ("bytes=500-", 500, SIZE - 1),
            ("bytes=-500", SIZE - 500, SIZE - 1),
            ("bytes=2000-5000", 2000, SIZE - 1),
            ("bytes=-5000", 0, SIZE - 1),
            ("bytes=0-", 0, SIZE - 1),
            (f"bytes={SIZE - 1}-{'9' * 30}", SIZE - 1, SIZE - 1),
            ("BYTES=1-2", 1, 2),
            ("bytes=1-2,", 1, 2),
            ("bytes=1-2, 9999-", 1, 2),
        ],
    )
    def test_single(self, blob: Served, value: str, first: int, last: int) -> None:
        """
        A range is answered with exactly its bytes; an end beyond the size is clamped.
        """
        answer = blob.get(URL, ("Range", value))
        assert answer.status == 206
        assert answer.body == CONTENT[first : last + 1]
        assert answer["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
        assert answer["Content-Length"] == str(last + 1 - first)
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Docker-Content-Digest"] == str(DIGEST)
        assert answer["ETag"] == TAG
        assert answer["Accept-Ranges"] == "bytes"
        assert answer["Cache-Control"] == "max-age=31536000"
        head = blob.head(URL, ("Range", value))
        assert (head.status, head.fields, head.body) == (206, answer.fields, b"")

    @pytest.mark.parametrize(
        "value",
        [
            "bytes=500-0",
            f"bytes={SIZE}-",
            "bytes=5000-10000",
            f"bytes={'9' * 40}-",
            "bytes=-0",
            "bytes=9999-, 8888-8889",
            "bytes=a-b",
            "bytes=",
            "bytes=-",
        ],
    )
    def test_unsatisfiable(self, blob: Served, value: str) -> None:
        """
        Where no byte is meant, or the first stands behind the last, the answer says how many there
        are.
        """
        answer = blob.get(URL, ("Range", value))
        assert answer.is_error(416, "RANGE_INVALID")
        assert answer["Content-Range"] == f"bytes */{SIZE}"
        assert answer["Cache-Control"] is None
        head = blob.head(URL, ("Range", value))
        assert (head.status, head["Content-Range"]) == (416, f"bytes */{SIZE}")

    @pytest.mark.parametrize("value", ["items=0-1", "bytes", "0-1", "none=x"])
    def test_other_units(self, blob: Served, value: str) -> None:
        """
        A unit that nobody knows is ignored.
        """
        answer = blob.get(URL, ("Range", value))
        assert (answer.status, answer.body) == (200, CONTENT)

    def test_empty_blob(self, served: Served) -> None:
        """
        The empty blob has no ranges: it is sent whole.
        """
        served.push_blob("a", b"")
        answer = served.get(f"v2/a/blobs/{EMPTY}", ("Range", "bytes=0-"))
        assert (answer.status, answer.body) == (200, b"")


def parts_of(answer: Answer) -> list[tuple[str, bytes]]:
    """
    Take a multipart answer apart: the Content-Range of each part, and its bytes.
    """
    match = re.fullmatch("multipart/byteranges; boundary=([0-9a-z]+)", answer["Content-Type"] or "")
    assert match
    first, *parts = (b"\r\n" + answer.body).split(b"\r\n--" + match[1].encode())
    assert first == b""
    assert parts.pop() == b"--\r\n"
    taken = []
    for part in parts:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        fields = dict(line.split(": ") for line in head.decode().split("\r\n"))
        assert fields["Content-Type"] == "application/octet-stream"
        taken.append((fields["Content-Range"], content))
    return taken


class RangesTests:
    """
    Several parts of a blob at once.
    """

    @pytest.mark.parametrize(
        ("value", "ranges"),
        [
            ("bytes=0-9,20-29", [(0, 9), (20, 29)]),
            # In the order asked, and not merged: readers of images rely on it.
            ("bytes=20-29,0-9", [(20, 29), (0, 9)]),
            ("bytes=0-9,10-19", [(0, 9), (10, 19)]),
            ("bytes=0-9, 5-14 ,5-14", [(0, 9), (5, 14), (5, 14)]),
            ("bytes=-1,0-0", [(SIZE - 1, SIZE - 1), (0, 0)]),
            ("bytes=0-0,2000-9999", [(0, 0), (2000, SIZE - 1)]),
            # What doesn't exist is left out.
            ("bytes=0-0,9999-,5-5", [(0, 0), (5, 5)]),
        ],
    )
    def test_multipart(self, blob: Served, value: str, ranges: list[tuple[int, int]]) -> None:
        """
        Each range is a part, in the order asked.
        """
        answer = blob.get(URL, ("Range", value))
        assert answer.status == 206
        assert parts_of(answer) == [
            (f"bytes {first}-{last}/{SIZE}", CONTENT[first : last + 1]) for first, last in ranges
        ]
        assert answer["Content-Length"] == str(len(answer.body))
        assert answer["Content-Range"] is None
        assert answer["Docker-Content-Digest"] == str(DIGEST)

    def test_head(self, blob: Served) -> None:
        """
        HEAD tells the length that the whole multipart body would have.
        """
        field = ("Range", "bytes=0-9,20-29")
        answer, head = blob.get(URL, field), blob.head(URL, field)
        assert head.status == 206
        assert head["Content-Length"] == answer["Content-Length"]
        assert (head["Content-Type"] or "").startswith("multipart/byteranges; boundary=")

    def test_more_than_all(self, blob: Served) -> None:
        """
        Ranges that are more than all of it are answered with all of it.
        """
        answer = blob.get(URL, ("Range", f"bytes=0-{SIZE - 1},0-0"))
        assert (answer.status, answer.body) == (200, CONTENT)

    def test_far_too_many(self, blob: Served) -> None:
        """
        Ranges that are absurdly many are ignored, as RFC 9110 §14.2 allows.
        """
        value = "bytes=" + ",".join("0-0" for _ in range(5000))
        answer = blob.get(URL, ("Range", value))
        assert (answer.status, answer.body) == (200, CONTENT)


class ConditionTests:
    """
    Conditional requests.
    """

    @pytest.mark.parametrize(
        "value", [TAG, f"W/{TAG}", "*", f'"x", {TAG}', f'"x",W/{TAG}', str(DIGEST)]
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_unchanged(self, blob: Served, method: str, value: str) -> None:
        """
        What the client has already is not sent again; a list, weak tags and the star count.
        """
        answer = blob.ask(method, URL, ("If-None-Match", value))
        assert answer.status == 304
        assert answer["ETag"] == TAG
        assert answer["Docker-Content-Digest"] == str(DIGEST)
        assert answer["Cache-Control"] == "max-age=31536000"
        assert answer["Content-Type"] is None

    def test_changed(self, blob: Served) -> None:
        """
        What he doesn't have is.
        """
        assert blob.get(URL, ("If-None-Match", f'"{ABSENT}"')).body == CONTENT

    def test_unchanged_before_range(self, blob: Served) -> None:
        """
        If-None-Match is evaluated before Range, even one that can't be satisfied.
        """
        fields = [("If-None-Match", TAG), ("Range", "bytes=9999-")]
        assert blob.get(URL, *fields).status == 304

    def test_unknown(self, served: Served) -> None:
        """
        What isn't there is 404, not unchanged.
        """
        answer = served.get(f"v2/a/blobs/{ABSENT}", ("If-None-Match", f'"{ABSENT}"'))
        assert answer.status == 404
        assert served.get(f"v2/a/blobs/{ABSENT}", ("If-None-Match", "*")).status == 404

    @pytest.mark.parametrize(
        ("value", "status"), [(TAG, 200), ("*", 200), (f'"x", {TAG}', 200), (f"W/{TAG}", 412)]
    )
    def test_match(self, blob: Served, value: str, status: int) -> None:
        """
        If-Match wants the strong tag.
        """
        assert blob.get(URL, ("If-Match", value)).status == status

    def test_match_fails(self, blob: Served) -> None:
        """
        Where it doesn't hold the answer is 412, and no content.
        """
        answer = blob.get(URL, ("If-Match", '"x"'), ("Range", "bytes=0-1"))
        assert answer.status == 412
        assert answer.codes
        assert blob.head(URL, ("If-Match", '"x"')).status == 412

    @pytest.mark.parametrize(
        ("value", "status"),
        [(TAG, 206), (f"W/{TAG}", 200), ('"x"', 200), ("Tue, 18 Aug 2026 12:00:00 GMT", 200)],
    )
    def test_if_range(self, blob: Served, value: str, status: int) -> None:
        """
        If-Range lets the range count only with exactly the strong tag.
        """
        answer = blob.get(URL, ("If-Range", value), ("Range", "bytes=1-2"))
        assert answer.status == status
        assert answer.body == (CONTENT[1:3] if status == 206 else CONTENT)

    def test_if_range_and_unsatisfiable(self, blob: Served) -> None:
        """
        A range that doesn't count can't be unsatisfiable.
        """
        answer = blob.get(URL, ("If-Range", '"x"'), ("Range", "bytes=9999-"))
        assert answer.status == 200


class DeleteTests:
    """
    DELETE of a blob.
    """

    def test_deleted(self, blob: Served) -> None:
        """
        It is 202, and gone with the next request.
        """
        blob.head(URL)  # into whatever caches there are
        answer = blob.delete(URL)
        assert (answer.status, answer.body, answer["Content-Length"]) == (202, b"", "0")
        assert blob.get(URL).is_error(404, "BLOB_UNKNOWN")
        assert blob.head(URL).status == 404
        assert blob.get(URL, ("Range", "bytes=0-0")).status == 404
        assert blob.get(URL, ("If-None-Match", TAG)).status == 404
        assert blob.delete(URL).is_error(404, "BLOB_UNKNOWN")

    def test_referenced(self, served: Served) -> None:
        """
        It is never refused because a manifest names the blob, and the manifest stays.
        """
        image = Image.of("x")
        image.push(served, "a", "t")
        for content in image.blobs:
            assert served.delete(f"v2/a/blobs/{Digest.of(content)}").status == 202
        assert served.get("v2/a/manifests/t").status == 200

    def test_other_repository(self, blob: Served) -> None:
        """
        Other repositories keep it.
        """
        blob.push_blob("b", CONTENT)
        assert blob.delete(URL).status == 202
        assert blob.get(f"v2/b/blobs/{DIGEST}").body == CONTENT

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_pushed_again(self, served: Served, algorithm: str) -> None:
        """
        Pushed again it is there at once, however often.
        """
        for _ in range(3):
            digest = served.push_blob("a", CONTENT, algorithm=algorithm)
            assert served.get(f"v2/a/blobs/{digest}").body == CONTENT
            assert served.delete(f"v2/a/blobs/{digest}").status == 202
            assert served.head(f"v2/a/blobs/{digest}").status == 404

    def test_switched_off(self) -> None:
        """
        Where deletes are off it is 405, UNSUPPORTED, and nothing goes.
        """
        served = Served(deletes=False)
        served.push_blob("a", CONTENT)
        answer = served.delete(URL)
        assert answer.is_error(405, "UNSUPPORTED")
        assert answer["Allow"] == "GET, HEAD, OPTIONS"
        assert served.get(URL).body == CONTENT
