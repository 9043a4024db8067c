"""
Durations and sizes.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.configuration.units import (
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

MOST = 2**63 - 1


class DurationTests:
    """
    Go's durations.
    """

    @pytest.mark.parametrize(
        ("text", "nanoseconds"),
        [
            ("0", 0),
            ("-0", 0),
            ("0s", 0),
            ("10s", 10_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("100ms", 100_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("168h", 604_800_000_000_000),
            ("1us2µs3μs", 6_000),
            ("+3s", 3_000_000_000),
            ("-100ms", -100_000_000),
            ("1.9ns", 1),
            ("9223372036854775807ns", MOST),
        ],
    )
    def test_go_notation(self, text: str, nanoseconds: int) -> None:
        """
        Every form that Go's ParseDuration takes is taken, with its result.
        """
        assert parse_duration(text) == nanoseconds

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "10",
            "s",
            "1 s",
            "1h 30m",
            "1d",
            "1H",
            ".s",
            "--1s",
            "1h-30m",
            "٣s",
            "1s\n",
            "300000h9999999h",
        ],
    )
    def test_refused(self, text: str) -> None:
        """
        What Go refuses is refused, a duration over 292 years among it.
        """
        with pytest.raises(ValueError, match="duration"):
            parse_duration(text)

    @given(st.integers(min_value=-MOST, max_value=MOST))
    def test_round_trip(self, nanoseconds: int) -> None:
        """
        A duration that was written is read back the same.
        """
        assert parse_duration(format_duration(nanoseconds)) == nanoseconds

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """
        Any text is a duration or a ValueError.
        """
        with suppress(ValueError):
            assert isinstance(parse_duration(text), int)

    def test_long_digits(self) -> None:
        """
        Digits without end are refused, not computed.
        """
        with pytest.raises(ValueError, match="not a duration"):
            parse_duration("1" * 100_000 + "s")


class SizeTests:
    """
    Sizes.
    """

    @pytest.mark.parametrize(
        ("text", "size"),
        [
            ("0", 0),
            ("65536", 65536),
            ("64KiB", 65536),
            ("64kib", 65536),
            ("4 MiB", 4 * 2**20),
            ("4MB", 4_000_000),
            ("1GiB", 2**30),
            ("2TB", 2 * 10**12),
            ("7B", 7),
        ],
    )
    def test_units(self, text: str, size: int) -> None:
        """
        Bytes come alone, in binary and in decimal units.
        """
        assert parse_size(text) == size

    @pytest.mark.parametrize(
        "text", ["", "-1", "1.5MiB", "KiB", "4M", "4iB", "1 B B", "٣", "9" * 19]
    )
    def test_refused(self, text: str) -> None:
        """
        What is no whole number of bytes is refused.
        """
        with pytest.raises(ValueError, match="not a size"):
            parse_size(text)

    @given(st.integers(min_value=0, max_value=10**18 - 1))
    def test_round_trip(self, size: int) -> None:
        """
        A size that was written is read back the same.
        """
        assert parse_size(str(format_size(size))) == size
