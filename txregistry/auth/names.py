"""
By what those are counted who try passwords.
"""

from __future__ import annotations

from attrs import frozen

from txregistry.model.clients import counted_as


@frozen
class Who:
    """
    Somebody who tries a password, as :class:`~txregistry.interfaces.IAttempts` is told of him.
    """

    user: str
    address: str
    proxy: str

    @property
    def by_user(self) -> str:
        """By what a user is counted, wherever he is."""
        return f"u{self.user}"

    @property
    def by_place(self) -> str:
        """
        By what an address is counted: behind each proxy it is another one, so that nobody who can
        lie about his address has failed in somebody else's place.
        """
        place = f"a{counted_as(self.address)}"
        return f"{place} {counted_as(self.proxy)}" if self.proxy else place

    @property
    def by_proxy(self) -> str:
        """By what all are counted that come by a proxy; ``""`` for who doesn't."""
        return f"p{counted_as(self.proxy)}" if self.proxy else ""

    @property
    def by_user_there(self) -> str:
        """By what it is remembered that a user was right where he is."""
        # The user comes last: there may be anything in his name.
        return f"{counted_as(self.address)} {counted_as(self.proxy)} {self.user}"
