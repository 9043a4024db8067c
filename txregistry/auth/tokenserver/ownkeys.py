"""
The keys of this very token server, as what signs and as what is trusted.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from txregistry.auth.token.files import WatchedFile
from txregistry.auth.token.keyfiles import GLANCE, STALE
from txregistry.auth.token.looking import Looking
from txregistry.auth.tokenserver.signing import SigningKeys
from txregistry.deferreds import Threads, deferred


class OwnKeys:
    """
    Keys in a file that may be changed, and that other processes share.

    :param file: the file.
    :param threads: where it is read.
    :param seconds: a clock that only goes forward, in seconds.
    :ivar signing: the keys.
    :ivar trust: what they verify.
    """

    def __init__(
        self,
        file: WatchedFile[SigningKeys],
        threads: Threads,
        seconds: Callable[[], float],
    ) -> None:
        self._file = file
        self._threads = threads
        self._looking = Looking(self._look, seconds)
        self._take()

    def _take(self) -> None:
        self.signing = self._file.value
        self.trust = self.signing.trust

    def glance(self) -> Deferred[None] | None:
        """Look at the file, if that is a second ago."""
        return self._looking.glance(GLANCE, STALE)

    def look(self) -> Deferred[None]:
        """
        Look at the file, at once: another process may have signed with a key that has just been
        put into it.  However many ask, there is one look at a time.
        """
        return self._looking.done(0)

    @deferred
    async def _look(self) -> None:
        if await self._threads.run(self._file.look):
            self._take()
