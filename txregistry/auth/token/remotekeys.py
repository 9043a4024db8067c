"""
What is trusted because the token server says so: ``jwks`` as an address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from txregistry.auth.token.jwks import parse_key_set
from txregistry.auth.token.keys import TrustedKey
from txregistry.auth.token.looking import Looking
from txregistry.auth.token.trust import IKeys, Trust
from txregistry.deferreds import deferred
from txregistry.errors import Unavailable

REFRESH: Final = 300.0
"""Seconds after which keys are fetched anew, if anybody comes."""

STALE: Final = 600.0
"""Seconds after which they are fetched first: a key that was withdrawn opens nothing then."""

PATIENCE: Final = 10.0
"""Seconds between two attempts, however many tokens with unknown keys come."""


class RemoteKeys:
    """
    Keys that are fetched from a token server, beside others.

    :param others: where certificates come from, and maybe more keys.
    :param fetch: fetches the document.
    :param seconds: a clock that only goes forward, in seconds.
    :ivar trust: what is trusted now.
    """

    log = Logger()

    def __init__(
        self, others: IKeys, fetch: Callable[[], Deferred[bytes]], seconds: Callable[[], float]
    ) -> None:
        self._others = others
        self._fetch = fetch
        self._keys: dict[str, TrustedKey] | None = None
        self._of_others = others.trust
        self._looking = Looking(self._look, seconds)
        self._trust = others.trust

    @property
    def trust(self) -> Trust:
        if self._others.trust is not self._of_others:
            self._merge()
        return self._trust

    def glance(self) -> Deferred[None] | None:
        """
        Fetch the keys again where that was long ago.  A slow server keeps nobody waiting, but after
        a time in which nobody came.
        """
        others = self._others.glance()
        if self._keys is None:
            if self._looking.is_due(PATIENCE):
                self._looking.begin()
            return others
        looked = self._looking.glance(REFRESH, STALE)
        return others if looked is None else looked.addCallback(lambda _: others)

    @deferred
    async def look(self) -> None:
        """
        Fetch the keys, if that wasn't tried in the last seconds.

        :raises Unavailable: if they could never be fetched.
        """
        await self._others.look()
        await self._looking.done(PATIENCE)
        if self._keys is None:
            raise Unavailable(message="the keys of the token server can't be had")

    @deferred
    async def _look(self) -> None:
        try:
            found = parse_key_set(await self._fetch())
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a strange server is no reason to stop
            self.log.error(  # noqa: TRY400 - where in our code it was noticed helps nobody
                "auth.token.jwks: the keys can't be fetched, those that are known stay: {reason}",
                reason=str(error) or type(error).__name__,
            )
            return
        if self._keys != found.keys:
            self._keys = dict(found.keys)
            self._merge()
            for sentence in found.skipped:
                self.log.info("auth.token.jwks: {sentence}", sentence=sentence)

    def _merge(self) -> None:
        self._of_others = self._others.trust
        self._trust = evolve(self._of_others, keys={**self._of_others.keys, **(self._keys or {})})
