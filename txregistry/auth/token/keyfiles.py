"""
What is trusted because files say so: ``rootcertbundle`` and ``jwks``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import field, frozen
from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txregistry.auth.token.certificates import Roots, parse_bundle
from txregistry.auth.token.files import WatchedFile
from txregistry.auth.token.jwks import KeySet, parse_key_set
from txregistry.auth.token.keys import TrustedKey
from txregistry.auth.token.looking import Looking
from txregistry.auth.token.trust import Trust, keys_of
from txregistry.deferreds import Threads, deferred

GLANCE: Final = 1.0
"""Seconds after which files are looked at again, if anybody comes."""

STALE: Final = 5.0
"""Seconds after which they are looked at first: a key that was taken out opens nothing then."""

_log = Logger()


@frozen
class Bundle:
    """
    A bundle of certificates.

    :param certificates: them.
    :param keys: their keys.
    """

    certificates: tuple[x509.Certificate, ...] = ()
    keys: Mapping[str, TrustedKey] = field(factory=dict, repr=False)


def read_bundle(data: bytes) -> Bundle:
    """
    As :func:`~txregistry.auth.token.certificates.parse_bundle`, with a line in the log for each
    certificate that can only vouch for others.

    :raises ValueError: if it holds no certificate, or none whose key signs tokens.
    """
    certificates = parse_bundle(data)
    found = keys_of(certificates)
    for sentence in found.skipped:
        _log.info("auth.token.rootcertbundle: {sentence}", sentence=sentence)
    return Bundle(certificates, found.keys)


def read_key_set(data: bytes) -> KeySet:
    """
    As :func:`~txregistry.auth.token.jwks.parse_key_set`, with a line in the log for each key that
    is left out.
    """
    keys = parse_key_set(data)
    for sentence in keys.skipped:
        _log.info("auth.token.jwks: {sentence}", sentence=sentence)
    return keys


class KeyFiles:
    """
    Keys and certificates of files.

    :param bundle: that of certificates, if there is one.
    :param key_set: that of keys, if there is one.
    :param threads: where files are read.
    :param seconds: a clock that only goes forward, in seconds.
    :ivar trust: what is trusted now.
    """

    def __init__(
        self,
        bundle: WatchedFile[Bundle] | None,
        key_set: WatchedFile[KeySet] | None,
        threads: Threads,
        seconds: Callable[[], float],
    ) -> None:
        self._bundle = bundle
        self._key_set = key_set
        self._threads = threads
        self._looking = Looking(self._look, seconds)
        self.trust = self._trust()

    def glance(self) -> Deferred[None] | None:
        """Look at the files, if that is a second ago."""
        return self._looking.glance(GLANCE, STALE)

    def look(self) -> Deferred[None]:
        """Look at the files, if that is a second ago, and wait for it."""
        return self._looking.done(GLANCE)

    @deferred
    async def _look(self) -> None:
        if await self._threads.run(self._changed):
            self.trust = self._trust()

    def _changed(self) -> bool:
        files = [file for file in (self._bundle, self._key_set) if file is not None]
        changed = [file.look() for file in files]
        return any(changed)

    def _trust(self) -> Trust:
        bundle = self._bundle.value if self._bundle else Bundle()
        keys = self._key_set.value.keys if self._key_set else {}
        return Trust({**bundle.keys, **keys}, Roots(bundle.certificates))
