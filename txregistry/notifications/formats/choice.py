"""
Which format an endpoint wants.
"""

from __future__ import annotations

from attrs import frozen

from txregistry.notifications.formats.cloudevents import binary_format, structured_format
from txregistry.notifications.formats.docker import docker_format
from txregistry.notifications.formats.message import Format


@frozen
class Wanted:
    """
    How an endpoint wants to be told.

    :param format: ``docker`` or ``cloudevents``.
    :param version: of format ``docker``: ``v2``, ``2.8`` or ``v1``.
    :param mode: of format ``cloudevents``: ``structured`` or ``binary``.
    :param batch: the most events that a message shall hold; 1 in mode ``binary``.
    """

    format: str = "docker"
    version: str = "v2"
    mode: str = "structured"
    batch: int = 1


def choose_format(wanted: Wanted) -> Format:
    """:return: what writes events so."""
    if wanted.format == "docker":
        return docker_format(wanted.version)
    if wanted.mode == "binary":
        return binary_format
    return structured_format(batched=wanted.batch > 1)
