"""
What stands in an outbox.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Entry:
    """
    An event that is to be kept.

    :param payload: the event.
    :param at: when it is put there, in seconds since 1970.
    :param endpoint: the only one that it is for; ``None`` for all.
    """

    payload: bytes
    at: float
    endpoint: str | None = None


@frozen
class Row:
    """
    An event that is kept.

    :param seq: its place; later ones have greater numbers.
    :param payload: the event; ``None`` where it is not for who asks.
    """

    seq: int
    payload: bytes | None


@frozen
class Cursor:
    """
    How far an endpoint has come.

    :param seq: of the last event that it needs no more.
    :param state: what is told of it, for who looks from outside.
    """

    seq: int
    state: str = ""


@frozen
class Excess:
    """
    An event for which there is no room, or which is too old.

    :param missing: the endpoints that have not had it.
    :param reason: ``maxsize`` or ``maxage``.
    """

    seq: int
    at: float
    payload: bytes
    missing: tuple[str, ...]
    reason: str
