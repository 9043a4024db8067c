"""
A request while it is being answered: what the log will tell of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from txregistry.interfaces import Exchange
from txregistry.web.proxies import Outside

if TYPE_CHECKING:
    from txregistry.web.request import RegistryRequest

CLIENT_GONE: Final = 499
"""The status that the log shows where the client went away before the answer."""

NO_ERRORS: Final[Sequence[Mapping[str, Any]]] = ()


NOWHERE: Final = Outside("")

_random = Random()  # noqa: S311 - its numbers keep no secret


def new_id() -> str:
    """
    :return: a UUID of version 4 (RFC 9562 §5.4) that nobody need be unable to guess, in a third of
        the time that :mod:`uuid` takes.
    """
    digits = f"{_random.getrandbits(122):031x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:18]}-{digits[18:30]}"


@define
class RunningExchange:
    """
    What is known so far.

    :param request: the request.
    :param started: when it came, in seconds of the clock that only goes forward.
    :param address: the client's, behind all trusted proxies.
    :param path: the path as it was asked, decoded; ``""`` where it can't be.
    :param outside: what it was like before it came through proxies.
    """

    request: RegistryRequest
    started: float
    address: str = ""
    path: str = ""
    outside: Outside = NOWHERE
    id: str = field(factory=new_id)
    actor: str = ""
    route: str = ""
    variables: Mapping[str, str] = field(factory=dict)
    status: int = CLIENT_GONE
    content_type: str = ""
    errors: Sequence[Mapping[str, Any]] = NO_ERRORS

    def text(self, name: bytes) -> str:
        """:return: a header field of the request, ``""`` where it is missing."""
        return (self.request.header(name) or b"").decode("latin-1")

    def finished(self, now: float) -> Exchange:
        """
        :param now: by the same clock as ``started``.
        :return: the whole story.
        """
        request = self.request
        return Exchange(
            request_id=self.id,
            address=self.address,
            actor=self.actor,
            method=request.method.decode("latin-1"),
            uri=request.uri.decode("latin-1"),
            protocol=request.clientproto.decode("latin-1"),
            host=self.text(b"host"),
            referer=self.text(b"referer"),
            user_agent=self.text(b"user-agent"),
            content_type=self.content_type,
            route=self.route,
            variables=self.variables,
            status=self.status,
            written=request.sentLength,
            seconds=now - self.started,
            errors=self.errors,
        )
