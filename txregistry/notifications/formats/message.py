"""
What is posted to an endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from txregistry.model.event import Event


@frozen
class Message:
    """
    A request's fields and body, before what the operator adds.

    :param headers: names and values; ``Content-Type`` is among them.
    :param body: the body.
    """

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


Format = Callable[[Sequence[Event]], Message]
"""Writes one or more events as one message."""
