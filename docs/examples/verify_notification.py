"""
How an endpoint verifies that a notification comes from the registry.

Nothing but the standard library is needed.
"""

from __future__ import annotations

import hmac
import time

TOLERANCE = 300
"""Seconds that a message may be old, or that the clocks of both may differ."""


def is_genuine(signature: str, body: bytes, secret: str, now: float | None = None) -> bool:
    """
    Tell whether who sent a message has the secret.

    :param signature: the value of ``X-Registry-Signature``.
    :param body: the bytes of the request's body, as they came, before anything has parsed them.
    :param secret: the endpoint's ``secret`` in the configuration.
    :param now: seconds since 1970.
    """
    parts = dict(part.partition("=")[::2] for part in signature.split(","))
    sent, digest = parts.get("t", ""), parts.get("sha256", "")
    if not (sent.isascii() and sent.isdecimal() and len(sent) < 20):
        return False
    if abs((time.time() if now is None else now) - int(sent)) > TOLERANCE:
        return False
    expected = hmac.digest(secret.encode(), sent.encode() + b"." + body, "sha256").hex()
    return hmac.compare_digest(expected.encode(), digest.encode())
