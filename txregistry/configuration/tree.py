"""
What a YAML document says, as a tree whose every node knows where it was written.

The tree is what the environment overlays and what the sections are read from; nothing outside
this room sees it.  It is changed only by making new nodes, so that an alias of YAML may share
one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from attrs import frozen


@frozen
class Origin:
    """
    Where a node was written.

    :param source: the name of a file, or of an environment variable.
    :param line: the line in the file, counted from 1.
    """

    source: str
    line: int | None = None


@frozen
class Scalar:
    """
    A single value.

    :param value: what YAML makes of it: a number, a boolean, a string, None …
    :param text: the same as it was written, for keys that are strings whatever YAML sees in
        them (a secret of digits only, a version).
    """

    value: Any
    text: str
    origin: Origin


@frozen
class Sequence:
    """
    A list.
    """

    items: tuple[Node, ...]
    origin: Origin


@frozen
class Table:
    """
    A mapping, in the order of the document.  The origin of an entry's node is that of its key.
    """

    entries: Mapping[str, Node]
    origin: Origin

    def with_entry(self, name: str, node: Node) -> Table:
        """
        :return: this table with one more entry, or another value for one.
        """
        return Table({**self.entries, name: node}, self.origin)

    def without(self, name: str) -> Table:
        """
        :return: this table without one of its entries.
        """
        entries = {other: node for other, node in self.entries.items() if other != name}
        return Table(entries, self.origin)


Node: TypeAlias = Scalar | Sequence | Table


def is_null(node: Node | None) -> bool:
    """
    :return: whether there is nothing, or an explicit nothing: ``key:``, ``key: null``.
    """
    return node is None or (isinstance(node, Scalar) and node.value is None)


def is_empty(node: Node | None) -> bool:
    """
    :return: whether there is nothing, or nothing inside: ``""``, ``[]``, ``{}``.
    """
    match node:
        case None:
            return True
        case Scalar():
            return node.value is None or node.value == ""
        case Sequence():
            return not node.items
        case Table():
            return not node.entries


def find(node: Node | None, key: str) -> Node | None:
    """
    :param key: names that lead down from the node, with dots between.
    :return: the node there, if there is one.
    """
    for name in key.split("."):
        if not isinstance(node, Table):
            return None
        node = node.entries.get(name)
    return node


def plain(node: Node) -> Any:
    """
    :return: the same in Python's own dictionaries, lists and scalars.
    """
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Table():
            return {name: plain(child) for name, child in node.entries.items()}


def kind_of(node: Node) -> str:
    """
    :return: what the node is, in the words of an error message.
    """
    match node:
        case Sequence():
            return "a list"
        case Table():
            return "a mapping"
        case Scalar():
            return _SCALARS.get(type(node.value), "a string")


_SCALARS: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    type(None): "nothing",
}


def origins(node: Node, key: str = "") -> Iterator[tuple[str, Origin]]:
    """
    :return: every key of a tree in its full length, and where it was written.
    """
    yield key, node.origin
    match node:
        case Table():
            for name, child in node.entries.items():
                yield from origins(child, joined(key, name))
        case Sequence():
            for index, item in enumerate(node.items):
                yield from origins(item, f"{key}[{index}]")
        case Scalar():
            pass


def joined(key: str, name: str) -> str:
    """
    :return: the full key of an entry.
    """
    return f"{key}.{name}" if key else name
