"""
Conditional requests (RFC 9110 §13).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Protocol

from attrs import frozen

from txregistry.errors import PreconditionFailed
from txregistry.interfaces import TagCondition

_TAG = re.compile(rb'(W/)?"([^"]*)"|([^\s,"]+)')
ANY: Final = b"*"


class _Headers(Protocol):
    """What is needed of a request."""

    def header(self, name: bytes) -> bytes | None: ...

    def headers(self, name: bytes) -> Sequence[bytes]: ...


@frozen
class EntityTags:
    """
    The value of ``If-Match`` or ``If-None-Match``.

    :param any: whether it is ``*``.
    :param tags: pairs of *is it weak* and the tag without its quotes.
    """

    any: bool
    tags: tuple[tuple[bool, bytes], ...]

    def has(self, tag: bytes, weakly: bool) -> bool:
        """
        :param tag: without its quotes, strong.
        :param weakly: whether a weak tag matches too (RFC 9110 §8.8.3.2).
        """
        return self.any or any(tag == known and (weakly or not weak) for weak, known in self.tags)


def entity_tags(lines: Sequence[bytes]) -> EntityTags:
    """
    Read the lines of ``If-Match`` or ``If-None-Match``.  A tag without quotes is understood,
    since clients of distribution send digests so.
    """
    value = b",".join(lines)
    return EntityTags(
        value.strip() == ANY,
        tuple((bool(weak), quoted or bare) for weak, quoted, bare in _TAG.findall(value)),
    )


def is_unchanged(request: _Headers, tag: bytes) -> bool:
    """
    Evaluate ``If-Match`` and ``If-None-Match`` of a GET or HEAD.

    :param tag: that of what would be sent, without its quotes.
    :return: whether the answer is 304.
    :raises PreconditionFailed: if ``If-Match`` doesn't hold.
    """
    match, none = request.headers(b"if-match"), request.headers(b"if-none-match")
    if match and not entity_tags(match).has(tag, weakly=False):
        raise PreconditionFailed
    return bool(none) and entity_tags(none).has(tag, weakly=True)


def range_applies(request: _Headers, tag: bytes) -> bool:
    """
    :return: whether ``If-Range`` lets a ``Range`` count: it is absent, or exactly the strong tag.
    """
    value = request.header(b"if-range")
    return value is None or value.strip() == b'"%s"' % tag


def tag_condition(request: _Headers) -> TagCondition | None:
    """:return: what ``If-Match`` and ``If-None-Match`` of a PUT by tag demand of the tag."""
    match, none = request.headers(b"if-match"), request.headers(b"if-none-match")
    if not match and not none:
        return None
    wanted, unwanted = entity_tags(match), entity_tags(none)
    return TagCondition(
        match=_digests(wanted, weakly=False) if match and not wanted.any else None,
        match_any=wanted.any,
        absent=unwanted.any,
        none_match=_digests(unwanted, weakly=True),
    )


def _digests(tags: EntityTags, weakly: bool) -> tuple[str, ...]:
    return tuple(tag.decode("latin-1") for weak, tag in tags.tags if weakly or not weak)
