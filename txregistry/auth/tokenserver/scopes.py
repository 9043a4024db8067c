"""
Scopes: what a token is wanted for, ``type:name:action,action`` (distribution's token scope
grammar).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from attrs import frozen

from txregistry.errors import BadRequest, NameInvalid
from txregistry.model.access import CATALOG, Access, Action
from txregistry.model.name import parse_name

MOST: Final = 50
"""Resources that one token can be for: it goes into a header field with each request."""

_TYPE: Final = re.compile(r"([a-z0-9]+)(?:\(([a-z0-9]+)\))?\Z", re.ASCII)
_ALL: Final = (Action.PULL, Action.PUSH, Action.DELETE)


@frozen
class Scope:
    """
    Actions on one resource.

    :param type: ``repository`` or ``registry``.
    :param kind: the class of a repository, such as ``plugin``; ``""`` for none.
    :param name: of the resource.
    :param actions: what is to be done, none twice.
    """

    type: str
    kind: str
    name: str
    actions: tuple[Action, ...]

    @property
    def accesses(self) -> list[Access]:
        """Each action as a wish of its own."""
        return [Access(action, self.name, self.type) for action in self.actions]

    def __str__(self) -> str:
        kind = f"{self.type}({self.kind})" if self.kind else self.type
        return f"{kind}:{self.name}:{','.join(self.actions)}"

    def as_record(self) -> dict[str, Any]:
        """:return: what a token says of it."""
        kind = {"class": self.kind} if self.kind else {}
        actions = [action.value for action in self.actions]
        return {"type": self.type, **kind, "name": self.name, "actions": actions}


def parse_scopes(texts: Iterable[str]) -> list[Scope]:
    """
    Read scopes, those of one resource as one.

    What can't be granted to anybody, since there is no such type, name or action, is left out:
    to get less than was asked for is no error.

    :raises BadRequest: if there are too many.
    """
    found: dict[tuple[str, str, str], set[Action]] = {}
    for text in texts:
        scope = parse_scope(text)
        if scope is not None:
            found.setdefault((scope.type, scope.kind, scope.name), set()).update(scope.actions)
    if len(found) > MOST:
        raise BadRequest(f"a token can be for {MOST} resources at most")
    return [Scope(*resource, _ordered(actions)) for resource, actions in found.items()]


def parse_scope(text: str) -> Scope | None:
    """
    Read one scope.

    The name may have colons in it: what stands before the first is the type, what stands after the
    last the actions.
    """
    kind, first, rest = text.partition(":")
    name, last, words = rest.rpartition(":")
    match = _TYPE.match(kind)
    if not first or not last or match is None:
        return None
    # The words are a stranger's, and as many as he likes.
    wanted = frozenset(words.split(","))
    actions = {action for action in Action if action in wanted}
    if (match[1], name) == (CATALOG.type, CATALOG.name):
        return Scope(CATALOG.type, "", name, (Action.ANY,)) if Action.ANY in actions else None
    if match[1] != "repository" or not actions or not _is_name(name):
        return None
    return Scope("repository", match[2] or "", name, _ordered(actions))


def _is_name(name: str) -> bool:
    try:
        parse_name(name)
    except NameInvalid:
        return False
    return True


def _ordered(actions: set[Action]) -> tuple[Action, ...]:
    """:return: them in the order that never varies; in place of ``*`` all that a repository has."""
    return tuple(action for action in Action if action in actions)


def spelled_out(scope: Scope) -> Scope:
    """:return: the same, with all actions in place of ``*``, since each is granted for itself."""
    if scope.type != "repository" or Action.ANY not in scope.actions:
        return scope
    return Scope(scope.type, scope.kind, scope.name, _ALL)


def kept(scope: Scope, actions: Sequence[Action]) -> Scope:
    """:return: the same with these actions only."""
    return Scope(scope.type, scope.kind, scope.name, tuple(actions))
