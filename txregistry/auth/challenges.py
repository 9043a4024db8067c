"""
What a client is told that has to show who it is: ``WWW-Authenticate`` (RFC 9110 §11.6.1).
"""

from __future__ import annotations

import re

_SPECIAL = re.compile(r'(["\\])')
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


def quoted(text: str) -> str:
    """
    :return: a parameter's value as a quoted-string (RFC 9110 §5.6.4), whatever the text is: what
        can't be in one is left out.
    """
    return '"' + _SPECIAL.sub(r"\\\1", _UNPRINTABLE.sub("", text)) + '"'
