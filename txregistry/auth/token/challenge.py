"""
What is asked of a client that has no good token: where to get one, and for what (RFC 6750 §3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Protocol

from attrs import frozen

from txregistry.auth.challenges import quoted
from txregistry.model.access import Access, Action, Credentials

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?\Z", re.ASCII)


class IRealm(Protocol):
    """
    Where tokens are to be had.
    """

    def __call__(self, credentials: Credentials) -> str:
        """:return: the URL, for whoever presents these."""


@frozen
class FixedRealm:
    """
    The same for everybody.

    :param url: the URL.
    """

    url: str

    def __call__(self, credentials: Credentials) -> str:
        return self.url


@frozen
class RedirectedRealm:
    """
    Beside the registry, whatever the client calls it (``autoredirect``).

    :param path: where the token server is.
    :param otherwise: the URL for clients that call it what can't be its name.
    """

    path: str
    otherwise: str

    def __call__(self, credentials: Credentials) -> str:
        # As in distribution: tokens are not sent in the clear unless a proxy says that they are.
        return realm_at(credentials.forwarded_scheme or "https", credentials, self.path) or (
            self.otherwise
        )


def realm_at(scheme: str, credentials: Credentials, path: str) -> str:
    """
    :return: the URL of a path of this very server; ``""`` where its name can't be one.
    """
    if _HOST.match(credentials.host) is None:
        return ""
    return f"{scheme}://{credentials.host}{path}"


def bearer_challenge(realm: str, service: str, accesses: Sequence[Access], error: str) -> str:
    """
    :param accesses: what is wanted.
    :param error: what was wrong with the token, ``""`` for nothing that could be named.
    :return: a value for ``WWW-Authenticate``; without spaces after its commas, since there are
        clients that don't expect any.
    """
    parts = [f"Bearer realm={quoted(realm)}", f"service={quoted(service)}"]
    if accesses:
        parts.append(f"scope={quoted(scope_of(accesses))}")
    if error:
        parts.append(f"error={quoted(error)}")
    return ",".join(parts)


def scope_of(accesses: Sequence[Access]) -> str:
    """:return: all of them, those of one resource together, in an order that never varies."""
    wanted: dict[tuple[str, str], set[Action]] = {}
    for access in accesses:
        wanted.setdefault((access.type, access.name), set()).add(access.action)
    return " ".join(
        f"{kind}:{name}:{','.join(action.value for action in Action if action in actions)}"
        for (kind, name), actions in wanted.items()
    )
