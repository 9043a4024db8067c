"""
What may stand where: the names of the keys, without their meaning.

Shapes are derived from the section classes (:mod:`txregistry.configuration.schema`); the parts
of distribution's configuration that this version doesn't read have their shapes written out.
They drive the walk of the environment variables and the search for unknown keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeAlias

from attrs import evolve, field, frozen

from txregistry.configuration.report import Place
from txregistry.configuration.tree import Node, Scalar, Sequence, Table


@frozen
class Leaf:
    """
    A single value.
    """


@frozen
class Anything:
    """
    Whatever YAML can say: the options of plug-ins, whose keys are theirs.
    """


@frozen
class Listed:
    """
    A list.

    :param item: the shape of each element.
    """

    item: Shape


@frozen
class Structure:
    """
    A mapping.

    :param names: the known keys.
    :param others: the shape of what stands under any other key; None where other keys are
        unknown.
    :param internal: names that distribution's environment variables use in place of the key's,
        in upper case.
    :param bare: whether a string stands for a mapping with that one key and nothing below, as in
        ``storage: inmemory``.
    """

    names: Mapping[str, Shape] = field(factory=dict)
    others: Shape | None = None
    internal: Mapping[str, str] = field(factory=dict)
    bare: bool = False

    def child(self, name: str) -> Shape:
        """
        :return: the shape of what stands under a key.
        """
        return self.names.get(name, self.others or ANYTHING)


Shape: TypeAlias = Leaf | Anything | Listed | Structure

LEAF = Leaf()
ANYTHING = Anything()


def names(
    words: str, others: Shape | None = None, *, bare: bool = False, **children: Shape
) -> Structure:
    """
    Write a structure down shortly.

    :param words: names of keys with a single value, with spaces between.
    :param children: keys that hold more.
    """
    return Structure({**dict.fromkeys(words.split(), LEAF), **children}, others, bare=bare)


def mapped(value: Shape) -> Structure:
    """
    :return: a mapping whose keys are free.
    """
    return Structure(others=value)


def grafted(shape: Structure, key: str, graft: Shape) -> Structure:
    """
    :param key: where the graft is to stand, with dots between the names.
    :return: the shape with another one at a key.
    """
    name, _, rest = key.partition(".")
    if rest:
        below = shape.names.get(name)
        graft = grafted(below if isinstance(below, Structure) else Structure(), rest, graft)
    return evolve(shape, names={**shape.names, name: graft})


def normalised(node: Node | None, shape: Shape) -> Node | None:
    """
    :return: the node, with a bare name made a mapping where the shape says so.
    """
    if (
        isinstance(shape, Structure)
        and shape.bare
        and isinstance(node, Scalar)
        and isinstance(node.value, str)
        and node.value
    ):
        return Table({node.text: Table({}, node.origin)}, node.origin)
    return node


def nearest(name: str, known: Mapping[str, object]) -> str:
    """
    :return: a question that names the nearest known key; empty where none is near.
    """
    found = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else ""


def warn_of_unknown_keys(node: Node, shape: Shape, place: Place) -> None:
    """
    Report every key that is not in the shape.
    """
    if isinstance(shape, Listed) and isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            warn_of_unknown_keys(item, shape.item, place.item(index, item))
    if not (isinstance(shape, Structure) and isinstance(node, Table)):
        return
    for name, child in node.entries.items():
        below = place.child(name, child)
        if name in shape.names or shape.others is not None:
            warn_of_unknown_keys(child, shape.child(name), below)
        else:
            below.warning(f"unknown key, ignored{nearest(name, shape.names)}", unknown=True)
