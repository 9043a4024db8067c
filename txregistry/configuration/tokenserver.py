"""
The section ``tokenserver``: the registry issues the tokens that it takes.  A section of ours.
"""

from __future__ import annotations

import re

from attrs import frozen

from txregistry.configuration.kinds import Duration, Invalid, LeafKind, Text, text_of
from txregistry.configuration.report import Place
from txregistry.configuration.schema import Checked, key
from txregistry.configuration.tree import Node

LEAST_LIFETIME = 60.0
"""Seconds: clients take a token that says nothing for one of 60 seconds."""

_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+\Z")


@frozen
class Path(LeafKind):
    """
    The path of a page, outside the registry's own.
    """

    def read(self, node: Node, place: Place) -> str:
        path = text_of(node)
        if _PATH.match(path) is None:
            raise Invalid("must be a path such as /auth/token")
        if path.split("/")[1] == "v2":
            raise Invalid("must not be below /v2, where repositories are")
        if path.endswith("/jwks"):
            raise Invalid("must not end with /jwks, where the keys are")
        return path


@frozen
class Realm(LeafKind):
    """
    The whole address of a page.
    """

    def read(self, node: Node, place: Place) -> str:
        realm = text_of(node)
        if realm and re.match(r"https?://[^/\s\"\\]+(/[^\s\"\\]*)?\Z", realm) is None:
            raise Invalid("must be an address such as https://registry.example.com/auth/token")
        return realm


@frozen
class Lifetime(Duration):
    """
    How long a token counts.
    """

    def read(self, node: Node, place: Place) -> float:
        seconds = super().read(node, place)
        if seconds < LEAST_LIFETIME:
            raise Invalid("must be 60s or more")
        return seconds


@frozen(kw_only=True)
class TokenServer(Checked):
    """
    ``tokenserver``.

    :param signingkey: the file of the key that signs; without it there is no token server.  It is
        made where there is none.
    :param realm: where clients reach it; empty for the address by which they reach the registry.
    :param path: where it is, below ``http.prefix``.
    :param issuer: what its tokens name as their issuer.
    :param service: for whom its tokens are.
    :param lifetime: seconds that a token counts.
    :param refreshlifetime: seconds that a client stays logged in that doesn't keep the password.
    """

    signingkey: str = key(Text(), "")
    realm: str = key(Realm(), "")
    path: str = key(Path(), "/auth/token")
    issuer: str = key(Text(filled=True), "txregistry")
    service: str = key(Text(filled=True), "txregistry")
    lifetime: float = key(Lifetime(), 300.0)
    refreshlifetime: float = key(Lifetime(), 90 * 24 * 3600.0)

    @property
    def enabled(self) -> bool:
        """Whether there is one."""
        return bool(self.signingkey)

    def contradictions(self) -> list[tuple[str, str]]:
        if not self.enabled and self != TokenServer():
            return [("signingkey", "is missing: name the file that the signing key is kept in")]
        return []
