"""
From the text of a YAML document to a tree.

The safe loader of PyYAML composes it.  Three bounds keep a hostile or broken document from
costing more than a moment: its size, its depth, and the number of nodes once every alias is
followed.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import yaml
from attrs import define

from txregistry.configuration.tree import Node, Origin, Scalar, Sequence, Table

#: Characters of a document.
LARGEST = 1024 * 1024
#: Levels of mappings and lists.
DEEPEST = 50
#: Nodes after aliases were followed.
MOST_NODES = 50_000

_MERGE = "tag:yaml.org,2002:merge"
_STANDARD = "tag:yaml.org,2002:"
_SCALARS = {_STANDARD + name for name in ("null", "bool", "int", "float", "str", "timestamp")}
#: ``=`` and a ``<<`` that merges nothing: plain strings here.
_SYMBOLS = {_STANDARD + "value", _MERGE}


class Malformed(Exception):
    """
    The text is no YAML document that a configuration could be.

    :param text: what is wrong, without quoting the document, in which secrets stand.
    :param line: the line, counted from 1.
    """

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.line = line


def parse_document(text: str, source: str, *, numbered: bool = True) -> Node | None:
    """
    :param source: the name of the file, or of the environment variable, that the text is from.
    :param numbered: whether lines are worth telling.
    :return: the tree; None where the document holds nothing.
    :raises Malformed: if it is no YAML, or over one of the bounds.
    """
    if len(text) > LARGEST:
        raise Malformed(f"is larger than {LARGEST} characters")
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        return None if root is None else _Planter(loader, source, numbered).plant(root)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Malformed("holds a character that YAML does not allow", line) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        parts = [part for part in (error.context, error.problem) if part]
        reason = _unquoted(", ".join(parts))
        if " alias" in reason:  # mostly it was to be a pattern, as in policies
            reason += ": a text that begins with a star needs quotes"
        raise Malformed(f"is not valid YAML: {reason}", mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML lets some of Python's own errors pass, as for the escape "\UFFFFFFFF".
        raise Malformed("is not valid YAML") from None


def _unquoted(reason: str) -> str:
    """
    :return: PyYAML's reason without what it quotes from the document (anchors, tags, …).  Single
        characters and the names of its own tokens stay.
    """
    return re.sub(r"'[^'<>]{2,}'|\"[^\"]{2,}\"", "…", " ".join(reason.split()))


class _Loader(yaml.SafeLoader):
    """
    PyYAML's safe loader, that refuses depth before Python's stack does.
    """

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call] # PyYAML's
            raise yaml.MarkedYAMLError(problem="it is nested too deeply", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


@define
class _Planter:
    """
    Makes our tree of PyYAML's.
    """

    loader: _Loader
    source: str
    numbered: bool
    planted: int = 0

    def plant(self, node: yaml.Node, origin: Origin | None = None, depth: int = 0) -> Node:
        self.planted += 1
        # Without aliases the loader has seen to the depth; with them a node may hold itself.
        if self.planted > MOST_NODES or depth > DEEPEST:
            raise _fault(node, f"it has more than {MOST_NODES} values, once aliases are followed")
        here = origin or self._origin(node)
        match node:
            case yaml.MappingNode():
                _demand_tag(node, "map")
                return Table(self._entries(node, depth), here)
            case yaml.SequenceNode():
                _demand_tag(node, "seq")
                items = tuple(self.plant(item, None, depth + 1) for item in node.value)
                return Sequence(items, here)
            case _:
                return Scalar(self._value(node), node.value, here)

    def _entries(self, node: yaml.MappingNode, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        inherited: dict[str, Node] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                for name, child in self._merged(value, depth):
                    inherited.setdefault(name, child)
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise _fault(key, "a key must be a plain name")
            name = key.value
            if name in entries:
                raise _fault(key, f"the key is here twice, first on line {lines[name]}")
            lines[name] = key.start_mark.line + 1
            entries[name] = self.plant(value, self._origin(key), depth + 1)
        return {**inherited, **entries}

    def _merged(self, value: yaml.Node, depth: int) -> list[tuple[str, Node]]:
        """
        :return: the entries that a merge key (``<<``) brings in, the strongest first.
        """
        sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
        merged: list[tuple[str, Node]] = []
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise _fault(source, "only mappings can be merged")
            table = self.plant(source, None, depth + 1)
            if isinstance(table, Table):
                merged.extend(table.entries.items())
        return merged

    def _value(self, node: yaml.Node) -> Any:
        if node.tag in _SYMBOLS:
            return node.value
        if node.tag not in _SCALARS:
            raise _fault(node, "only the plain types of YAML are known here")
        try:
            value = self.loader.construct_object(node)
        except ValueError:
            # It looks like a number or a date and is none: then it is a string.
            return node.value
        return node.value if isinstance(value, date) else value

    def _origin(self, node: yaml.Node) -> Origin:
        return Origin(self.source, node.start_mark.line + 1 if self.numbered else None)


def _demand_tag(node: yaml.Node, kind: str) -> None:
    if node.tag != _STANDARD + kind:
        raise _fault(node, "only plain mappings and lists are known here")


def _fault(node: yaml.Node, text: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=text, problem_mark=node.start_mark)
