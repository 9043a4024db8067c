"""
Several registries on one storage: what one of them does is seen by all with the next request.
"""

from __future__ import annotations

import pytest

from tests.wire.contents import Image
from tests.wire.harness import HOST, Served
from txregistry.model.digest import Digest

CONTENT = b"content"
BLOB = Digest.of(CONTENT)
IMAGE = Image.of("x")
SUBJECT = Image.of("subject")


@pytest.fixture
def nodes() -> tuple[Served, Served]:
    """
    Two registries on one storage, with something in it that both have looked at.
    """
    one = Served()
    two = Served(driver=one.driver)
    SUBJECT.push(one, "a")
    Image.of("x", subject=SUBJECT.descriptor()).push(one, "a", "r")
    IMAGE.push(one, "a", "t")
    one.push_blob("a", CONTENT)
    for node in (one, two):
        for target in (
            f"v2/a/blobs/{BLOB}",
            "v2/a/manifests/t",
            f"v2/a/manifests/{IMAGE.digest}",
            f"v2/a/referrers/{SUBJECT.digest}",
            "v2/a/tags/list",
            "v2/_catalog",
        ):
            assert node.get(target).status == 200
            assert node.head(target).status == 200
    return one, two


class GoneTests:
    """
    Gone is gone.
    """

    def test_blob(self, nodes: tuple[Served, Served]) -> None:
        """
        A deleted blob is 404 everywhere, and pushed again it is there everywhere.
        """
        one, two = nodes
        for _ in range(2):
            assert one.delete(f"v2/a/blobs/{BLOB}").status == 202
            for node in nodes:
                assert node.get(f"v2/a/blobs/{BLOB}").status == 404
                assert node.head(f"v2/a/blobs/{BLOB}").status == 404
            two.push_blob("a", CONTENT)
            for node in nodes:
                assert node.get(f"v2/a/blobs/{BLOB}").body == CONTENT

    def test_manifest(self, nodes: tuple[Served, Served]) -> None:
        """
        So is a deleted manifest.
        """
        one, two = nodes
        for _ in range(2):
            assert one.delete(f"v2/a/manifests/{IMAGE.digest}").status == 202
            for node in nodes:
                for reference in ("t", IMAGE.digest):
                    assert node.get(f"v2/a/manifests/{reference}").status == 404
                    assert node.head(f"v2/a/manifests/{reference}").status == 404
                assert node.tags("a") == ["r"]
            IMAGE.push(two, "a", "t")
            for node in nodes:
                assert node.get("v2/a/manifests/t").body == IMAGE.payload

    def test_tag(self, nodes: tuple[Served, Served]) -> None:
        """
        So is a deleted tag, and one that moved names the new manifest.
        """
        one, two = nodes
        assert one.delete("v2/a/manifests/r").status == 202
        assert two.head("v2/a/manifests/r").status == 404
        SUBJECT.push(two, "a", "t")
        assert one.get("v2/a/manifests/t").body == SUBJECT.payload
        assert one.head("v2/a/manifests/t")["Docker-Content-Digest"] == str(SUBJECT.digest)

    def test_referrer(self, nodes: tuple[Served, Served]) -> None:
        """
        So is a deleted referrer.
        """
        one, two = nodes
        digest = one.head("v2/a/manifests/r")["Docker-Content-Digest"]
        assert one.delete(f"v2/a/manifests/{digest}").status == 202
        assert two.get(f"v2/a/referrers/{SUBJECT.digest}").json["manifests"] == []


class UploadTests:
    """
    Uploads that change their node.
    """

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_each_request_elsewhere(self, nodes: tuple[Served, Served], algorithm: str) -> None:
        """
        What one began the other goes on with.
        """
        one, two = nodes
        digest = Digest.of(b"0123456789", algorithm)
        location = one.start("b", query=f"?digest-algorithm={algorithm}")
        assert two.ask("PATCH", location, body=b"0123").status == 202
        assert one.ask("PATCH", location, ("Content-Range", "4-6"), body=b"456").status == 202
        assert two.get(location)["Range"] == "0-6"
        committed = two.ask("PUT", f"{location}?digest={digest}", body=b"789")
        assert committed.status == 201
        assert one.get(committed["Location"] or "").body == b"0123456789"
        assert one.get(location).status == 404

    def test_at_once(self, nodes: tuple[Served, Served]) -> None:
        """
        If both want to write to one, one of them wins.
        """
        one, two = nodes
        location = one.start("b")
        connection = one.connect()
        path = location.partition(HOST)[2]
        connection.send(
            f"PATCH {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123".encode()
        )
        assert two.ask("PATCH", location, body=b"xyz").status == 409
        connection.send(b"456789")
        assert [answer.status for answer in connection.answers()] == [202]
        connection.lose()
        assert two.get(location)["Range"] == "0-8"

    def test_cancelled(self, nodes: tuple[Served, Served]) -> None:
        """
        What one cancelled is gone for the other: if nobody told him, it is as if it had just begun.
        """
        one, two = nodes
        location = one.start("b")
        assert one.ask("PATCH", location, body=b"x").status == 202
        assert two.delete(location).status == 204
        assert two.get(location).is_error(404, "BLOB_UPLOAD_UNKNOWN")
        assert one.get(location).is_error(404, "BLOB_UPLOAD_UNKNOWN")
        location = one.start("b")
        assert two.delete(location).status == 204
        assert one.get(location)["Range"] == "0-0"
