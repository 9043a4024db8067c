"""
Values in challenges.
"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from txregistry.auth.challenges import quoted


class QuotedTests:
    """
    Quoted strings.
    """

    def test_plain(self) -> None:
        """
        A plain text only gets its quotes.
        """
        assert quoted("My registry") == '"My registry"'

    def test_special(self) -> None:
        """
        What would end the string, or begin a field, doesn't.
        """
        assert quoted('a"b\\c') == r'"a\"b\\c"'
        assert quoted("a\r\nX-Evil: b\x00") == '"aX-Evil: b"'

    @given(st.text())
    def test_one_string(self, text: str) -> None:
        """
        Whatever the text is, there comes one quoted string of one line.
        """
        assert re.fullmatch(r'"(?:[^"\\\x00-\x1f\x7f]|\\["\\])*"', quoted(text))
