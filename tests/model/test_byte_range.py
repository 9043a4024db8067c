"""
Ranges of bytes, asked for and announced.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from txregistry.errors import RangeMalformed
from txregistry.model.byte_range import (
    MAXIMUM_RANGES,
    ByteRange,
    ContentRange,
    RangeNotSatisfiable,
    parse_content_range,
    parse_range,
)

positions = st.none() | st.integers(0, 30)


def model(specs: list[tuple[int | None, int | None]], size: int) -> list[range]:
    """:return: the positions that each spec means, by the words of RFC 9110 §14.1.2."""
    found = []
    for first, last in specs:
        if first is None:
            positions = range(max(size - (last or 0), 0), size)
        else:
            positions = range(first, size if last is None else min(last + 1, size))
        found.append(positions)
    return found


class ParseRangeTests:
    """
    The ``Range`` field.
    """

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("bytes=0-0", [(0, 1)]),
            ("bytes=2-5", [(2, 4)]),
            ("bytes=2-", [(2, 8)]),
            ("bytes=-3", [(7, 3)]),
            ("bytes=-100", [(0, 10)]),
            ("bytes=0-99999999999999999999999", [(0, 10)]),
            ("bytes=-99999999999999999999999", [(0, 10)]),
            ("Bytes = 0-1", [(0, 2)]),
            ("bytes= 0-1 , 4-5", [(0, 2), (4, 2)]),
            ("bytes=4-5,0-1", [(4, 2), (0, 2)]),
            ("bytes=0-1,,50-60,4-5,", [(0, 2), (4, 2)]),
            ("bytes=0-9,0-0", None),
            ("bytes=" + "0-0," * 20, None),
            ("items=0-1", None),
            ("bytes", None),
            ("", None),
        ],
    )
    def test_known(self, header: str, expected: list[tuple[int, int]] | None) -> None:
        """
        What clients send.
        """
        found = parse_range(header, 10)
        assert found == (None if expected is None else tuple(ByteRange(*each) for each in expected))

    @pytest.mark.parametrize(
        "header",
        [
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=-0",
            "bytes=10-",
            "bytes=10-20",
            "bytes=5-4",
            "bytes=0-1,5-4",
            "bytes=a-b",
            "bytes=1",
            "bytes=--1",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=0x1-2",
            "bytes=\u0661-\u0662",
            "bytes=1 -2",
            "bytes=0-1\n",
        ],
    )
    def test_unsatisfiable(self, header: str) -> None:
        """
        What lies beyond the content, or can't be read.
        """
        with pytest.raises(RangeNotSatisfiable):
            parse_range(header, 10)

    def test_empty_content(self) -> None:
        """
        Of nothing there is no part.
        """
        assert parse_range("bytes=0-0", 0) is None

    def test_too_many(self) -> None:
        """
        Absurdly many ranges mean the whole; as many as partial pulls ask for don't.
        """
        specs = [f"{number * 2}-{number * 2}" for number in range(MAXIMUM_RANGES + 1)]
        assert parse_range("bytes=" + ",".join(specs), 1 << 20) is None
        found = parse_range("bytes=" + ",".join(specs[:1024]), 1 << 20)
        assert found is not None
        assert len(found) == 1024

    @given(
        specs=st.lists(st.tuples(positions, positions), min_size=1, max_size=4),
        size=st.integers(1, 20),
    )
    def test_model(self, specs: list[tuple[int | None, int | None]], size: int) -> None:
        """
        Each range means what the RFC says; together they are never more than the content.
        """
        header = "bytes=" + ",".join(
            f"{'' if first is None else first}-{'' if last is None else last}"
            for first, last in specs
        )
        bad = any(
            spec == (None, None) or (None not in spec and spec[0] > spec[1])  # type: ignore[operator]  # not None
            for spec in specs
        )
        expected = [positions for positions in model(specs, size) if positions]
        try:
            found = parse_range(header, size)
        except RangeNotSatisfiable:
            assert bad or not expected
            return
        assert not bad
        if found is None:
            assert len(expected) > 1
            assert sum(map(len, expected)) > size
            return
        assert [range(each.first, each.last + 1) for each in found] == expected

    @given(
        header=st.text() | st.text("bytes=0123456789-, ").map("bytes={}".format),
        size=st.integers(0, 100),
    )
    def test_anything(self, header: str, size: int) -> None:
        """
        Whatever comes, the ranges lie within the content.
        """
        try:
            found = parse_range(header, size)
        except RangeNotSatisfiable:
            return
        for each in found or ():
            assert 0 <= each.first <= each.last < size
            assert each.length == each.last - each.first + 1 > 0


class ParseContentRangeTests:
    """
    The ``Content-Range`` field of uploads.
    """

    @pytest.mark.parametrize(
        ("header", "first", "last"),
        [
            ("0-0", 0, 0),
            ("0-99", 0, 99),
            ("bytes 0-99/100", 0, 99),
            ("bytes 0-99/*", 0, 99),
            ("bytes=0-99", 0, 99),
            (" 5-6 ", 5, 6),
            ("9223372036854775807-9223372036854775807", 2**63 - 1, 2**63 - 1),
        ],
    )
    def test_good(self, header: str, first: int, last: int) -> None:
        """
        With or without unit and size.
        """
        assert parse_content_range(header) == ContentRange(first, last)

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "-",
            "0",
            "0-",
            "-5",
            "5-4",
            "a-b",
            "0-1,2-3",
            "bytes */100",
            "items 0-1/2",
            "0-1/",
            "0x0-1",
            "1" * 20 + "-" + "1" * 20,
            "\u0661-\u0662",
        ],
    )
    def test_bad(self, header: str) -> None:
        """
        Anything else is malformed.
        """
        with pytest.raises(RangeMalformed):
            parse_content_range(header)

    @given(header=st.text() | st.text("bytes 0123456789-/*="))
    @example("0-1" * 100_000)
    def test_anything(self, header: str) -> None:
        """
        Whatever comes, it is a range or malformed, and the error is short.
        """
        try:
            found = parse_content_range(header)
        except RangeMalformed as error:
            text = str(error)
        else:
            text = ""
            assert 0 <= found.first <= found.last
        assert len(text) < 1000

    def test_accepts(self) -> None:
        """
        The end is inclusive; one too far is tolerated.
        """
        announced = ContentRange(10, 19)
        assert [length for length in range(20) if announced.accepts(length)] == [9, 10]
