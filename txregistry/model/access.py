"""
Access: what a request wants to do, to what, and who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final, Protocol

from attrs import field, frozen

from txregistry.model.digest import Digest


class Action(StrEnum):
    """What may be done."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"
    ANY = "*"


@frozen
class Access:
    """
    A wish: one action on one resource.

    :param action: what is to be done.
    :param name: the repository, or ``catalog``.
    :param type: ``repository`` or ``registry``.
    """

    action: Action
    name: str
    type: str = "repository"

    def as_record(self) -> dict[str, str]:
        """:return: the record that an ``UNAUTHORIZED`` error shows, as distribution writes it."""
        return {"Type": self.type, "Class": "", "Name": self.name, "Action": self.action.value}


CATALOG: Final = Access(Action.ANY, "catalog", "registry")
"""What listing all repositories needs."""


@frozen
class Credentials:
    """
    What a request presents of itself.

    :param authorization: the value of ``Authorization``, or ``""``.
    :param address: the client's address, behind all trusted proxies.
    :param host: the request's ``Host``, for challenges that name it.
    :param secure: whether the client speaks TLS, with us or with a trusted proxy before us.
    :param certificate: the client's own certificate in DER, once TLS has verified it; ``b""`` where
        it has shown none, or comes through a proxy, whose certificate that would be.
    :param request_id: the UUID of the request; ``""`` where it is only asked what may be shown to
        somebody whose request was decided before.  That is in no log, and counts for nothing.
    :param forwarded_scheme: ``http`` or ``https``, where a trusted proxy says which it is that the
        client speaks.
    :param proxy: the address of the trusted proxy at the other end of the connection, where it has
        told :attr:`address`; ``unix`` for one that comes by a unix socket.  ``""`` where the client
        itself is at the other end: then its address can't be a lie.
    """

    authorization: str = field(default="", repr=False)
    address: str = ""
    host: str = ""
    secure: bool = False
    certificate: bytes = field(default=b"", repr=False)
    request_id: str = field(default="", kw_only=True)
    forwarded_scheme: str = ""
    proxy: str = field(default="", kw_only=True)


@frozen
class Identity:
    """
    Who somebody is, once that is known.

    :param user: the name of the user, ``""`` for the anonymous.
    :param address: the client's address, behind all trusted proxies.
    :param by_certificate: whether the name comes from a certificate of the client.
    """

    user: str = ""
    address: str = ""
    by_certificate: bool = False


@frozen
class Decision:
    """
    What policies say to a wish.

    :param granted: whether it is.
    :param rule: what decided, for people: ``rule 3 (ci/**)``; ``"no rule"`` where none is about it.
    """

    granted: bool
    rule: str


class Request(Protocol):
    """
    A request, for who wants to know more of it than most do: each of these is found out when it is
    asked.
    """

    def method(self) -> str:
        """:return: as it came."""

    def origin(self) -> tuple[str, str, str]:
        """
        :return: the address of the client behind all trusted proxies, with a known port; the
            ``Host`` as it came, bytes as ISO 8859-1, ``""`` where there is none; and the method.
        """

    def manifest_url(self, name: str, digest: Digest) -> str:
        """:return: where a manifest of a repository is for who asks, with scheme and host."""

    def blob_url(self, name: str, digest: Digest) -> str:
        """:return: where a blob of a repository is for who asks, with scheme and host."""

    def when_served(self, call: Callable[[], None]) -> None:
        """
        :param call: to be made when the last byte of an answer that serves what was asked for has
            been handed to the transport: not of a refusal, nor of one that says that the client
            has it already.  It is not made at all if the client goes away before.
        """


@frozen
class Requester:
    """
    Who opens a repository, and by which request.

    :param actor: the name of the user, ``""`` for nobody in particular.
    :param request_id: a UUID, the same in logs and events.
    :param address: the client's address, behind all trusted proxies.
    :param user_agent: what the client calls itself.
    :param request: what else there is to know of the request; ``None`` where there is none.
    """

    actor: str = ""
    request_id: str = ""
    address: str = ""
    user_agent: str = ""
    request: Request | None = field(default=None, eq=False, repr=False)


def records(accesses: Iterable[Access]) -> list[dict[str, str]]:
    """:return: the detail of an ``UNAUTHORIZED`` error for these wishes."""
    return [access.as_record() for access in accesses]
