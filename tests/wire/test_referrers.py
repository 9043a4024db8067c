"""
Listing referrers.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.wire.contents import (
    ABSENT,
    ALGORITHMS,
    CONFIG,
    INDEX,
    OCI,
    Document,
    Image,
    descriptor,
    index_of,
)
from tests.wire.harness import Answer, Served
from tests.wire.test_lists import next_of
from txregistry.model.digest import Digest
from txregistry.web.routes import Limits

SUBJECT = Image.of("subject")
URL = f"v2/a/referrers/{SUBJECT.digest}"
SBOM = "application/vnd.example.sbom+json"
SIGNATURE = "application/vnd.example.signature"


def referring(text: str, subject: Document | None = None, **more: Any) -> Image:
    """
    An image that refers to the subject.
    """
    return Image.of(text, subject=subject or SUBJECT.descriptor(), **more)


def entries(answer: Answer) -> list[Document]:
    """
    What is listed, after a look at the answer's shape.
    """
    assert answer.status == 200
    assert answer["Content-Type"] == "application/vnd.oci.image.index.v1+json"
    document = answer.json
    assert set(document) == {"schemaVersion", "mediaType", "manifests"}
    assert document["schemaVersion"] == 2
    assert document["mediaType"] == INDEX
    manifests: list[Document] = document["manifests"]
    return manifests


def digests(answer: Answer) -> list[str]:
    """
    The digests of what is listed.
    """
    return [entry["digest"] for entry in entries(answer)]


class EmptyTests:
    """
    Nothing refers to it.
    """

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    @pytest.mark.parametrize("name", ["a", "nowhere"])
    def test_unknown(self, served: Served, name: str, algorithm: str) -> None:
        """
        An unknown digest, or an unknown repository, has an empty list: it is always 200.
        """
        SUBJECT.push(served, "a")
        target = f"v2/{name}/referrers/{Digest.of(b'nobody pushed this', algorithm)}"
        answer = served.get(target)
        assert entries(answer) == []
        assert answer["OCI-Filters-Applied"] is None
        assert answer["Link"] is None

    def test_zeros(self, served: Served) -> None:
        """
        Clients ask for a digest of zeros to see whether this is supported.
        """
        assert entries(served.get(f"v2/a/referrers/sha256:{'0' * 64}")) == []

    def test_head(self, served: Served) -> None:
        """
        HEAD has the same fields.
        """
        referring("x").push(served, "a")
        for query in ("", "?n=1", "?artifactType=x"):
            answer, head = served.get(URL + query), served.head(URL + query)
            assert (head.status, head.fields, head.body) == (200, answer.fields, b"")


class EntryTests:
    """
    What an entry says.
    """

    def test_image(self, served: Served) -> None:
        """
        Type, size, digest, the manifest's artifact type and its annotations.
        """
        annotations = {"org.example.a": "b", "<&>": "é"}
        image = referring("x", artifactType=SBOM, annotations=annotations)
        image.push(served, "a")
        assert entries(served.get(URL)) == [
            {
                "mediaType": OCI,
                "size": len(image.payload),
                "digest": str(image.digest),
                "artifactType": SBOM,
                "annotations": annotations,
            }
        ]

    def test_type_of_the_config(self, served: Served) -> None:
        """
        Without an artifact type an image has that of its config.
        """
        referring("x").push(served, "a")
        (entry,) = entries(served.get(URL))
        assert entry["artifactType"] == CONFIG
        assert "annotations" not in entry

    @pytest.mark.parametrize("artifact_type", [None, SBOM])
    def test_index(self, served: Served, artifact_type: str | None) -> None:
        """
        An index has its own, or none.
        """
        more = {"artifactType": artifact_type} if artifact_type else {}
        index = index_of(subject=SUBJECT.descriptor(), annotations={"a": "b"}, **more)
        served.push_manifest("a", "i", index, INDEX)
        (entry,) = entries(served.get(URL))
        assert entry["mediaType"] == INDEX
        assert entry.get("artifactType") == artifact_type
        assert entry["annotations"] == {"a": "b"}

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_digest_of_the_referrer(self, served: Served, algorithm: str) -> None:
        """
        The digest is that by which it was pushed.
        """
        image = referring("x")
        digest = Digest.of(image.payload, algorithm)
        image.push(served, "a", digest)
        assert digests(served.get(URL)) == [str(digest)]

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_digest_of_the_subject(self, served: Served, algorithm: str) -> None:
        """
        The subject is found by the digest that the manifest gives.
        """
        subject = descriptor(OCI, SUBJECT.payload, algorithm)
        image = referring("x", subject)
        image.push(served, "a")
        answer = served.get(f"v2/a/referrers/{subject['digest']}")
        assert digests(answer) == [str(image.digest)]

    def test_subject_is_absent(self, served: Served) -> None:
        """
        The subject need not be there.
        """
        image = referring("x", descriptor(OCI, b"nobody pushed this"))
        image.push(served, "a")
        assert digests(served.get(f"v2/a/referrers/{ABSENT}")) == [str(image.digest)]

    def test_pushed_by_tag(self, served: Served) -> None:
        """
        It counts as well when it was pushed by tag.
        """
        image = referring("x")
        image.push(served, "a", "t")
        assert digests(served.get(URL)) == [str(image.digest)]

    def test_each_once(self, served: Served) -> None:
        """
        What is pushed again is listed once.
        """
        for _ in range(2):
            referring("x").push(served, "a", "t")
        assert len(entries(served.get(URL))) == 1

    def test_other_repository(self, served: Served) -> None:
        """
        What refers to it elsewhere is listed there.
        """
        referring("x").push(served, "b")
        assert entries(served.get(URL)) == []
        assert len(entries(served.get(f"v2/b/referrers/{SUBJECT.digest}"))) == 1


class GoneTests:
    """
    Entries whose manifest is gone.
    """

    @pytest.mark.parametrize("by_tag", [False, True])
    def test_deleted(self, served: Served, by_tag: bool) -> None:
        """
        A manifest takes its entry with it; a tag that goes doesn't.
        """
        image, other = referring("x"), referring("y")
        image.push(served, "a", "t")
        other.push(served, "a")
        served.get(URL)  # into whatever caches there are
        served.delete(f"v2/a/manifests/{'t' if by_tag else image.digest}")
        left = {str(other.digest)} | ({str(image.digest)} if by_tag else set())
        assert set(digests(served.get(URL))) == left

    async def test_removed_by_others(self, served: Served) -> None:
        """
        So does one that distribution deleted, which knows no entries.
        """
        image = referring("x")
        image.push(served, "a")
        revision = f"revisions/sha256/{image.digest.hex}/link"
        path = f"/docker/registry/v2/repositories/a/_manifests/{revision}"
        await served.driver.delete(path)
        assert entries(served.get(URL)) == []

    def test_subject_deleted(self, served: Served) -> None:
        """
        The subject may go; what refers to it stays listed.
        """
        SUBJECT.push(served, "a")
        referring("x").push(served, "a")
        served.delete(f"v2/a/manifests/{SUBJECT.digest}")
        assert len(entries(served.get(URL))) == 1

    async def test_where_distribution_does_not_look(self, served: Served) -> None:
        """
        The entries lie below the repository's _referrers.
        """
        referring("x").push(served, "a")
        children = await served.driver.list("/docker/registry/v2/repositories/a")
        names = {path.rpartition("/")[2] for path in children}
        assert names == {"_layers", "_manifests", "_uploads", "_referrers"} - (
            set() if "_uploads" in names else {"_uploads"}
        )
        assert served.get("v2/_catalog").json == {"repositories": ["a"]}


class FilterTests:
    """
    ``artifactType``.
    """

    @pytest.fixture
    def filled(self, served: Served) -> Served:
        """
        A registry with five referrers of three types.
        """
        for number in range(2):
            referring(f"sbom {number}", artifactType=SBOM).push(served, "a")
            referring(f"signature {number}", artifactType=SIGNATURE).push(served, "a")
        referring("image").push(served, "a")
        return served

    @pytest.mark.parametrize(
        ("types", "count"),
        [
            ([SBOM], 2),
            ([SIGNATURE], 2),
            ([CONFIG], 1),
            ([SBOM, SIGNATURE], 4),
            ([SBOM, "x/y"], 2),
            (["x/y"], 0),
            ([SBOM.upper()], 0),
            ([""], 0),
        ],
    )
    def test_filtered(self, filled: Served, types: list[str], count: int) -> None:
        """
        Of several types any counts; the answer says that it was filtered.
        """
        query = "&".join(f"artifactType={quote(text, safe='')}" for text in types)
        answer = filled.get(f"{URL}?{query}")
        found = entries(answer)
        assert len(found) == count
        assert {entry["artifactType"] for entry in found} <= set(types)
        assert answer["OCI-Filters-Applied"] == "artifactType"

    def test_raw_plus(self, filled: Served) -> None:
        """
        A plus that wasn't encoded is one all the same.
        """
        assert "+" in SBOM
        assert len(entries(filled.get(f"{URL}?artifactType={SBOM}"))) == 2

    def test_not_asked(self, filled: Served) -> None:
        """
        It says so only when it was asked to.
        """
        answer = filled.get(URL)
        assert len(entries(answer)) == 5
        assert answer["OCI-Filters-Applied"] is None

    def test_on_every_page(self, filled: Served) -> None:
        """
        The links keep the filter, and every page says that it was filtered.
        """
        found: list[str] = []
        types = f"artifactType={quote(SBOM, safe='')}&artifactType={quote(SIGNATURE, safe='')}"
        target: str | None = f"{URL}?{types}&n=1"
        while target:
            answer = filled.get(target)
            assert answer["OCI-Filters-Applied"] == "artifactType"
            assert {entry["artifactType"] for entry in entries(answer)} <= {SBOM, SIGNATURE}
            found += digests(answer)
            target = next_of(answer)
        assert len(found) == len(set(found)) == 4


class PageTests:
    """
    Pages of a bounded size.
    """

    def test_bounded(self) -> None:
        """
        A page has no more than the limit, and a link to the rest.
        """
        served = Served(limits=Limits(referrers_page=3))
        images = [referring(str(number)) for number in range(8)]
        for image in images:
            image.push(served, "a")
        for query in ("", "?n=100", "?n=0"):
            found: list[str] = []
            sizes: list[int] = []
            target: str | None = URL + query
            while target:
                answer = served.get(target)
                found += digests(answer)
                sizes.append(len(digests(answer)))
                target = next_of(answer)
            assert sorted(found) == sorted(str(image.digest) for image in images)
            assert sizes == [3, 3, 2]

    def test_n(self, served: Served) -> None:
        """
        A client may want fewer.
        """
        for number in range(3):
            referring(str(number)).push(served, "a")
        answer = served.get(f"{URL}?n=2")
        assert len(entries(answer)) == 2
        link = next_of(answer)
        assert link is not None
        assert link.startswith(f"/v2/a/referrers/{SUBJECT.digest}?last=")
        assert link.endswith("&n=2")
        rest = served.get(link)
        assert (len(entries(rest)), rest["Link"]) == (1, None)

    def test_no_number(self, served: Served) -> None:
        """
        What is no number is 400.
        """
        for number in ("-1", "x"):
            answer = served.get(f"{URL}?n={number}")
            assert answer.is_error(400, "PAGINATION_NUMBER_INVALID")

    async def test_many(self) -> None:
        """
        Where thousands refer to one subject, a page looks at few of them.
        """
        served = Served()
        root = "/docker/registry/v2/repositories/a/_referrers"
        for number in range(5000):
            digest = Digest.of(str(number).encode())
            path = f"{root}/sha256/{SUBJECT.digest.hex}/sha256/{digest.hex}/link"
            await served.driver.put_content(path, str(digest).encode())
        image = referring("x")
        image.push(served, "a")
        found: list[str] = []
        target: str | None = URL
        count = 0
        while target:
            answer = served.get(target)
            found += digests(answer)
            target = next_of(answer)
            count += 1
        assert found == [str(image.digest)]
        assert count <= 6


class FallbackTests:
    """
    What clients noted under a tag, before the registry could do it.
    """

    def note(self, served: Served, subject: Digest, *referrers: Document) -> str:
        """
        Push the index that a client makes.
        """
        tag = f"{subject.algorithm[:32]}-{subject.hex[:64]}"
        answer = served.push_manifest("a", tag, index_of(*referrers), INDEX)
        assert answer.status == 201
        return tag

    async def forget(self, served: Served) -> None:
        """
        Take the entries away, as in a tree that distribution wrote.
        """
        await served.driver.delete("/docker/registry/v2/repositories/a/_referrers")

    async def test_included(self, served: Served) -> None:
        """
        They are listed, with what their manifests say.
        """
        old = referring("old", artifactType=SBOM, annotations={"a": "b"})
        old.push(served, "a")
        await self.forget(served)
        assert entries(served.get(URL)) == []
        self.note(served, SUBJECT.digest, old.descriptor(artifactType="wrong/type"))
        (entry,) = entries(served.get(URL))
        assert entry["digest"] == str(old.digest)
        assert (entry["artifactType"], entry["annotations"]) == (SBOM, {"a": "b"})

    async def test_no_duplicates(self, served: Served) -> None:
        """
        What is noted both ways is listed once.
        """
        old, new = referring("old"), referring("new")
        old.push(served, "a")
        await self.forget(served)
        new.push(served, "a")
        self.note(served, SUBJECT.digest, old.descriptor(), new.descriptor())
        found = digests(served.get(URL))
        assert sorted(found) == sorted([str(old.digest), str(new.digest)])

    async def test_must_refer(self, served: Served) -> None:
        """
        Only what exists here, and has this subject itself, is listed.
        """
        other = Image.of("no subject")
        another = referring("other subject", descriptor(OCI, b"another"))
        gone = referring("gone")
        for image in (other, another, gone):
            image.push(served, "a")
        self.note(served, SUBJECT.digest, *(each.descriptor() for each in (other, another, gone)))
        served.delete(f"v2/a/manifests/{gone.digest}")
        assert entries(served.get(URL)) == []

    async def test_truncated_sha512(self, served: Served) -> None:
        """
        The tag of a sha512 has the first 64 characters of its hash.
        """
        subject = Digest.of(SUBJECT.payload, "sha512")
        old = referring("old", {**SUBJECT.descriptor(), "digest": str(subject)})
        old.push(served, "a")
        await self.forget(served)
        tag = self.note(served, subject, old.descriptor())
        assert tag == f"sha512-{subject.hex[:64]}"
        assert digests(served.get(f"v2/a/referrers/{subject}")) == [str(old.digest)]

    def test_tag_is_ordinary(self, served: Served) -> None:
        """
        The tag is pulled, listed and deleted as any other, and what it noted goes with it.
        """
        old = referring("old")
        old.push(served, "a")
        tag = self.note(served, SUBJECT.digest, old.descriptor())
        assert served.tags("a") == [tag]
        assert served.get(f"v2/a/manifests/{tag}").status == 200
        assert served.delete(f"v2/a/manifests/{tag}").status == 202
        assert digests(served.get(URL)) == [str(old.digest)]

    @pytest.mark.parametrize("payload", [b"nonsense", b"[]", b"\xff"])
    async def test_tag_of_something_else(self, served: Served, payload: bytes) -> None:
        """
        A tag of that form may be anything: then it says nothing.
        """
        image = Image.of("x")
        tag = f"sha256-{SUBJECT.digest.hex}"
        image.push(served, "a", tag)
        assert entries(served.get(URL)) == []
        digest = Digest.of(payload)
        root = "/docker/registry/v2"
        put = served.driver.put_content
        await put(f"{root}/blobs/sha256/{digest.hex[:2]}/{digest.hex}/data", payload)
        manifests = f"{root}/repositories/a/_manifests"
        await put(f"{manifests}/revisions/sha256/{digest.hex}/link", str(digest).encode())
        await put(f"{manifests}/tags/{tag}/current/link", str(digest).encode())
        assert entries(served.get(URL)) == []

    def test_cosign(self, served: Served) -> None:
        """
        Tags for signatures, which look alike, are no such tags.
        """
        image = Image.of("x")
        for ending in ("sig", "att", "sbom"):
            image.push(served, "a", f"sha256-{SUBJECT.digest.hex}.{ending}")
        assert entries(served.get(URL)) == []
