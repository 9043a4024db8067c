"""
JSON as Go's encoder writes it, since that is what listeners have seen so far.

It differs from Python's in what is escaped: ``<``, ``>`` and ``&``, which HTML could take for its
own, and the two line ends of JavaScript.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

_ESCAPED: Final = str.maketrans(
    {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
)
_BROKEN: Final = re.compile("[\ud800-\udfff]")


def compact(document: Any) -> bytes:
    """:return: a document without a space too many."""
    return _as_go(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def indented(document: Any) -> bytes:
    """:return: a document with three spaces for each level, as in all notifications."""
    return _as_go(json.dumps(document, ensure_ascii=False, indent=3, separators=(",", ": ")))


def _as_go(text: str) -> bytes:
    """Outside of strings JSON has none of these characters, so nothing else is touched."""
    escaped = text.translate(_ESCAPED)
    # What came as no UTF-8 is kept as lone surrogates; each such byte is a replacement character.
    return _BROKEN.sub(r"\\ufffd", escaped).encode("utf-8")
