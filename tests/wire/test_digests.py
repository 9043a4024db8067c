"""
Digests on the wire: all algorithms are first class, and what is no digest is refused everywhere.
"""

from __future__ import annotations

import pytest

from tests.wire.contents import ABSENT, ALGORITHMS, DOCKER, OCI, Image, index_of
from tests.wire.harness import Served
from txregistry.model.digest import Digest

CONTENT = b"some content"

#: Malformed, of an unsupported algorithm, of the wrong length.
WRONG = [
    "sha256:" + "0" * 63,
    "sha256:" + "0" * 65,
    "sha256:" + "A" * 64,
    "sha256:" + "g" * 64,
    "sha256:",
    ":",
    "sha512:" + "0" * 64,
    "sha256:" + "0" * 128,
    "md5:" + "0" * 32,
    "sha1:" + "0" * 40,
    "blake3:" + "0" * 64,
    "tarsum.v1+sha256:" + "0" * 64,
    "SHA256:" + "0" * 64,
    "sha256:" + "0" * 64 + "%0A",
    "latest:x",
]


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    """
    Each algorithm in turn.
    """
    return str(request.param)


class BlobDigestTests:
    """
    A blob is stored under the digest by which it was pushed.
    """

    def test_pushed_whole(self, served: Served, algorithm: str) -> None:
        """
        POST with a digest: the answer has that digest, and so have GET and HEAD.
        """
        digest = Digest.of(CONTENT, algorithm)
        pushed = served.ask("POST", f"v2/a/blobs/uploads/?digest={digest}", body=CONTENT)
        assert pushed.status == 201
        assert pushed["Docker-Content-Digest"] == str(digest)
        self.check_served(served, digest)

    def test_committed(self, served: Served, algorithm: str) -> None:
        """
        A digest of any algorithm may be given at the commit, although nobody said so before.
        """
        digest = Digest.of(CONTENT, algorithm)
        location = served.start("a")
        assert served.ask("PATCH", location, body=CONTENT[:5]).status == 202
        committed = served.ask("PUT", f"{location}?digest={digest}", body=CONTENT[5:])
        assert committed.status == 201
        assert committed["Docker-Content-Digest"] == str(digest)
        self.check_served(served, digest)

    def test_named_up_front(self, served: Served, algorithm: str) -> None:
        """
        The algorithm may be named when the upload begins.
        """
        digest = Digest.of(CONTENT, algorithm)
        location = served.start("a", query=f"?digest-algorithm={algorithm}")
        assert served.ask("PATCH", location, body=CONTENT).status == 202
        assert served.ask("PUT", f"{location}?digest={digest}", body=b"").status == 201
        self.check_served(served, digest)

    def test_another_than_named(self, served: Served) -> None:
        """
        Who named one algorithm may commit with another.
        """
        digest = Digest.of(CONTENT)
        location = served.start("a", query="?digest-algorithm=sha512")
        served.ask("PATCH", location, body=CONTENT)
        assert served.ask("PUT", f"{location}?digest={digest}", body=b"").status == 201
        self.check_served(served, digest)

    def test_unsupported_algorithm_up_front(self, served: Served) -> None:
        """
        An algorithm that nobody has here is refused when the upload begins.
        """
        for name in ("md5", "SHA256", "sha256:"):
            answer = served.ask("POST", f"v2/a/blobs/uploads/?digest-algorithm={name}", body=b"")
            assert answer.is_error(400, "DIGEST_INVALID")

    def test_mounted(self, served: Served, algorithm: str) -> None:
        """
        A mount answers with the digest that was asked, and serves it.
        """
        digest = served.push_blob("source", CONTENT, algorithm=algorithm)
        target = f"v2/a/blobs/uploads/?mount={digest}&from=source"
        mounted = served.ask("POST", target, body=b"")
        assert mounted.status == 201
        assert mounted["Docker-Content-Digest"] == str(digest)
        self.check_served(served, digest)

    def test_only_under_its_digest(self, served: Served) -> None:
        """
        A blob that was pushed by one digest is not there by another.
        """
        served.push_blob("a", CONTENT, algorithm="sha512")
        assert served.get(f"v2/a/blobs/{Digest.of(CONTENT)}").is_error(404, "BLOB_UNKNOWN")

    def test_deleted(self, served: Served, algorithm: str) -> None:
        """
        It is deleted by that digest.
        """
        digest = served.push_blob("a", CONTENT, algorithm=algorithm)
        assert served.delete(f"v2/a/blobs/{digest}").status == 202
        assert served.get(f"v2/a/blobs/{digest}").status == 404

    def check_served(self, served: Served, digest: Digest) -> None:
        """
        It is found by the digest that the client used, and says so.
        """
        for method in ("GET", "HEAD"):
            answer = served.ask(method, f"v2/a/blobs/{digest}")
            assert answer.status == 200
            assert answer["Docker-Content-Digest"] == str(digest)
            assert answer["ETag"] == f'"{digest}"'
            assert answer["Content-Length"] == str(len(CONTENT))
        assert served.get(f"v2/a/blobs/{digest}").body == CONTENT


