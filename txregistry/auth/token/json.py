"""
JSON from strangers: an object, in which each name stands once.

Two parsers that each take another one of two equal names can be told different stories by one
signed text (RFC 8259 §4).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn


def parse_object(data: bytes) -> dict[str, Any]:
    """
    :param data: UTF-8.
    :raises ValueError: if it is no JSON object, or a name stands twice in one.
    """
    try:
        document = json.loads(
            data.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse
        )
    except RecursionError:
        raise ValueError("is too deep") from None
    if not isinstance(document, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - it is the text that is wrong
    return document


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def to_canonical(document: Mapping[str, Any]) -> bytes:
    """:return: the one way to write it: names in order, no space (RFC 7638 §3.3)."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("utf-8")
