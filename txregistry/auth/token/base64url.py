"""
Base64 as JOSE writes it: with ``-`` and ``_``, and no padding (RFC 7515 §2).
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

_WRITTEN: Final = re.compile(r"[A-Za-z0-9_-]*\Z", re.ASCII)


def encode(data: bytes) -> str:
    """:return: the bytes as text."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """
    :raises ValueError: if it isn't written as :func:`encode` would write it.
    """
    # Python's own decoder skips over characters that it doesn't know.
    if _WRITTEN.match(text) is None or len(text) % 4 == 1:
        raise ValueError("is not base64url")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(data) != text:
        raise ValueError("is not base64url")
    return data