class ManifestDigestTests:
    """
    So is a manifest.
    """

    def test_by_digest(self, served: Served, algorithm: str) -> None:
        """
        A manifest pushed by a digest is found by it, and every answer names it.
        """
        image = Image.of("x")
        digest = Digest.of(image.payload, algorithm)
        pushed = image.push(served, "a", digest)
        assert pushed["Docker-Content-Digest"] == str(digest)
        for method in ("GET", "HEAD"):
            answer = served.ask(method, f"v2/a/manifests/{digest}")
            assert answer.status == 200
            assert answer["Docker-Content-Digest"] == str(digest)
        assert served.get(f"v2/a/manifests/{digest}").body == image.payload

    def test_tag_is_sha256(self, served: Served) -> None:
        """
        A manifest pushed by tag is sha256.
        """
        image = Image.of("x", algorithm="sha512")
        assert image.push(served, "a", "t")["Docker-Content-Digest"] == str(image.digest)
        assert served.get("v2/a/manifests/t")["Docker-Content-Digest"] == str(image.digest)
        assert served.get(f"v2/a/manifests/{image.sha512}").status == 404

    def test_tag_of_sha512(self, served: Served) -> None:
        """
        A tag that was set by a push by sha512 answers with that digest.
        """
        image = Image.of("x")
        assert image.push(served, "a", f"{image.sha512}?tag=t").status == 201
        for method in ("GET", "HEAD"):
            answer = served.ask(method, "v2/a/manifests/t")
            assert answer["Docker-Content-Digest"] == str(image.sha512)
            assert answer["ETag"] == f'"{image.sha512}"'

    def test_both(self, served: Served) -> None:
        """
        The same bytes may be here under two digests; each goes its own way.
        """
        image = Image.of("x")
        image.push(served, "a", image.sha512)
        image.push(served, "a", image.digest)
        assert served.delete(f"v2/a/manifests/{image.sha512}").status == 202
        assert served.get(f"v2/a/manifests/{image.sha512}").status == 404
        assert served.get(f"v2/a/manifests/{image.digest}").body == image.payload

    def test_children_and_layers_of_sha512(self, served: Served) -> None:
        """
        A manifest and an index may name content by sha512.
        """
        image = Image.of("x", algorithm="sha512")
        image.push(served, "a", image.sha512)
        index = index_of({**image.descriptor(), "digest": str(image.sha512)})
        answer = served.push_manifest("a", "i", index, "application/vnd.oci.image.index.v1+json")
        assert answer.status == 201

    def test_wrong_digest(self, served: Served, algorithm: str) -> None:
        """
        A manifest that isn't what its digest says is refused, and nothing of it is kept.
        """
        image = Image.of("x")
        image.push(served, "a", "t")
        other = Digest.of(image.payload + b" ", algorithm)
        answer = served.push_manifest("a", other, image.payload, OCI)
        assert answer.is_error(400, "DIGEST_INVALID")
        assert served.get(f"v2/a/manifests/{other}").status == 404


