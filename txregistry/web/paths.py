"""
Paths: from the text of a request line to a route's name and variables.

This is the short way, for the requests that come by the thousand; Klein's is in
:mod:`txregistry.web.kleinroutes`, and both find the same.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from attrs import frozen

from txregistry.errors import BadRequest, RouteUnknown
from txregistry.web import routes

_DOTTED: Final = re.compile(r"/\.{1,2}(?:/|\Z)")


@frozen
class Match:
    """
    What a path says.

    :param route: the name of its route.
    :param variables: the parts that vary, not yet parsed.
    """

    route: str
    variables: dict[str, str]


def decode_path(target: bytes) -> str:
    """
    Decode the path of a request target.

    :param target: in origin form (RFC 9112 §3.2.1), with or without a query.
    :raises BadRequest: if it is no path, or not UTF-8.
    """
    path = target.partition(b"?")[0]
    if not path.startswith(b"/"):
        raise BadRequest("the request target must be a path")
    if b"%" not in path and path.isascii():
        return path.decode("ascii")
    try:
        return unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("the path is not UTF-8") from None


def strip_prefix(path: str, prefix: str) -> str:
    """
    :param prefix: where the API is mounted, with a slash at both ends.
    :return: the path below it, with a slash at its beginning.
    :raises RouteUnknown: if the path is not below it, or unclean: empty or dotted segments.
    """
    if "//" in path or ("/." in path and _DOTTED.search(path)):
        raise RouteUnknown
    if not path.startswith(prefix):
        raise RouteUnknown
    return path[len(prefix) - 1 :]


def match(path: str) -> Match:
    """
    Find the route of a path.

    :param path: below the prefix, clean.
    :raises RouteUnknown: if there is none.
    """
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    above, _, last = path.rpartition("/")
    above, _, kind = above.rpartition("/")
    if not above.startswith("/v2/"):
        raise RouteUnknown
    return _match_repository(above[4:], kind, last)


_FIXED: Final = {
    "/v2": Match(routes.BASE, {}),
    "/v2/": Match(routes.BASE, {}),
    "/v2/_catalog": Match(routes.CATALOG_LIST, {}),
}

_LEAVES: Final = {
    "manifests": (routes.MANIFEST, "reference"),
    "blobs": (routes.BLOB, "digest"),
    "referrers": (routes.REFERRERS, "digest"),
}
"""Of what stands before the last segment: the route, and what the last segment is there."""


def _match_repository(name: str, kind: str, last: str) -> Match:
    """
    Find the route of what stands after ``/v2/``; what the end says counts.

    :param name: what stands before the last two segments.
    :param kind: the last but one.
    :param last: the last one, ``""`` behind a slash at the end.
    """
    if kind == "uploads" and name.endswith("/blobs"):
        name = name.removesuffix("/blobs")
        return Match(routes.UPLOAD, {"name": name, "id": last}) if last else _uploads(name)
    if not name or not last:
        raise RouteUnknown
    if kind == "blobs" and last == "uploads":
        return _uploads(name)
    if kind == "tags" and last == "list":
        return Match(routes.TAGS, {"name": name})
    if kind in _LEAVES:
        route, variable = _LEAVES[kind]
        return Match(route, {"name": name, variable: last})
    raise RouteUnknown


def _uploads(name: str) -> Match:
    return Match(routes.UPLOADS, {"name": name})
