"""
What is remembered, and for how long.
"""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName
from txregistry.recent import Recent
from txregistry.storage.facts import Facts, FactsCache
from txregistry.storage.holders import REMEMBERED_HOLDERS, Holders

steps = st.lists(
    st.one_of(
        st.tuples(st.just("get"), st.integers(0, 5)),
        st.tuples(st.just("put"), st.integers(0, 5), st.integers(0, 12)),
        st.tuples(st.just("forget"), st.integers(0, 5)),
    )
)


class RecentTests:
    """
    A bounded mapping.
    """

    @given(steps=steps)
    def test_model(self, steps: list[tuple[str, int] | tuple[str, int, int]]) -> None:
        """
        It is a mapping of what was used latest, whose weight is never over its capacity.
        """
        recent: Recent[int, int] = Recent(10)
        model: OrderedDict[int, int] = OrderedDict()
        for step in steps:
            key = step[1]
            if step[0] == "get":
                assert recent.get(key) == model.get(key)
                if key in model:
                    model.move_to_end(key)
                continue
            model.pop(key, None)
            if len(step) == 3 and step[0] == "put":
                recent.put(key, step[2], step[2])
                if step[2] <= 10:
                    model[key] = step[2]
                while sum(model.values()) > 10:
                    model.popitem(last=False)
            else:
                recent.forget(key)
        assert {key: recent.get(key) for key in range(6) if recent.get(key) is not None} == model


class HoldersTests:
    """
    Which repositories have a blob.
    """

    def test_bounded(self) -> None:
        """
        Few repositories of each blob are remembered, the latest.
        """
        holders = Holders()
        digest = Digest.of(b"")
        names = [RepositoryName(f"r{number}") for number in range(20)]
        for name in names:
            holders.note(digest, name)
        assert holders.of(digest) == tuple(reversed(names))[:REMEMBERED_HOLDERS]

    def test_blobs_bounded(self) -> None:
        """
        Few blobs are remembered, the latest.
        """
        holders = Holders(2)
        digests = [Digest.of(b"%d" % number) for number in range(4)]
        for digest in digests:
            holders.note(digest, RepositoryName("a"))
        assert [bool(holders.of(digest)) for digest in digests] == [False, False, True, True]

    def test_forget(self) -> None:
        """
        What is forgotten isn't told, also twice.
        """
        holders = Holders()
        digest = Digest.of(b"")
        for name in ("a", "b"):
            holders.note(digest, RepositoryName(name))
        for _ in range(2):
            holders.forget(digest, RepositoryName("b"))
            assert holders.of(digest) == ("a",)
        holders.forget(digest, RepositoryName("a"))
        assert holders.of(digest) == ()


class FactsCacheTests:
    """
    The facts of manifests.
    """

    def test_weight(self) -> None:
        """
        Facts with long annotations take the place of many without.
        """
        cache = FactsCache(10_000)
        small = [Digest.of(b"%d" % number) for number in range(10)]
        for digest in small:
            cache.put(digest, Facts("a/b", 1))
        assert all(cache.get(digest) for digest in small)
        cache.put(Digest.of(b"big"), Facts("a/b", 1, annotations={"text": "x" * 4000}))
        assert cache.get(Digest.of(b"big")) is not None
        assert sum(cache.get(digest) is not None for digest in small) < 5
        cache.put(Digest.of(b"huge"), Facts("a/b", 1, annotations={"text": "x" * 40_000}))
        assert cache.get(Digest.of(b"huge")) is None
