"""
Making the access controller ``token`` of its options.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from twisted.plugin import IPlugin
from zope.interface import implementer

from txregistry.auth.options import option_error
from txregistry.auth.token.challenge import FixedRealm, IRealm, RedirectedRealm
from txregistry.auth.token.controller import Rules, TokenAccess
from txregistry.auth.token.fetching import Fetching, check_address
from txregistry.auth.token.files import WatchedFile
from txregistry.auth.token.keyfiles import KeyFiles, read_bundle, read_key_set
from txregistry.auth.token.keys import ALGORITHMS
from txregistry.auth.token.remotekeys import RemoteKeys
from txregistry.auth.token.trust import IKeys
from txregistry.deferreds import Threads
from txregistry.errors import ConfigurationError, Problem
from txregistry.interfaces import IAccessControllerFactory, IAttempts

T = TypeVar("T")

_KEY: Final = "auth.token"
_PATH: Final = "/auth/token"


@implementer(IPlugin, IAccessControllerFactory)
class TokenFactory:
    """
    Makes it, of the options that distribution has, and of a ``jwks`` that may be an address.
    """

    name = "token"

    def create(self, reactor: Any, options: Mapping[str, Any], attempts: IAttempts) -> TokenAccess:
        realm, issuer, service = (_text(options, name) for name in ("realm", "issuer", "service"))
        rules, where = Rules(issuer, service, _algorithms(options)), _realm(realm, options)
        threads = Threads(reactor, reactor.getThreadPool())
        keys = _keys(reactor, options, threads)
        return TokenAccess(rules, keys, where, threads, time.time)


def _text(options: Mapping[str, Any], name: str) -> str:
    value = options.get(name)
    if not isinstance(value, str) or not value:
        raise _problem(name, f'token auth requires a valid option string: "{name}"')
    return value


def _optional(options: Mapping[str, Any], name: str) -> str:
    value = options.get(name) or ""
    if not isinstance(value, str):
        raise _problem(name, "must be a text")
    return value


def _algorithms(options: Mapping[str, Any]) -> frozenset[str]:
    chosen = options.get("signingalgorithms") or ALGORITHMS
    if isinstance(chosen, str) or not isinstance(chosen, list | tuple):
        raise _problem("signingalgorithms", "must be a list")
    for algorithm in chosen:
        if algorithm not in ALGORITHMS:
            raise _problem("signingalgorithms", f"unsupported signing algorithm: {algorithm}")
    return frozenset(chosen)


def _realm(realm: str, options: Mapping[str, Any]) -> IRealm:
    redirected = options.get("autoredirect", False)
    if not isinstance(redirected, bool):
        raise _problem("autoredirect", "must be true or false")
    path = _optional(options, "autoredirectpath") or _PATH
    return RedirectedRealm("/" + path.lstrip("/"), realm) if redirected else FixedRealm(realm)


def _keys(reactor: Any, options: Mapping[str, Any], threads: Threads) -> IKeys:
    bundle, key_set = _optional(options, "rootcertbundle"), _optional(options, "jwks")
    if not bundle and not key_set:
        problem = "token auth requires at least one token signing key"
        raise ConfigurationError([Problem(key=_KEY, text=problem)])
    address = key_set if key_set.partition("://")[0] in ("http", "https") else ""
    files = KeyFiles(
        _file("rootcertbundle", bundle, read_bundle),
        _file("jwks", "" if address else key_set, read_key_set),
        threads,
        time.monotonic,
    )
    if not address:
        return files
    try:
        check_address(address)
    except ValueError as error:
        raise _problem("jwks", str(error)) from None
    return RemoteKeys(files, Fetching(reactor, address).fetch, time.monotonic)


def _file(name: str, path: str, read: Callable[[bytes], T]) -> WatchedFile[T] | None:
    if not path:
        return None
    try:
        return WatchedFile(path, read)
    except OSError as error:
        raise _problem(name, f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise _problem(name, f"{path}: {error}") from None


def _problem(name: str, text: str) -> ConfigurationError:
    return option_error(_KEY, name, text)


#: What the table of access controllers names.
factory = TokenFactory()
