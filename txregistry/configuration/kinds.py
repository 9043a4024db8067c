"""
The kinds of values that keys have: how each is read, and how it is written again.

``read`` raises :exc:`Invalid` with a text that says what would be right; whoever called it knows
the key and the line.  A kind that has parts reports its parts' problems itself, so that all of
them are found.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from attrs import frozen

from txregistry.configuration.report import Place
from txregistry.configuration.shape import ANYTHING, LEAF, Listed, Shape, mapped
from txregistry.configuration.tree import Node, Scalar, Sequence, Table, is_null, kind_of, plain
from txregistry.configuration.units import (
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

T = TypeVar("T")

_SECOND = 1_000_000_000
_MILLISECOND = 1_000_000


class Invalid(Exception):
    """
    A value is not of its kind.

    :param text: what would be; it does not quote the value, unless the kind can hold no secret.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Kind(Protocol[T]):
    """
    A kind of values.
    """

    @property
    def shape(self) -> Shape:
        """What may stand below the key."""

    def read(self, node: Node, place: Place) -> T:
        """
        :param node: what was written; never null.
        :raises Invalid: if it is not of this kind.
        """

    def dump(self, value: T) -> Any:
        """:return: what :meth:`read` would read back, in Python's plain types."""


class LeafKind:
    """
    A kind whose values are written as one scalar, and dumped as they are.
    """

    shape: Shape = LEAF

    def dump(self, value: Any) -> Any:
        return value


@frozen
class Text(LeafKind):
    """
    A string.  Digits, dates and booleans are taken as they were written.

    :param filled: whether an empty one is refused.
    """

    filled: bool = False

    def read(self, node: Node, place: Place) -> str:
        text = text_of(node)
        if self.filled and not text:
            raise Invalid("must not be empty")
        return text


@frozen
class Boolean(LeafKind):
    """
    ``true`` or ``false``; a quoted ``"true"`` is neither.
    """

    def read(self, node: Node, place: Place) -> bool:
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        raise Invalid(f"must be true or false, not {kind_of(node)}")


@frozen
class Integer(LeafKind):
    """
    A whole number.

    :param least: the least that is allowed.
    :param most: the most that is allowed.
    :param zero: what 0 stands for, where it means "the default".
    :param negative: what a negative number stands for, where that means the default too.
    """

    least: int = 0
    most: int = 2**31 - 1
    zero: int | None = None
    negative: int | None = None

    def read(self, node: Node, place: Place) -> int:
        number = integer_of(node)
        if number == 0 and self.zero is not None:
            return self.zero
        if number < 0 and self.negative is not None:
            return self.negative
        return self.checked(number)

    def checked(self, number: int) -> int:
        """
        :raises Invalid: if the number is out of bounds.
        """
        if number < self.least:
            raise Invalid(f"must be {self.least} or more")
        if number > self.most:
            raise Invalid(f"must be {self.most} or less")
        return number


@frozen
class Size(LeafKind):
    """
    A number of bytes: an integer, or a text such as ``64KiB``.

    :param least: the least that is allowed, in bytes.
    """

    least: int = 0

    def read(self, node: Node, place: Place) -> int:
        try:
            return Integer(self.least, 2**63 - 1).checked(parse_size(text_of(node)))
        except ValueError:
            raise Invalid("must be a number of bytes, such as 65536, 64KiB or 4MiB") from None

    def dump(self, value: int) -> int | str:
        return format_size(value)


@frozen
class Duration(LeafKind):
    """
    A duration, in seconds: Go's notation, or an integer of nanoseconds.

    :param positive: whether 0 is refused.
    """

    positive: bool = False

    def read(self, node: Node, place: Place) -> float:
        nanoseconds = self._nanoseconds(node)
        if nanoseconds < 0:
            raise Invalid("must not be negative")
        if self.positive and nanoseconds == 0:
            raise Invalid("must be more than 0s")
        if _is_integer(node) and 0 < nanoseconds < _MILLISECOND:
            place.warning(
                f"an integer counts nanoseconds: write {nanoseconds}s if you mean seconds"
            )
        return nanoseconds / _SECOND

    def _nanoseconds(self, node: Node) -> int:
        if _is_integer(node):
            number = integer_of(node)
            if abs(number) < 2**63:
                return number
        try:
            return parse_duration(text_of(node))
        except ValueError:
            raise Invalid("must be a duration, such as 10s, 1h30m or 100ms") from None

    def dump(self, value: float) -> str:
        return format_duration(round(value * _SECOND))


