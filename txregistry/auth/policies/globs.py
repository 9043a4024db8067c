"""
Patterns of repository names.

``*`` stands for any text within one component of a name, ``**`` for any number of components: at
the end of a pattern for one or more, elsewhere for none or more.  So ``ci/**`` is everything below
``ci`` but not ``ci`` itself, and ``**`` is everything.

Nothing here ever goes back to try again, so no pattern is slow: the time is at most that of
comparing each component of the name with each of the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from attrs import frozen

MANY: Final = "**"

_COMPONENT: Final = re.compile(r"\*\*|(?:[a-z0-9._-]|\*(?!\*))+")

Weight = tuple[tuple[int, int], ...]
"""How specific a pattern is; the greater, the more."""


@frozen
class _Text:
    """A component without a star."""

    text: str

    def matches(self, component: str) -> bool:
        return component == self.text

    @property
    def weight(self) -> tuple[int, int]:
        return (2, 0)


@frozen
class _Starred:
    """
    A component with stars.

    :param first: what it begins with.
    :param inner: what follows, in this order, each behind a star.
    :param last: what it ends with.
    """

    first: str
    inner: tuple[str, ...]
    last: str

    def matches(self, component: str) -> bool:
        end = len(component) - len(self.last)
        position = len(self.first)
        if end < position or not component.startswith(self.first):
            return False
        if not component.endswith(self.last):
            return False
        for text in self.inner:
            position = component.find(text, position, end)
            if position < 0:
                return False
            position += len(text)
        return True

    @property
    def weight(self) -> tuple[int, int]:
        return (1, len(self.first) + sum(map(len, self.inner)) + len(self.last))


_Component = _Text | _Starred


@frozen
class Glob:
    """
    A pattern of repository names.

    :param text: as it is written.
    :param runs: the components between the ``**``; one run where there is none.
    :param weight: how specific it is.
    :param prefix: the components that it begins with and that have no star, joined by ``/``:
        every name that matches is that text, or begins with it and a slash.
    """

    text: str
    runs: tuple[tuple[_Component, ...], ...]
    weight: Weight
    prefix: str

    def matches(self, name: str) -> bool:
        """:return: whether a repository's name is one of those that are meant."""
        components = name.split("/")
        first, *others = self.runs
        if not others:
            return len(components) == len(first) and _fits(first, components, 0)
        *inner, last = others
        # Where nothing follows the last **, it stands for one component at least.
        end = len(components) - (len(last) or 1)
        position = len(first)
        if position > end or not _fits(first, components, 0):
            return False
        if last and not _fits(last, components, end):
            return False
        for run in inner:
            # Taking the first place where a run fits leaves the most room for those behind it.
            position = _find(run, components, position, end)
            if position < 0:
                return False
            position += len(run)
        return True


def parse_glob(text: str) -> Glob:
    """
    Read a pattern.

    :raises ValueError: if it is none; the text says why.
    """
    components = _components(text)
    runs: list[tuple[_Component, ...]] = [()]
    for component in components:
        if component == MANY:
            runs.append(())
        else:
            runs[-1] = (*runs[-1], _component(component))
    return Glob(text, tuple(runs), tuple(map(_weight, components)), _prefix(components))


def _components(text: str) -> list[str]:
    components: list[str] = []
    for component in text.split("/"):
        if not component:
            raise ValueError(
                "a pattern has no empty components: no slash at an end, no two at once"
            )
        if not _COMPONENT.fullmatch(component):
            raise ValueError(_complaint(component))
        if component != MANY or components[-1:] != [MANY]:  # two are no more than one
            components.append(component)
    return components


def _complaint(component: str) -> str:
    if MANY in component:
        return "** stands for whole components, so nothing may stand beside it but slashes"
    if component.lower() != component:
        return "names of repositories have no capitals"
    return "a pattern is made of what names are made of (a-z, 0-9, '.', '_', '-', '/') and of *"


def _component(text: str) -> _Component:
    if "*" not in text:
        return _Text(text)
    first, *inner, last = text.split("*")
    return _Starred(first, tuple(inner), last)


def _weight(component: str) -> tuple[int, int]:
    return (0, 0) if component == MANY else _component(component).weight


def _prefix(components: Sequence[str]) -> str:
    literal = []
    for component in components:
        if "*" in component:
            break
        literal.append(component)
    return "/".join(literal)


def _fits(run: Sequence[_Component], components: Sequence[str], at: int) -> bool:
    return all(part.matches(components[at + index]) for index, part in enumerate(run))


def _find(run: Sequence[_Component], components: Sequence[str], start: int, end: int) -> int:
    """:return: the first place in ``components[start:end]`` where a run fits; -1 for none."""
    for at in range(start, end - len(run) + 1):
        if _fits(run, components, at):
            return at
    return -1
