"""
JSON as distribution writes it: compact, with a newline at the end, and harmless in HTML.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def names_to_json(names: Iterable[str]) -> str:
    """
    :param names: tags, or names of repositories: there is nothing in them that JSON escapes.
    :return: an array of them.  Of a hundred thousand it is made in a tenth of the time.
    """
    text = '","'.join(names)
    return f'["{text}"]' if text else "[]"


def to_json(value: Any) -> bytes:
    """:return: the value as a body of ``application/json``."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    # These three stand in strings only, where the escape means the same.
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # A lone surrogate, from an escape in a client's JSON, has no UTF-8 form.
    return text.encode("utf-8", "replace") + b"\n"
