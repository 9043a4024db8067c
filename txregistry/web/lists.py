"""
The lists: ``/v2/_catalog``, ``/v2/<name>/tags/list`` and ``/v2/<name>/referrers/<digest>``.

OCI distribution specification, *Listing tags* and *Listing referrers*.
"""

from __future__ import annotations

from attrs import frozen

from txregistry.errors import PaginationNumberInvalid
from txregistry.interfaces import IRegistry
from txregistry.model import media_types
from txregistry.model.digest import Digest
from txregistry.web.call import Call, Response
from txregistry.web.json import names_to_json, to_json
from txregistry.web.urls import next_link

_JSON = (b"Content-Type", b"application/json")
_INDEX = (b"Content-Type", media_types.OCI_INDEX.encode("ascii"))
_FILTERED = (b"OCI-Filters-Applied", b"artifactType")
_MAXIMUM_DIGITS = 18
_STEP = 1000
"""How many repositories are looked at together where some are hidden."""


@frozen
class Tags:
    """
    The tags of a repository.

    :param maximum: the most tags on a page that was asked for by ``n``.
    """

    maximum: int = 1000

    async def list(self, call: Call) -> Response:
        """Answer GET; without ``n`` all tags are listed."""
        limit = _number(call, self.maximum)
        page = await call.repository.tags.page(limit, call.parameter("last") or "")
        headers = [_JSON]
        if page.more and page.items:
            query = [("last", page.items[-1]), ("n", str(limit))]
            headers.append(next_link(call.path, query))
        tags = names_to_json(page.items)
        body = f'{{"name":"{call.repository.name}","tags":{tags}}}\n'
        return Response(200, headers, body.encode("ascii"))


@frozen
class Catalog:
    """
    The repositories of the registry.

    :param registry: whose.
    :param maximum: the most repositories on a page.
    :param default: how many are on a page that was asked for without ``n``.
    """

    registry: IRegistry
    maximum: int = 1000
    default: int = 100

    async def list(self, call: Call) -> Response:
        """
        Answer GET.  Repositories that the requester may not pull from are as if they weren't there:
        no page is short because of them, and no link has the name of one.
        """
        limit = _number(call, self.maximum)
        if limit is None:
            limit = min(self.default, self.maximum)
        names = await _shown(self.registry, call, limit) if limit else []
        headers = [_JSON]
        if len(names) > limit:
            names.pop()
            headers.append(next_link(call.path, [("last", names[-1]), ("n", str(limit))]))
        body = f'{{"repositories":{names_to_json(names)}}}\n'
        return Response(200, headers, body.encode("ascii"))


@frozen
class Referrers:
    """
    Who refers to a manifest.

    :param maximum: the most entries on a page.
    """

    maximum: int = 100

    async def list(self, call: Call) -> Response:
        """Answer GET; what nobody knows has no referrers."""
        subject = Digest.parse(call.variables["digest"])
        # A media type has no space; where there is one, somebody didn't encode his "+".
        types = [text.replace(" ", "+") for text in call.query("artifactType")]
        asked = _number(call, self.maximum)
        limit = asked or self.maximum
        page = await call.repository.referrers.page(
            subject, limit, call.parameter("last") or "", types
        )
        headers = [_INDEX]
        if types:
            headers.append(_FILTERED)
        if page.next:
            query = [("artifactType", wanted) for wanted in types]
            query += [("last", page.next), ("n", str(limit))]
            headers.append(next_link(call.path, query))
        index = {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_INDEX,
            "manifests": [referrer.as_json() for referrer in page.items],
        }
        return Response(200, headers, to_json(index))


async def _shown(registry: IRegistry, call: Call, limit: int) -> list[str]:
    """:return: the names that a page of the catalog shows, and one more if there is one."""
    names: list[str] = []
    last = call.parameter("last") or ""
    count = limit + 1
    while True:
        page = await registry.page(count, last)
        for name in page.items:
            if await call.authorization.may_see(name):
                names.append(name)
                if len(names) > limit:
                    return names
        if not page.more or not page.items:
            return names
        # Where many are hidden, small steps would be many.
        last, count = page.items[-1], max(limit + 1 - len(names), _STEP)


def _number(call: Call, maximum: int) -> int | None:
    """
    Read the parameter ``n``.

    :param maximum: what a greater number is cut to.
    :return: how many entries are wanted, ``None`` where nobody said.
    :raises PaginationNumberInvalid: if it is negative, or no number.
    """
    text = call.parameter("n")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise PaginationNumberInvalid({"n": text[:64]})
    return maximum if len(text) > _MAXIMUM_DIGITS else min(int(text), maximum)
