"""
One request on its way through the application, and the answer that comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from attrs import define, field, frozen

from txregistry.errors import BadRequest
from txregistry.interfaces import IBlobContent, IRepository
from txregistry.model.access import Requester
from txregistry.model.byte_range import ByteRange

if TYPE_CHECKING:
    from txregistry.web.authorization import Authorization
    from txregistry.web.request import RegistryRequest

Header = tuple[bytes, bytes]

MAXIMUM_PARAMETERS = 1000
"""A query with more parameters is refused: the most that has a meaning is 100 tags."""


@frozen
class BlobBody:
    """
    Bytes of a blob as a body.

    :param content: the blob.
    :param ranges: which parts; one, or several that each become a part of a multipart body.
    :param boundary: what separates the parts, where there are several.
    """

    content: IBlobContent
    ranges: tuple[ByteRange, ...]
    boundary: bytes = b""


@frozen
class Response:
    """
    An answer.

    :param status: its status code.
    :param headers: its fields.  ``Content-Length`` is among them only where there is no body
        that tells it: in answers to HEAD.
    :param body: its body.
    """

    status: int
    headers: Sequence[Header] = ()
    body: bytes | BlobBody = b""


@define
class Call:
    """
    A request that has been matched with a route.

    :param request: the request itself.
    :param variables: what the path says: ``name``, ``digest``, ``reference``, ``id``.
    :param path: the path as it was asked, decoded.
    :param base: tells what stands before ``v2/`` in URLs for this client.
    :param requester: who asks.
    :param authorization: asks for more than the route's own accesses.
    """

    request: RegistryRequest
    variables: Mapping[str, str]
    path: str
    base: Callable[[], str]
    requester: Requester
    authorization: Authorization
    _repository: IRepository | None = None
    _query: dict[str, list[str]] | None = field(default=None, init=False)

    @property
    def repository(self) -> IRepository:
        """The repository that the path names; only on routes that have one."""
        assert self._repository is not None, "this route names no repository"  # noqa: S101 - ours
        return self._repository

    @property
    def is_head(self) -> bool:
        """Whether only the header fields are wanted."""
        return self.request.method == b"HEAD"

    def query(self, name: str) -> list[str]:
        """
        :return: the values of a parameter in the query string, which is the only place where
            parameters are looked for, whatever the ``Content-Type`` says.
        :raises BadRequest: if there are absurdly many parameters.
        """
        if self._query is None:
            self._query = _parse_query(self.request.uri.partition(b"?")[2])
        return self._query.get(name, [])

    def parameter(self, name: str) -> str | None:
        """:return: the first value of a parameter, ``None`` where it is missing."""
        values = self.query(name)
        return values[0] if values else None


def _parse_query(query: bytes) -> dict[str, list[str]]:
    parsed: dict[str, list[str]] = {}
    if not query:
        return parsed
    try:
        pairs = parse_qsl(
            query.decode("latin-1"),
            keep_blank_values=True,
            max_num_fields=MAXIMUM_PARAMETERS,
        )
    except ValueError:
        raise BadRequest("too many parameters in the query") from None
    for key, value in pairs:
        parsed.setdefault(key, []).append(value)
    return parsed
