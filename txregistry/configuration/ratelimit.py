"""
The section ``ratelimit``: how much each client may ask for.  A section of ours.
"""

from __future__ import annotations

from attrs import frozen

from txregistry.configuration.kinds import Integer, Size
from txregistry.configuration.network import CIDR, Network
from txregistry.configuration.policykinds import Several, UserName
from txregistry.configuration.schema import Checked, key, section

BURST_SECONDS = 10
"""How much may be had at once where nothing is said: what may be had in so many seconds."""


@frozen(kw_only=True)
class Rate(Checked):
    """
    ``ratelimit.address`` and ``ratelimit.user``: how much each of them may have.

    :param requests: in a second; 0 for any number.
    :param burst: requests at once; 0 for those of :data:`BURST_SECONDS`.
    :param bytes: in a second, sent and received together; 0 for any number.
    :param bytesburst: bytes at once; 0 for those of :data:`BURST_SECONDS`.
    """

    requests: int = key(Integer(), 0)
    burst: int = key(Integer(), 0)
    bytes: int = key(Size(), 0)
    bytesburst: int = key(Size(), 0)

    def contradictions(self) -> list[tuple[str, str]]:
        found = []
        if self.burst and not self.requests:
            found.append(("burst", "says nothing without requests, the number for each second"))
        if self.bytesburst and not self.bytes:
            found.append(("bytesburst", "says nothing without bytes, the number for each second"))
        return found

    @property
    def limits(self) -> bool:
        """
        Whether it limits anything.
        """
        return bool(self.requests or self.bytes)

    @property
    def at_once(self) -> int:
        """
        Requests at once.
        """
        return self.burst or BURST_SECONDS * self.requests

    @property
    def bytes_at_once(self) -> int:
        """
        Bytes at once.
        """
        return self.bytesburst or BURST_SECONDS * self.bytes


@frozen(kw_only=True)
class Exempt:
    """
    ``ratelimit.exempt``: who may have anything.

    :param addresses: from where.
    :param users: who, wherever he is.
    """

    addresses: tuple[Network, ...] = key(Several(CIDR()), ())
    users: tuple[str, ...] = key(Several(UserName()), ())


@frozen(kw_only=True)
class RateLimit:
    """
    ``ratelimit``: how much each client may ask for; anything, where nothing is said.
    """

    address: Rate = section(Rate)
    user: Rate = section(Rate)
    exempt: Exempt = section(Exempt)

    @property
    def limits(self) -> bool:
        """
        Whether it limits anything.
        """
        return self.address.limits or self.user.limits
