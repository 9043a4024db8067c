"""
Sets of keys, as token servers publish them (RFC 7517 §5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from txregistry.auth.token.json import parse_object
from txregistry.auth.token.keys import TrustedKey, key_of_jwk, names_of

MOST_KEYS: Final = 1000


@frozen
class KeySet:
    """
    Keys by their names.

    :param keys: them; one that has no name of its own is there under those that are made of it.
    :param skipped: why others are left out, each a sentence.
    """

    keys: Mapping[str, TrustedKey]
    skipped: tuple[str, ...] = ()


def parse_key_set(data: bytes) -> KeySet:
    """
    Read a JSON Web Key Set.  A key that verifies no signatures is left out: sets hold keys for
    other purposes too.

    :raises ValueError: if it is none, or no key is left.
    """
    entries = parse_object(data).get("keys")
    if not isinstance(entries, list) or len(entries) > MOST_KEYS:
        raise ValueError(f"it has no list `keys` of {MOST_KEYS} at most")
    keys: dict[str, TrustedKey] = {}
    skipped = []
    for number, entry in enumerate(entries, 1):
        try:
            keys |= _named(entry)
        except ValueError as error:
            skipped.append(f"key {number} is left out: {error}")
    if not keys:
        raise ValueError("; ".join(["there is no key in it", *skipped]))
    return KeySet(keys, tuple(skipped))


def _named(entry: Any) -> dict[str, TrustedKey]:
    if not isinstance(entry, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - it is the text that is wrong
    key = key_of_jwk(entry)
    name = entry.get("kid")
    if isinstance(name, str) and name:
        return {name: key}
    if not isinstance(key.key, bytes):
        return dict.fromkeys(names_of(key.key), key)
    raise ValueError("a secret without a kid, which no token can name")
