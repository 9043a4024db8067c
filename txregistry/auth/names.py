"""
By what those are counted who try passwords.
"""

from __future__ import annotations

from txregistry.model.clients import counted_as as client

__all__ = ["client", "place", "regular", "user"]


def user(name: str) -> str:
    """:return: by what a user is counted, wherever he is."""
    return f"u{name}"


def place(address: str, proxy: str) -> str:
    """
    :return: by what an address is counted: behind each proxy it is another one, so that nobody who
        can lie about his address has failed in somebody else's place.
    """
    return f"a{client(address)} {client(proxy)}" if proxy else f"a{client(address)}"


def regular(name: str, address: str, proxy: str) -> str:
    """:return: by what it is remembered that a user was right there."""
    # The user comes last: there may be anything in his name.
    return f"{client(address)} {client(proxy)} {name}"
