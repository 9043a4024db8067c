"""
Names and passwords as clients send them (RFC 7617).
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from typing import Final

from attrs import field, frozen

_SCHEME: Final = "basic "
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@frozen
class BasicCredentials:
    """
    Who somebody says that he is, and by what he shows it.

    :param user: never empty, and without control characters.
    :param password: as it came; no two texts are the same password.
    """

    user: str
    password: bytes = field(repr=False)


def parse_basic(authorization: str) -> BasicCredentials | None:
    """
    :param authorization: the value of ``Authorization``.
    :return: what it says, or ``None`` if that is another scheme, or malformed.
    """
    if authorization[: len(_SCHEME)].lower() != _SCHEME:
        return None
    try:
        decoded = b64decode(authorization[len(_SCHEME) :].strip(" "), validate=True)
    except (Error, ValueError):
        return None
    user, colon, password = decoded.partition(b":")
    # RFC 7617 §2: neither may have control characters.  A password may, for who has one can't know;
    # but with a zero it would be the same to bcrypt as another.
    name = text_of(user)
    if not colon or not is_name(name) or b"\0" in password:
        return None
    return BasicCredentials(name, password)


def is_name(text: str) -> bool:
    """:return: whether somebody may be called so: by something, without control characters."""
    return bool(text) and not _CONTROL.search(text)


def challenge_of(realm: str) -> str:
    """
    :param realm: a quoted string that says what the password is asked for.
    :return: the challenge that asks for one.
    """
    return f"Basic realm={realm}"


def text_of(name: bytes) -> str:
    """
    :return: a name: UTF-8, or what older clients and files have, ISO 8859-1.
    """
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("latin-1")
