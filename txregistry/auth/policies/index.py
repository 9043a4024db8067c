"""
Finds the rules that may be about a wish without looking at all the others.

Each is found by how its patterns begin, up to the first star, and by whom it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from txregistry.auth.policies.globs import Glob
from txregistry.auth.policies.rules import Rule, Subjects, Whom

Entry = tuple[Rule, Glob, Whom]
"""A rule, one of its patterns, and how closely it names those that it is found by."""

_Key = tuple[str, str]
"""How names begin, and who it is."""

_ANYBODY: Final = "*"
_KNOWN: Final = "+"


class RuleIndex:
    """
    All rules.

    :param rules: them.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._entries: dict[_Key, list[Entry]] = {}
        for rule in rules:
            for glob in rule.globs:
                for whom, closeness in _named(rule.subjects):
                    key = (glob.prefix, whom)
                    self._entries.setdefault(key, []).append((rule, glob, closeness))

    def find(self, name: str, user: str, groups: frozenset[str]) -> Iterator[Entry]:
        """
        :param name: of a repository.
        :param user: ``""`` for the anonymous.
        :param groups: those that the user is in.
        :return: all rules that name somebody, and whose patterns may match.
        """
        whom = [f"u{user}", *(f"g{group}" for group in groups), _KNOWN] if user else []
        whom.append(_ANYBODY)
        for prefix in _prefixes(name):
            for each in whom:
                yield from self._entries.get((prefix, each), ())


def _named(subjects: Subjects) -> Iterator[tuple[str, Whom]]:
    for user in subjects.users:
        yield f"u{user}", Whom.USER
    for group in subjects.groups:
        yield f"g{group}", Whom.GROUP
    if subjects.known:
        yield _KNOWN, Whom.KNOWN
    if subjects.anybody:
        yield _ANYBODY, Whom.ANYBODY


def _prefixes(name: str) -> Iterator[str]:
    """:return: nothing, and what a name begins with up to each slash and its end."""
    yield ""
    position = name.find("/")
    while position > 0:
        yield name[:position]
        position = name.find("/", position + 1)
    yield name
