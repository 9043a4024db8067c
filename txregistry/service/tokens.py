"""
The token server of this daemon, if it is to have one.
"""

from __future__ import annotations

import os
import stat
import time
from typing import Any, Final

from attrs import frozen
from twisted.logger import Logger

from txregistry.auth.token.controller import Rules, TokenAccess
from txregistry.auth.token.files import WatchedFile
from txregistry.auth.token.keys import ALGORITHMS
from txregistry.auth.tokenserver.claims import Terms
from txregistry.auth.tokenserver.controller import OwnRealm, SelfIssuedAccess
from txregistry.auth.tokenserver.ownkeys import OwnKeys
from txregistry.auth.tokenserver.service import TokenService
from txregistry.auth.tokenserver.signing import SigningKeys, make_key_file, parse_signing_keys
from txregistry.configuration import Configuration
from txregistry.deferreds import Threads
from txregistry.errors import ConfigurationError, Problem
from txregistry.interfaces import IAccessController, IPolicy, IUsers
from txregistry.web.tokens import TokenPages

_KEY: Final = "tokenserver.signingkey"
_log = Logger()


@frozen
class TokenServer:
    """
    What there is where tokens are issued here.

    :param controller: takes them, and passwords as before.
    :param pages: where they are to be had.
    """

    controller: IAccessController
    pages: TokenPages


def build_token_server(
    reactor: Any,
    configuration: Configuration,
    passwords: IAccessController,
    policy: IPolicy | None,
) -> TokenServer:
    """
    :param passwords: the controller that is configured, which must know users.
    :param policy: what tokens may allow, if there are rules.
    :raises ConfigurationError: if there are no users, or the signing key can't be had.
    """
    settings = configuration.tokenserver
    users = IUsers(passwords, None)
    if users is None:
        raise _problem("tokenserver", "there is nobody to give tokens to: it needs auth.htpasswd")
    threads = Threads(reactor, reactor.getThreadPool())
    keys = OwnKeys(_signing_keys(settings.signingkey), threads, time.monotonic)
    terms = Terms(settings.issuer, settings.service, settings.lifetime, settings.refreshlifetime)
    rules = Rules(terms.issuer, terms.service, frozenset(ALGORITHMS))
    tokens = TokenAccess(rules, keys, _realm(configuration), threads, time.time)
    service = TokenService(terms, keys, users, policy, threads, time.time)
    return TokenServer(SelfIssuedAccess(tokens, passwords), TokenPages(service, settings.path))


def _realm(configuration: Configuration) -> OwnRealm:
    http, settings = configuration.http, configuration.tokenserver
    outside = str(http.host).rstrip("/") + settings.path if http.host else ""
    return OwnRealm(http.prefix.rstrip("/") + settings.path, settings.realm or outside)


def _signing_keys(path: str) -> WatchedFile[SigningKeys]:
    try:
        if make_key_file(path):
            _log.info("{key}: a new key was made: {path}", key=_KEY, path=path)
        elif os.stat(path).st_mode & stat.S_IROTH:
            _log.warn("{key}: everybody on this machine can read {path}", key=_KEY, path=path)
        return WatchedFile(path, parse_signing_keys)
    except OSError as error:
        raise _problem(_KEY, f"{path} can't be read or made: {error.strerror}") from None
    except ValueError as error:
        raise _problem(_KEY, f"{path}: {error}") from None


def _problem(key: str, text: str) -> ConfigurationError:
    return ConfigurationError([Problem(key=key, text=text)])
