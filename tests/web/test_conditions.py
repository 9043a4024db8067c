"""
Conditional requests.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.fields import Fields
from txregistry.errors import PreconditionFailed
from txregistry.interfaces import TagCondition
from txregistry.web.conditions import entity_tags, is_unchanged, range_applies, tag_condition

TAG = b"sha256:abc"
OTHER = "sha256:def"


class NoneMatchTests:
    """
    ``If-None-Match`` of a GET.
    """

    @pytest.mark.parametrize(
        ("lines", "unchanged"),
        [
            (['"sha256:abc"'], True),
            (["sha256:abc"], True),  # clients of distribution send it so
            (['W/"sha256:abc"'], True),
            (["*"], True),
            ([" * "], True),
            (['"sha256:def"'], False),
            (['"sha256:def", "sha256:abc"'], True),
            (['"sha256:def",W/"sha256:abc"'], True),
            (['"sha256:def"', '"sha256:abc"'], True),
            (['"sha256:def"', '"x"'], False),
            (["sha256:def, sha256:abc"], True),
            (['"*"'], False),
            (['"SHA256:ABC"'], False),
            ([""], False),
            ([","], False),
            ([], False),
        ],
    )
    def test_unchanged(self, lines: list[str], unchanged: bool) -> None:
        """
        A list, weak tags, the star and tags without quotes are understood.
        """
        fields = Fields.of(*(("If-None-Match", line) for line in lines))
        assert is_unchanged(fields, TAG) is unchanged


class MatchTests:
    """
    ``If-Match`` of a GET.
    """

    @pytest.mark.parametrize(
        "lines", [['"sha256:abc"'], ["*"], ['"sha256:def", "sha256:abc"'], ["sha256:abc"]]
    )
    def test_holds(self, lines: list[str]) -> None:
        """
        Where it holds, the content is sent.
        """
        assert not is_unchanged(Fields.of(*(("If-Match", line) for line in lines)), TAG)

    @pytest.mark.parametrize("line", ['"sha256:def"', 'W/"sha256:abc"', "", '"*"'])
    def test_fails(self, line: str) -> None:
        """
        Where it doesn't, or only weakly, the request fails.
        """
        with pytest.raises(PreconditionFailed):
            is_unchanged(Fields.of(("If-Match", line)), TAG)

    def test_before_none_match(self) -> None:
        """
        If-Match is evaluated first.
        """
        fields = Fields.of(("If-None-Match", "*"), ("If-Match", OTHER))
        with pytest.raises(PreconditionFailed):
            is_unchanged(fields, TAG)

    def test_both(self) -> None:
        """
        Where If-Match holds, If-None-Match decides.
        """
        assert is_unchanged(Fields.of(("If-None-Match", "*"), ("If-Match", "*")), TAG)


class RangeTests:
    """
    ``If-Range``.
    """

    @pytest.mark.parametrize(
        ("value", "applies"),
        [
            ('"sha256:abc"', True),
            (' "sha256:abc" ', True),
            ('W/"sha256:abc"', False),
            ("sha256:abc", False),
            ('"sha256:def"', False),
            ("*", False),
            ('"sha256:def", "sha256:abc"', False),
            ("Tue, 15 Nov 1994 12:45:26 GMT", False),
        ],
    )
    def test_exactly_the_strong_tag(self, value: str, applies: bool) -> None:
        """
        Only the exact strong tag lets a range count; there is no date that could.
        """
        assert range_applies(Fields.of(("If-Range", value)), TAG) is applies

    def test_absent(self) -> None:
        """
        Without it a range counts.
        """
        assert range_applies(Fields(), TAG)


class TagConditionTests:
    """
    What a PUT demands of its tag.
    """

    def test_nothing(self) -> None:
        """
        Most pushes demand nothing.
        """
        assert tag_condition(Fields()) is None

    def test_match(self) -> None:
        """
        If-Match names the digests that the tag may have; weak ones match nothing.
        """
        fields = Fields.of(("If-Match", '"sha256:abc", W/"sha256:def"'), ("If-Match", "x"))
        assert tag_condition(fields) == TagCondition(match=("sha256:abc", "x"))

    def test_match_nothing(self) -> None:
        """
        An If-Match that names nothing can't hold.
        """
        assert tag_condition(Fields.of(("If-Match", ""))) == TagCondition(match=())

    def test_any(self) -> None:
        """
        If-Match: * wants the tag to exist.
        """
        assert tag_condition(Fields.of(("If-Match", "*"))) == TagCondition(match_any=True)

    def test_absent(self) -> None:
        """
        If-None-Match: * wants the tag not to exist.
        """
        condition = tag_condition(Fields.of(("If-None-Match", "*")))
        assert condition is not None
        assert condition.absent
        assert condition.match is None
        assert not condition.match_any

    def test_none_match(self) -> None:
        """
        If-None-Match with digests wants the tag to name none of them, weak or not.
        """
        condition = tag_condition(Fields.of(("If-None-Match", '"sha256:abc",W/"x"')))
        assert condition == TagCondition(none_match=("sha256:abc", "x"))


class SyntaxTests:
    """
    Anything may stand in these fields.
    """

    OPAQUE = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"'))

    @given(st.lists(st.tuples(st.booleans(), OPAQUE), min_size=1))
    def test_round_trip(self, tags: list[tuple[bool, str]]) -> None:
        """
        Tags that are written as RFC 9110 says are read as they were meant.
        """
        line = ", ".join(f'{"W/" if weak else ""}"{text}"' for weak, text in tags)
        read = entity_tags([line.encode()])
        assert not read.any
        assert list(read.tags) == [(weak, text.encode()) for weak, text in tags]

    @given(st.lists(st.binary()))
    def test_anything(self, lines: list[bytes]) -> None:
        """
        No bytes raise.
        """
        entity_tags(lines)
