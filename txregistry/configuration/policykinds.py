"""
The kinds of values that the section ``policies`` has.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from attrs import frozen

from txregistry.configuration.kinds import Choice, Invalid, LeafKind, ListOf, MapOf, text_of
from txregistry.configuration.report import Place
from txregistry.configuration.shape import LEAF, Listed, Shape
from txregistry.configuration.tree import Node, Scalar

T = TypeVar("T")

ACTIONS = ("pull", "push", "delete")

_COMPONENT = re.compile(r"\*\*|(?:[a-z0-9._-]|\*(?!\*))+")


class Several(ListOf[T]):
    """
    A list; one element may stand alone.
    """

    def read(self, node: Node, place: Place) -> tuple[T, ...]:
        return (
            (self.item.read(node, place),)
            if isinstance(node, Scalar)
            else super().read(node, place)
        )


@frozen
class Pattern(LeafKind):
    """
    A pattern of repository names, with ``*`` and ``**``.
    """

    def read(self, node: Node, place: Place) -> str:
        text = text_of(node)
        for component in text.split("/"):
            if not component:
                raise Invalid("must have no slash at an end, nor two at once: write ci/**")
            if not _COMPONENT.fullmatch(component):
                raise Invalid(_complaint(component))
        return text


def _complaint(component: str) -> str:
    if "**" in component:
        return "** must stand alone between slashes, as in ci/**"
    if component.lower() != component:
        return "must have no capitals, as no repository's name has"
    return "must be made of a-z, 0-9, '.', '_', '-' and '/', as names are, and of * and **"


@frozen
class UserName(LeafKind):
    """
    The name of a user or a group.
    """

    def read(self, node: Node, place: Place) -> str:
        text = text_of(node)
        if not text or text != text.strip() or not text.isprintable():
            raise Invalid(
                "must be a name: not empty, without spaces at its ends or control characters"
            )
        return text


class Groups(MapOf[tuple[str, ...]]):
    """
    Groups: their names, and the users in each.
    """

    def __init__(self) -> None:
        super().__init__(Several(UserName()))


@frozen
class Allow:
    """
    What a rule allows, which must be said.
    """

    @property
    def shape(self) -> Shape:
        return Listed(LEAF)

    def read(self, node: Node, place: Place) -> tuple[str, ...] | None:
        return Several(Choice(ACTIONS)).read(node, place)

    def dump(self, value: tuple[str, ...] | None) -> Any:
        return list(value or ())
