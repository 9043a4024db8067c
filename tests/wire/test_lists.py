"""
Lists of tags and repositories.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

import pytest

from tests.wire.access import AccessTable, rights
from tests.wire.contents import Image
from tests.wire.harness import Answer, Served
from txregistry.web.routes import Limits

IMAGE = Image.of("x")

#: In the order of their bytes, which is not that of a dictionary.
TAGS = ["0", "10", "2", "Z", "_", "_x", "a", "a-b", "a.b", "aB", "a_b", "ab", "z"]

NUMBERS = ["-1", "x", "", "1.5", "+1", " 1", "0x1", "1e3", "%D9%A1", "1,2", "--1", "-0"]


def tag(served: Served, name: str, tags: Iterable[str]) -> None:
    """
    Push an image with these tags.
    """
    IMAGE.push(served, name, IMAGE.digest)
    for each in tags:
        answer = served.push_manifest(name, each, IMAGE.payload, IMAGE.media_type)
        assert answer.status == 201


def next_of(answer: Answer) -> str | None:
    """
    The target of the link to the next page.
    """
    link = answer["Link"]
    if link is None:
        return None
    assert link.endswith('>; rel="next"')
    return link[1:].partition(">")[0]


def pages(served: Served, target: str, key: str) -> list[list[str]]:
    """
    Follow the links.
    """
    found = []
    following: str | None = target
    while following:
        answer = served.get(following)
        assert answer.status == 200
        found.append(answer.json[key])
        following = next_of(answer)
    return found


@pytest.fixture
def tagged(served: Served) -> Served:
    """
    A registry with a repository with tags.
    """
    tag(served, "a/b", TAGS[::-1])
    return served


class TagsTests:
    """
    ``tags/list``.
    """

    def test_all(self, tagged: Served) -> None:
        """
        Without n all are listed, in the order of their bytes, and there is no link.
        """
        answer = tagged.get("v2/a/b/tags/list")
        assert answer.status == 200
        assert answer["Content-Type"] == "application/json"
        assert answer.json == {"name": "a/b", "tags": TAGS}
        assert answer["Link"] is None

    def test_all_of_many(self) -> None:
        """
        The limit of a page has no say where nobody asked for pages.
        """
        served = Served(limits=Limits(tags_page=2))
        tag(served, "a", TAGS)
        answer = served.get("v2/a/tags/list")
        assert (answer.json["tags"], answer["Link"]) == (TAGS, None)

    def test_head(self, tagged: Served) -> None:
        """
        HEAD has the same fields.
        """
        for target in ("v2/a/b/tags/list", "v2/a/b/tags/list?n=2"):
            answer, head = tagged.get(target), tagged.head(target)
            assert (head.status, head.fields, head.body) == (200, answer.fields, b"")

    @pytest.mark.parametrize("size", [1, 2, 5, 12, 13, 14, 1000])
    def test_pages(self, tagged: Served, size: int) -> None:
        """
        Pages put together are all tags, each is full but the last, and there is a link only if
        there is more.
        """
        found = pages(tagged, f"v2/a/b/tags/list?n={size}", "tags")
        assert [each for page in found for each in page] == TAGS
        assert {len(page) for page in found[:-1]} <= {size}
        assert 0 < len(found[-1]) <= size

    def test_link(self, tagged: Served) -> None:
        """
        The link has the request's own path, with last and n.
        """
        answer = tagged.get("v2/a/b/tags/list?n=2&ns=docker.io")
        assert answer["Link"] == '</v2/a/b/tags/list?last=10&n=2>; rel="next"'

    @pytest.mark.parametrize(
        ("last", "rest"),
        [
            ("", TAGS),
            ("0", TAGS[1:]),
            ("1", TAGS[1:]),
            ("Zz", TAGS[4:]),
            ("a", TAGS[7:]),
            ("a!", TAGS[7:]),
            ("z", []),
            ("~", []),
            ("no tag at all", TAGS[12:]),
            ("é", []),
        ],
    )
    def test_last_alone(self, tagged: Served, last: str, rest: list[str]) -> None:
        """
        Last counts without n too; it is exclusive and need not exist.
        """
        answer = tagged.get(f"v2/a/b/tags/list?last={quote(last)}")
        assert (answer.status, answer.json["tags"], answer["Link"]) == (200, rest, None)

    def test_last_and_n(self, tagged: Served) -> None:
        """
        They go together.
        """
        answer = tagged.get("v2/a/b/tags/list?last=Z&n=2")
        assert answer.json["tags"] == ["_", "_x"]
        assert next_of(answer) == "/v2/a/b/tags/list?last=_x&n=2"

    def test_none(self, tagged: Served) -> None:
        """
        No tags are wanted: none come, and there is no link.
        """
        answer = tagged.get("v2/a/b/tags/list?n=0")
        assert (answer.status, answer["Link"]) == (200, None)
        assert answer.json == {"name": "a/b", "tags": []}

    @pytest.mark.parametrize("number", ["5", "1000", "9" * 30])
    def test_clamped(self, number: str) -> None:
        """
        A number over the limit is cut to it, and there is a link to the rest.
        """
        served = Served(limits=Limits(tags_page=4))
        tag(served, "a", TAGS)
        answer = served.get(f"v2/a/tags/list?n={number}")
        assert answer.json["tags"] == TAGS[:4]
        assert next_of(answer) == "/v2/a/tags/list?last=Z&n=4"

    @pytest.mark.parametrize("number", NUMBERS)
    def test_no_number(self, tagged: Served, number: str) -> None:
        """
        A negative number, or none, is 400, whether or not the repository is there.
        """
        for name in ("a/b", "nowhere"):
            answer = tagged.get(f"v2/{name}/tags/list?n={quote(number, safe='%')}")
            assert answer.is_error(400, "PAGINATION_NUMBER_INVALID")

    @pytest.mark.parametrize("query", ["", "?n=0", "?n=5", "?last=a", "?n=5&last=a"])
    def test_unknown_repository(self, tagged: Served, query: str) -> None:
        """
        A repository that isn't there is 404, whatever else is asked.
        """
        for name in ("nowhere", "a", "a/b/c"):
            answer = tagged.get(f"v2/{name}/tags/list{query}")
            assert answer.is_error(404, "NAME_UNKNOWN")
            assert answer.json["errors"][0]["detail"] == {"name": name}

    def test_blobs_make_no_repository(self, served: Served) -> None:
        """
        Blobs and uploads alone make no repository.
        """
        served.push_blob("a", b"x")
        served.start("a")
        assert served.get("v2/a/tags/list").is_error(404, "NAME_UNKNOWN")

    def test_untagged(self, served: Served) -> None:
        """
        A manifest makes one, without any tag.
        """
        IMAGE.push(served, "a")
        answer = served.get("v2/a/tags/list")
        assert (answer.status, answer.json) == (200, {"name": "a", "tags": []})

    def test_last_tag_removed(self, served: Served) -> None:
        """
        One whose last tag was removed is empty, not gone.
        """
        IMAGE.push(served, "a", "t")
        assert served.delete("v2/a/manifests/t").status == 202
        answer = served.get("v2/a/tags/list")
        assert (answer.status, answer.json) == (200, {"name": "a", "tags": []})


REPOSITORIES = ["0", "a", "a-b", "a-b/c", "a.b", "a/0", "a/b", "a/b/c", "a/z", "a0", "ab", "z/z/z"]


@pytest.fixture
def catalogued(served: Served) -> Served:
    """
    A registry with several repositories.
    """
    for name in REPOSITORIES[::-1]:
        IMAGE.push(served, name, "t")
    return served


class CatalogTests:
    """
    ``_catalog``.
    """

    def test_all(self, catalogued: Served) -> None:
        """
        The names come in one total order, that of their bytes.
        """
        answer = catalogued.get("v2/_catalog")
        assert answer.status == 200
        assert answer["Content-Type"] == "application/json"
        assert answer.json == {"repositories": REPOSITORIES}
        assert sorted(name.encode() for name in REPOSITORIES) == [
            name.encode() for name in REPOSITORIES
        ]
        assert answer["Link"] is None

    def test_none(self, served: Served) -> None:
        """
        An empty registry has an empty catalog.
        """
        answer = served.get("v2/_catalog")
        assert (answer.status, answer.json) == (200, {"repositories": []})

    def test_head(self, catalogued: Served) -> None:
        """
        HEAD has the same fields.
        """
        answer, head = catalogued.get("v2/_catalog?n=1"), catalogued.head("v2/_catalog?n=1")
        assert (head.status, head.fields, head.body) == (200, answer.fields, b"")

    @pytest.mark.parametrize("size", [1, 2, 5, 11, 12, 13, 1000])
    def test_pages(self, catalogued: Served, size: int) -> None:
        """
        Pages put together are all repositories.
        """
        found = pages(catalogued, f"v2/_catalog?n={size}", "repositories")
        assert [each for page in found for each in page] == REPOSITORIES
        assert {len(page) for page in found[:-1]} <= {size}

    def test_link(self, catalogued: Served) -> None:
        """
        The link has last and n.
        """
        answer = catalogued.get("v2/_catalog?n=5")
        assert answer["Link"] == '</v2/_catalog?last=a.b&n=5>; rel="next"'
        answer = catalogued.get("v2/_catalog?n=7")
        assert answer["Link"] == '</v2/_catalog?last=a%2Fb&n=7>; rel="next"'

    @pytest.mark.parametrize(
        ("last", "rest"),
        [("a", REPOSITORIES[2:]), ("a/", REPOSITORIES[5:]), ("a/c", REPOSITORIES[8:]), ("zz", [])],
    )
    def test_last_alone(self, catalogued: Served, last: str, rest: list[str]) -> None:
        """
        Last is exclusive and need not exist.
        """
        answer = catalogued.get(f"v2/_catalog?last={quote(last)}")
        assert answer.json["repositories"] == rest

    def test_hundred_by_default(self) -> None:
        """
        Without n a page has a hundred.
        """
        served = Served()
        names = [f"r{number:03}" for number in range(103)]
        for name in names:
            IMAGE.push(served, name)
        answer = served.get("v2/_catalog")
        assert answer.json["repositories"] == names[:100]
        assert next_of(answer) == "/v2/_catalog?last=r099&n=100"

    def test_smaller_default(self) -> None:
        """
        Where the limit is lower, that many.
        """
        served = Served(limits=Limits(catalog_page=2))
        for name in ("a", "b", "c"):
            IMAGE.push(served, name)
        assert served.get("v2/_catalog").json["repositories"] == ["a", "b"]

    @pytest.mark.parametrize("number", ["6", "1000000", "9" * 30])
    def test_clamped(self, number: str) -> None:
        """
        A number over the limit is cut to it, never refused.
        """
        served = Served(limits=Limits(catalog_page=5))
        for name in REPOSITORIES:
            IMAGE.push(served, name)
        answer = served.get(f"v2/_catalog?n={number}")
        assert answer.json["repositories"] == REPOSITORIES[:5]
        assert next_of(answer) == "/v2/_catalog?last=a.b&n=5"

    def test_n_is_zero(self, catalogued: Served) -> None:
        """
        No repositories are wanted: none come, and there is no link.
        """
        answer = catalogued.get("v2/_catalog?n=0")
        assert (answer.json, answer["Link"]) == ({"repositories": []}, None)

    @pytest.mark.parametrize("number", NUMBERS)
    def test_no_number(self, served: Served, number: str) -> None:
        """
        A negative number, or none, is 400.
        """
        answer = served.get(f"v2/_catalog?n={quote(number, safe='%')}")
        assert answer.is_error(400, "PAGINATION_NUMBER_INVALID")

    def test_blobs_make_no_repository(self, served: Served) -> None:
        """
        Blobs and uploads alone make no repository.
        """
        served.push_blob("a", b"x")
        served.start("b")
        assert served.get("v2/_catalog").json == {"repositories": []}

    def test_emptied(self, served: Served) -> None:
        """
        A repository whose manifests are gone stays.
        """
        IMAGE.push(served, "a", "t")
        served.delete(f"v2/a/manifests/{IMAGE.digest}")
        assert served.get("v2/_catalog").json == {"repositories": ["a"]}


class CatalogRightsTests:
    """
    Who sees what.
    """

    TABLE = AccessTable(
        rights(
            all=" ".join(f"pull:{name} push:{name}" for name in REPOSITORIES) + " *:catalog",
            some="pull:a pull:z/z/z *:catalog",
            none="pull:a",
        )
    )

    def served(self) -> Served:
        """
        A registry with all repositories.
        """
        served = Served(controller=self.TABLE)
        for name in REPOSITORIES:
            IMAGE.push(served, name, "t", self.TABLE.credentials("all"))
        return served

    def test_needs_the_catalog(self) -> None:
        """
        The catalog is an access of its own.
        """
        served = self.served()
        answer = served.get("v2/_catalog", self.TABLE.credentials("none"))
        assert answer.is_error(401, "UNAUTHORIZED")
        assert 'scope="registry:catalog:*"' in (answer["WWW-Authenticate"] or "")

    def test_filtered(self) -> None:
        """
        Only repositories that the requester may pull from are there.
        """
        served = self.served()
        answer = served.get("v2/_catalog", self.TABLE.credentials("some"))
        assert answer.json == {"repositories": ["a", "z/z/z"]}

    @pytest.mark.parametrize(
        ("size", "expected"),
        [(1, [["a"], ["z/z/z"]]), (2, [["a", "z/z/z"]]), (5, [["a", "z/z/z"]])],
    )
    def test_pages(self, size: int, expected: list[list[str]]) -> None:
        """
        Pages are as if the others didn't exist: full, and with links that name none of them.
        """
        served, some = self.served(), self.TABLE.credentials("some")
        found = []
        target: str | None = f"v2/_catalog?n={size}"
        while target:
            answer = served.get(target, some)
            found.append(answer.json["repositories"])
            target = next_of(answer)
            assert target in (None, f"v2/_catalog?last=a&n={size}", f"/v2/_catalog?last=a&n={size}")
        assert found == expected

    def test_many_hidden(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        However many are hidden between two that are shown, both are found.
        """
        monkeypatch.setattr("txregistry.web.lists._STEP", 2)
        served, some = self.served(), self.TABLE.credentials("some")
        answer = served.get("v2/_catalog?n=2", some)
        assert (answer.json, answer["Link"]) == ({"repositories": ["a", "z/z/z"]}, None)
