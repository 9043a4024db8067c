"""
A signature, so that an endpoint can tell our messages from anybody's.
"""

from __future__ import annotations

import hmac
from typing import Final

from attrs import evolve

from txregistry.notifications.formats.message import Message

FIELD: Final = b"X-Registry-Signature"


def signed(message: Message, secret: bytes, now: int) -> Message:
    """
    Sign a message, each time that it is sent.

    :param secret: which the endpoint knows too.
    :param now: seconds since 1970.  An endpoint refuses what is too old, so that nobody can send
        again what he has seen.
    """
    digest = hmac.digest(secret, b"%d.%b" % (now, message.body), "sha256").hex()
    field = (FIELD, f"t={now},sha256={digest}".encode("ascii"))
    return evolve(message, headers=(*message.headers, field))
