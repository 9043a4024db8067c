"""
How a section is declared: an attrs class whose fields are keys.

From the declaration come the reading, the shape for the environment and for unknown keys, and
the dump of the effective configuration.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Generic, TypeVar, cast

import attrs
from attrs import frozen

from txregistry.configuration.kinds import Invalid, Kind, table_of
from txregistry.configuration.report import Place
from txregistry.configuration.shape import Shape, Structure
from txregistry.configuration.tree import Node, Table, is_null

T = TypeVar("T")

_KIND = "txregistry.configuration.kind"


def key(kind: Kind[T], default: T, *, show: bool = True) -> T:
    """
    Declare a key of a section, whose name is the field's.

    :param kind: what its values are.
    :param default: its value where nothing is written.
    :param show: whether ``repr`` tells it; what may hold a secret is not told.
    """
    return attrs.field(default=default, repr=show, metadata={_KIND: kind})


def required(kind: Kind[T]) -> T:
    """
    Declare a key that has no default.
    """
    return cast(T, attrs.field(metadata={_KIND: kind}))


def section(cls: type[T]) -> T:
    """
    Declare a key that holds a section, which exists with its defaults where nothing is written.
    """
    return key(Section(cls), cls())


def kinds_of(cls: type[Any]) -> dict[str, Kind[Any]]:
    """
    :return: the kinds of a section's keys by their names.
    """
    return {
        field.name: field.metadata[_KIND] for field in attrs.fields(cls) if _KIND in field.metadata
    }


class Checked:
    """
    A section with rules that concern several of its keys.
    """

    def contradictions(self) -> list[tuple[str, str]]:
        """
        :return: names of keys, and what is wrong with each in the light of the others.
        """
        return []


@frozen
class Section(Generic[T]):
    """
    The kind of keys that hold a section.
    """

    cls: type[T]

    @property
    def shape(self) -> Shape:
        return shape_of(self.cls)

    def read(self, node: Node, place: Place) -> T:
        table = table_of(node)
        values = self.values(table, place)
        made = self.cls(**values)
        self.judge(made, set(values), table, place)
        return made

    def judge(self, made: T, read: Collection[str], table: Table, place: Place) -> None:
        """
        Report the contradictions in a section.

        :param read: the names of the keys that could be read.
        """
        for name, text in made.contradictions() if isinstance(made, Checked) else ():
            # A key that could not be read has been reported, and what is judged is its default.
            if name in read or is_null(table.entries.get(name)):
                place.child(name, table.entries.get(name)).error(text)

    def values(self, table: Table, place: Place) -> dict[str, Any]:
        """
        :return: the values of the keys that are written, and right.
        """
        values = {}
        for name, kind in kinds_of(self.cls).items():
            child = table.entries.get(name)
            if child is None or is_null(child):
                continue
            below = place.child(name, child)
            try:
                values[name] = kind.read(child, below)
            except Invalid as invalid:
                below.error(invalid.text)
        return values

    def dump(self, value: T) -> dict[str, Any]:
        return {name: kind.dump(getattr(value, name)) for name, kind in kinds_of(self.cls).items()}


def shape_of(cls: type[Any]) -> Structure:
    """
    :return: the names of a section's keys, and what may stand below each.
    """
    return Structure({name: kind.shape for name, kind in kinds_of(cls).items()})
