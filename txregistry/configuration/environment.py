"""
The overrides: ``REGISTRY_HTTP_ADDR=:5001`` says what ``http: {addr: ":5001"}`` would.

The rules are distribution's.  The name is split at ``_`` and each part walks one level down;
the value is YAML and replaces what stood there; variables are applied in the order of their
names, after the file.  What distribution can't do and this can: an index may be the last part
(a list of strings), keys that hold a ``_`` can be named, indexes are in numeric order, and a
variable that is wrong says so by its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from txregistry.configuration.document import Malformed, parse_document
from txregistry.configuration.report import Place, Report
from txregistry.configuration.shape import (
    ANYTHING,
    Anything,
    Leaf,
    Listed,
    Shape,
    Structure,
    nearest,
    normalised,
)
from txregistry.configuration.tree import (
    Node,
    Origin,
    Scalar,
    Sequence,
    Table,
    is_null,
    joined,
    kind_of,
)

PREFIX = "REGISTRY_"
#: Where the configuration file is; read by the command, not by the configuration.
PATH_VARIABLE = "REGISTRY_CONFIGURATION_PATH"

#: What Kubernetes and Docker's links set for a service or container named "registry".
_SERVICE_LINK = re.compile(
    r"SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?"
)
#: One `_` alone divides; two stand for a `_` in the key itself.
_DIVIDER = re.compile(r"(?<!_)_(?!_)")


class Unplaceable(Exception):
    """
    A variable leads nowhere.

    :param key: how far it led.
    :param text: why it leads no further.
    :param unknown: whether that is for a name that is not known: then the variable is ignored.
    """

    def __init__(self, key: str, text: str, *, unknown: bool = False) -> None:
        super().__init__(text)
        self.key = key
        self.text = text
        self.unknown = unknown


def overlay(tree: Node, environ: Mapping[str, str], shape: Structure, report: Report) -> Node:
    """
    Apply every variable that begins with ``REGISTRY_``.

    :return: the tree with the variables' values in it.
    """
    for variable in sorted(environ, key=_order):
        if not _is_override(variable):
            continue
        origin = Origin(variable)
        try:
            value = parse_document(environ[variable], variable, numbered=False)
            node = Scalar(None, "", origin) if value is None else value
            tree = _Walk(origin).put(tree, shape, split(variable), node, "")
        except Malformed as error:
            Place(report, origin).error(f"the value {error.text}; quote it if it is a plain text")
        except Unplaceable as error:
            place = Place(report, origin, error.key)
            if error.unknown:
                place.warning(error.text, unknown=True)
            else:
                place.error(error.text)
    return tree


def split(variable: str) -> list[str]:
    """
    :return: the parts of a variable's name, without the prefix.
    """
    parts = _DIVIDER.split(variable.removeprefix(PREFIX))
    return [part.replace("__", "_") for part in parts]


def _order(variable: str) -> list[tuple[int, str]]:
    """
    :return: what puts variables in the order of their names, but index 10 after index 9.
    """
    return [(int(part), "") if _is_index(part) else (-1, part) for part in _DIVIDER.split(variable)]


def _is_index(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) <= 9


def _is_override(variable: str) -> bool:
    return (
        variable.startswith(PREFIX)
        and variable != PATH_VARIABLE
        and not _SERVICE_LINK.fullmatch(variable.removeprefix(PREFIX))
    )


@frozen
class _Walk:
    """
    The way of one variable down the tree.

    :param origin: the variable, which is the origin of all it makes on its way.
    """

    origin: Origin

    def put(self, node: Node | None, shape: Shape, parts: list[str], value: Node, key: str) -> Node:
        """
        :param node: what is there now.
        :param parts: what is left of the variable's name.
        :return: what is there afterwards.
        """
        if not parts:
            return value
        node = normalised(node, shape)
        if isinstance(shape, Leaf):
            raise Unplaceable(key, "ignored: nothing stands below this key", unknown=True)
        if isinstance(shape, Listed) or (
            isinstance(shape, Anything) and isinstance(node, Sequence)
        ):
            return self._put_item(node, shape, parts, value, key)
        return self._put_entry(node, shape, parts, value, key)

    def _put_entry(
        self,
        node: Node | None,
        shape: Structure | Anything,
        parts: list[str],
        value: Node,
        key: str,
    ) -> Node:
        if isinstance(node, Table):
            table = node
        elif is_null(node) or isinstance(shape, Anything) or node is None:
            table = Table({}, self.origin)
        else:
            raise Unplaceable(key, f"there is {kind_of(node)} here, not a mapping")
        name, rest = _step(table, shape, parts, key)
        below = ANYTHING if isinstance(shape, Anything) else shape.child(name)
        child = self.put(table.entries.get(name), below, rest, value, joined(key, name))
        return table.with_entry(name, child)

    def _put_item(
        self, node: Node | None, shape: Listed | Anything, parts: list[str], value: Node, key: str
    ) -> Node:
        if isinstance(node, Sequence):
            items, origin = node.items, node.origin
        elif is_null(node) or node is None:
            items, origin = (), self.origin
        else:
            raise Unplaceable(key, f"there is {kind_of(node)} here, not a list")
        index = _index(parts[0], len(items), key)
        below = shape.item if isinstance(shape, Listed) else ANYTHING
        old = items[index] if index < len(items) else None
        item = self.put(old, below, parts[1:], value, f"{key}[{index}]")
        return Sequence((*items[:index], item, *items[index + 1 :]), origin)


def _index(part: str, length: int, key: str) -> int:
    if not _is_index(part):
        raise Unplaceable(key, f"non-numeric index: {part}")
    if int(part) > length:
        raise Unplaceable(key, f"undefined index: {part}; the next of this list is {length}")
    return int(part)


def _step(
    table: Table, shape: Structure | Anything, parts: list[str], key: str
) -> tuple[str, list[str]]:
    """
    :return: the entry that the first part names (or the first few, where the key holds a ``_``),
        and the parts left.
    """
    known = _known(shape)
    free = isinstance(shape, Anything) or shape.others is not None
    present = {name.lower(): name for name in table.entries} if free else {}
    for length in range(len(parts), 0, -1):
        word = "_".join(parts[:length])
        name = present.get(word.lower()) or known.get(word.upper() if free else word)
        if name is not None:
            return name, parts[length:]
    if free:
        return parts[0].lower(), parts[1:]
    guess = nearest(parts[0], {name.lower(): name for name in known})
    text = "unknown key" if key else "unrecognized environment variable"
    raise Unplaceable(joined(key, parts[0].lower()), f"{text}, ignored{guess}", unknown=True)


def _known(shape: Structure | Anything) -> dict[str, str]:
    """
    :return: the known keys by the names that variables may call them, in upper case.
    """
    if isinstance(shape, Anything):
        return {}
    return {**{name.upper(): name for name in shape.names}, **shape.internal}