@pytest.mark.parametrize("digest", WRONG)
class WrongDigestTests:
    """
    What is no digest is 400 on every route.
    """

    ROUTES = (
        ("GET", "v2/a/blobs/{}"),
        ("HEAD", "v2/a/blobs/{}"),
        ("DELETE", "v2/a/blobs/{}"),
        ("GET", "v2/a/manifests/{}"),
        ("HEAD", "v2/a/manifests/{}"),
        ("PUT", "v2/a/manifests/{}"),
        ("DELETE", "v2/a/manifests/{}"),
        ("GET", "v2/a/referrers/{}"),
        ("HEAD", "v2/a/referrers/{}"),
        ("POST", "v2/a/blobs/uploads/?digest={}"),
        ("POST", "v2/a/blobs/uploads/?mount={}"),
        ("POST", "v2/a/blobs/uploads/?mount={}&from=b"),
    )

    def test_refused(self, served: Served, digest: str) -> None:
        """
        It is DIGEST_INVALID, whoever has the repository.
        """
        for method, target in self.ROUTES:
            body = Image.of("x").payload if method in ("PUT", "POST") else None
            fields = [("Content-Type", OCI)] if method == "PUT" else []
            answer = served.ask(method, target.format(digest), *fields, body=body)
            assert answer.status == 400, (method, target)
            if method != "HEAD":
                assert answer.codes == ["DIGEST_INVALID"], (method, target)

    def test_at_the_commit(self, served: Served, digest: str) -> None:
        """
        It is so at a commit; the upload stays, and can be committed with a right one.
        """
        location = served.start("a")
        served.ask("PATCH", location, body=CONTENT)
        answer = served.ask("PUT", f"{location}?digest={digest}", body=b"")
        assert answer.is_error(400, "DIGEST_INVALID")
        right = Digest.of(CONTENT)
        assert served.ask("PUT", f"{location}?digest={right}", body=b"").status == 201

    def test_no_tag(self, served: Served, digest: str) -> None:
        """
        It is never taken for a tag.
        """
        image = Image.of("x")
        image.push(served, "a", "t")
        served.push_manifest("a", digest, image.payload, image.media_type)
        assert served.tags("a") == ["t"]


class AbsentDigestTests:
    """
    A well-formed digest that isn't there.
    """

    @pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    @pytest.mark.parametrize(
        ("kind", "code"), [("blobs", "BLOB_UNKNOWN"), ("manifests", "MANIFEST_UNKNOWN")]
    )
    def test_unknown(
        self, served: Served, method: str, kind: str, code: str, algorithm: str
    ) -> None:
        """
        It is 404, for DELETE too, whether or not there is such a repository.
        """
        Image.of("x").push(served, "there", "t")
        for name in ("there", "nowhere"):
            digest = Digest.of(b"nobody pushed this", algorithm)
            answer = served.ask(method, f"v2/{name}/{kind}/{digest}")
            assert answer.status == 404
            if method != "HEAD":
                assert answer.codes == [code]

    def test_other_kind(self, served: Served) -> None:
        """
        A manifest is no blob, and a blob no manifest.
        """
        image = Image.of("x", media_type=DOCKER)
        image.push(served, "a", "t")
        blob = Digest.of(image.blobs[0])
        assert served.get(f"v2/a/blobs/{image.digest}").is_error(404, "BLOB_UNKNOWN")
        assert served.get(f"v2/a/manifests/{blob}").is_error(404, "MANIFEST_UNKNOWN")

    def test_detail(self, served: Served) -> None:
        """
        The error names it.
        """
        answer = served.get(f"v2/a/blobs/{ABSENT}")
        assert str(ABSENT) in str(answer.json["errors"][0]["detail"])
