"""
The section ``auth``: who is asked who may do what.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from txregistry.configuration.kinds import (
    Boolean,
    Invalid,
    Kind,
    LeafKind,
    ListOf,
    Options,
    Text,
    table_of,
    text_of,
)
from txregistry.configuration.report import Place
from txregistry.configuration.schema import Checked, Section, key, kinds_of, shape_of
from txregistry.configuration.shape import ANYTHING, Structure, mapped, normalised
from txregistry.configuration.tree import Node, Table, is_null

NONE = "none"
"""The kind that asks for nothing: everybody may do everything."""

KINDS_WITHOUT_USERS = (NONE, "silly", "token")
"""Those of this package that know nobody's password."""


class _Needing(Checked):
    """
    A section all of whose keys must be there, and say something.
    """

    def contradictions(self) -> list[tuple[str, str]]:
        return [(name, "is missing") for name in kinds_of(type(self)) if not getattr(self, name)]


@frozen(kw_only=True)
class Silly(_Needing):
    """
    ``auth.silly``, for tests: whoever says anything is let in.

    :param realm: of the challenge: where a token is to be had.
    :param service: of the challenge: for whom.
    """

    realm: str = key(Text(), "")
    service: str = key(Text(), "")


@frozen(kw_only=True)
class Htpasswd(_Needing):
    """
    ``auth.htpasswd``: names and passwords of a file.

    :param realm: of the challenge: what the password is for, which some clients show.
    :param path: the file.
    """

    realm: str = key(Text(), "")
    path: str = key(Text(), "")


ALGORITHMS = (
    *("EdDSA", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512"),
    *("ES256", "ES384", "ES512", "PS256", "PS384", "PS512"),
)
"""How tokens may be signed, in distribution's order."""


@frozen
class SigningAlgorithm(LeafKind):
    """
    The name of an algorithm, as tokens write it.
    """

    def read(self, node: Node, place: Place) -> str:
        name = text_of(node)
        if name not in ALGORITHMS:
            raise Invalid(f"unsupported signing algorithm: {name}")
        return name


@frozen(kw_only=True)
class Token(Checked):
    """
    ``auth.token``: tokens that a token server gives away.

    :param realm: where they are to be had.
    :param issuer: what they must name as their issuer.
    :param service: for whom they must be.
    :param rootcertbundle: a file of certificates that are trusted.
    :param jwks: a file of keys that are trusted, or an address where they are to be had; an
        address is ours.
    :param autoredirect: whether tokens are to be had beside the registry, and not at ``realm``.
    :param autoredirectpath: the path there.
    :param signingalgorithms: how they may be signed; none for all that are known.
    """

    realm: str = key(Text(), "")
    issuer: str = key(Text(), "")
    service: str = key(Text(), "")
    rootcertbundle: str = key(Text(), "")
    jwks: str = key(Text(), "")
    autoredirect: bool = key(Boolean(), default=False)
    autoredirectpath: str = key(Text(), "/auth/token")
    signingalgorithms: tuple[str, ...] = key(ListOf(SigningAlgorithm()), ())

    def contradictions(self) -> list[tuple[str, str]]:
        found = [
            (name, f'token auth requires a valid option string: "{name}"')
            for name in ("realm", "issuer", "service")
            if not getattr(self, name)
        ]
        if not self.rootcertbundle and not self.jwks:
            text = "token auth requires at least one token signing key; name it here, or in jwks"
            found.append(("rootcertbundle", text))
        return found


#: Controllers of this package, whose options are checked here.
OPTIONS: Mapping[str, type[Any]] = {"silly": Silly, "htpasswd": Htpasswd, "token": Token}


@frozen(kw_only=True)
class Auth:
    """
    ``auth``: exactly one kind of access controller, or none.

    :param kind: its name, :data:`NONE` where there is none.
    :param options: what stands below that name; they may hold secrets.
    """

    kind: str = NONE
    options: Mapping[str, Any] = field(default=MappingProxyType({}), repr=False)


@frozen
class AuthKind:
    """
    The kind of ``auth``, where the controller's name is a key, or all there is.
    """

    @property
    def shape(self) -> Structure:
        known = {name: shape_of(cls) for name, cls in OPTIONS.items()}
        return Structure(
            {NONE: mapped(ANYTHING), **known},
            others=mapped(ANYTHING),
            bare=True,
        )

    def read(self, node: Node, place: Place) -> Auth:
        table = table_of(normalised(node, self.shape) or node)
        kinds = sorted(table.entries)
        if len(kinds) > 1:
            raise Invalid(f"must provide exactly one type. Provided: [{', '.join(kinds)}]")
        if not kinds:
            return Auth()
        (kind,) = kinds
        below = place.child(kind, table.entries[kind])
        try:
            return Auth(kind=kind, options=_options(kind, table.entries[kind], below))
        except Invalid as invalid:
            below.error(invalid.text)
            return Auth(kind=kind)

    def dump(self, value: Auth) -> str | dict[str, Any]:
        if value.kind == NONE:
            return NONE
        options: Kind[Any] = Options()
        return {value.kind: options.dump(value.options)}


def _options(kind: str, node: Node, place: Place) -> Mapping[str, Any]:
    """
    :return: a controller's options, checked where the controller is known here.
    """
    if is_null(node):
        node = Table({}, node.origin)
    if kind == NONE:
        return MappingProxyType({})
    if kind == "silly":
        place.warning("lets everybody in who says anything at all: it is for tests")
    if kind not in OPTIONS:
        return Options().read(node, place)
    section: Section[Any] = Section(OPTIONS[kind])
    return MappingProxyType(section.dump(section.read(node, place)))
