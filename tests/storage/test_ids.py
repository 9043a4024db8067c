"""
The ids of uploads.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.model.name import RepositoryName
from txregistry.places import private_places
from txregistry.storage.ids import FRESH, SHAPE, Ids

NOW = datetime(2026, 8, 18, 11, 55, 22, 987654, UTC)


def ids(name: str = "a/b", actor: bytes = b"ann") -> Ids:
    """:return: those of one who asks, with a memory of their own."""
    return Ids(private_places(SHAPE), RepositoryName(name), actor)


class IdsTests:
    """
    What an id says.
    """

    def test_uuid(self) -> None:
        """
        It is a UUID of version 8, as RFC 9562 wants it, and another one each time.
        """
        made = {ids().new(NOW) for _ in range(1000)}
        assert len(made) == 1000
        for each in made:
            assert str(UUID(each)) == each
            assert UUID(each).version == 8
            assert ids().is_ours(each)

    def test_whose(self) -> None:
        """
        It tells those apart to whom it was given, and where.
        """
        made = ids().new(NOW)
        assert ids().has(made)
        for others in (ids(actor=b"bob"), ids(actor=b""), ids(name="a/c"), ids("a", b"b\nann")):
            assert not others.has(made)

    @given(st.sampled_from(range(32)), st.sampled_from("0123456789abcdef"))
    def test_changed(self, at: int, digit: str) -> None:
        """
        With another digit it is nobody's.
        """
        made = ids().new(NOW).replace("-", "")
        changed = str(UUID(made[:at] + digit + made[at + 1 :]))
        if changed != str(UUID(made)):
            assert not ids().is_ours(changed) or not ids().has(changed)

    @pytest.mark.parametrize(
        "id", ["", "x", str(uuid4()), "01A014B9-E7EB-8827-9CA0-C1469CC9052B", "../" * 12]
    )
    def test_others(self, id: str) -> None:
        """
        Those that others make are told apart.
        """
        assert not ids().is_ours(id)

    def test_begun(self) -> None:
        """
        It tells when it was given.
        """
        made = ids().new(NOW)
        assert NOW - ids().begun_at(made) < timedelta(milliseconds=1)

    @pytest.mark.parametrize("sign", [1, -1])
    def test_fresh(self, sign: int) -> None:
        """
        For a day it may be of an upload to which nothing came, by whatever clock.
        """
        made = ids().new(NOW)
        assert ids().is_fresh(made, NOW)
        assert ids().is_fresh(made, NOW + sign * (FRESH - timedelta(minutes=1)))
        assert not ids().is_fresh(made, NOW + sign * (FRESH + timedelta(minutes=1)))

    def test_end_of_time(self) -> None:
        """
        One that says to be of a year that no calendar has isn't fresh.
        """
        assert not ids().is_fresh("ffffffff-ffff-8fff-bfff-ffffffffffff", NOW)

    def test_used(self) -> None:
        """
        One that is used is not fresh, however often that is said; and others are.
        """
        those = ids()
        used, other = those.new(NOW), those.new(NOW)
        for _ in range(2):
            those.use(used)
            assert not those.is_fresh(used, NOW)
            assert those.is_fresh(other, NOW)
        those.use(str(uuid4()))

    def test_many_used(self) -> None:
        """
        Of very many that are used the newest are remembered.
        """
        those = ids()
        made = [those.new(NOW + timedelta(seconds=number)) for number in range(4 * SHAPE.count)]
        for each in made:
            those.use(each)
        late = made[-SHAPE.count // 16 :]
        remembered = [each for each in late if not those.is_fresh(each, NOW)]
        assert len(remembered) > 0.99 * len(late)