@frozen
class Choice(LeafKind):
    """
    One of a few words, in any case.

    :param words: the words, in lower case.
    """

    words: tuple[str, ...]

    def read(self, node: Node, place: Place) -> str:
        word = text_of(node).lower()
        if word not in self.words:
            raise Invalid(f"must be one of {', '.join(self.words)}")
        return word


@frozen
class Pattern(LeafKind):
    """
    A regular expression, matched anywhere in a text.
    """

    def read(self, node: Node, place: Place) -> re.Pattern[str]:
        text = text_of(node)
        try:
            with warnings.catch_warnings():
                # Python only warns of what Go understands otherwise, as [[:alpha:]].
                warnings.simplefilter("error")
                return re.compile(text)
        except re.error as error:
            raise Invalid(f"is not a regular expression: {error.msg}") from None
        except (Warning, OverflowError, RecursionError):
            raise Invalid("is not a regular expression that Python understands") from None

    def dump(self, value: re.Pattern[str]) -> str:
        return value.pattern


@frozen
class ListOf(Generic[T]):
    """
    A list.

    :param item: the kind of its elements.
    """

    item: Kind[T]

    @property
    def shape(self) -> Shape:
        return Listed(self.item.shape)

    def read(self, node: Node, place: Place) -> tuple[T, ...]:
        if not isinstance(node, Sequence):
            raise Invalid(f"must be a list, not {kind_of(node)}")
        values = []
        for index, item in enumerate(node.items):
            below = place.item(index, item)
            try:
                values.append(self.item.read(item, below))
            except Invalid as invalid:
                below.error(invalid.text)
        return tuple(values)

    def dump(self, value: tuple[T, ...]) -> list[Any]:
        return [self.item.dump(item) for item in value]


@frozen
class MapOf(Generic[T]):
    """
    A mapping with free keys.

    :param value: the kind of its values.
    """

    value: Kind[T]

    @property
    def shape(self) -> Shape:
        return mapped(self.value.shape)

    def read(self, node: Node, place: Place) -> Mapping[str, T]:
        values = {}
        for name, child in table_of(node).entries.items():
            below = place.child(name, child)
            try:
                if not is_null(child):
                    self.check_name(name)
                    values[name] = self.value.read(child, below)
            except Invalid as invalid:
                below.error(invalid.text)
        return MappingProxyType(values)

    def check_name(self, name: str) -> None:
        """
        :raises Invalid: if no such key may be.
        """

    def dump(self, value: Mapping[str, T]) -> dict[str, Any]:
        return {name: self.value.dump(child) for name, child in value.items()}


@frozen
class Options:
    """
    A mapping whose keys and values are a plug-in's own affair.
    """

    @property
    def shape(self) -> Shape:
        return mapped(ANYTHING)

    def read(self, node: Node, place: Place) -> Mapping[str, Any]:
        return MappingProxyType(
            {name: plain(child) for name, child in table_of(node).entries.items()}
        )

    def dump(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return dict(value)


def text_of(node: Node) -> str:
    """
    :return: a scalar as it was written.
    :raises Invalid: if it is a list or a mapping, or nothing.
    """
    if isinstance(node, Scalar) and not is_null(node):
        return node.text
    raise Invalid(f"must be a text, not {kind_of(node)}")


def integer_of(node: Node) -> int:
    """
    :raises Invalid: if it is no integer.
    """
    if isinstance(node, Scalar) and _is_integer(node):
        return int(node.value)
    raise Invalid(f"must be an integer, not {kind_of(node)}")


def table_of(node: Node) -> Table:
    """
    :raises Invalid: if it is no mapping.
    """
    if isinstance(node, Table):
        return node
    raise Invalid(f"must be a mapping, not {kind_of(node)}")


def _is_integer(node: Node) -> bool:
    return (
        isinstance(node, Scalar)
        and isinstance(node.value, int)
        and not isinstance(node.value, bool)
    )
