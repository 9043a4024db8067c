"""
Paths: from the text of a request line to a route's name and variables.

This is the short way, for the requests that come by the thousand; Klein's is in
:mod:`txregistry.web.kleinroutes`, and both find the same.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from attrs import frozen

from txregistry.errors import BadRequest, RouteUnknown
from txregistry.web import routes


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
    segments = path.split("/")
    if "" in segments[1:-1] or "." in segments or ".." in segments:
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
    segments = path.split("/")
    if len(segments) < 3 or segments[1] != "v2":
        if segments == ["", "v2"]:
            return Match(routes.BASE, {})
        raise RouteUnknown
    if len(segments) == 3:
        if segments[2] == "":
            return Match(routes.BASE, {})
        if segments[2] == "_catalog":
            return Match(routes.CATALOG_LIST, {})
        raise RouteUnknown
    return _match_repository(segments[2:])


def _match_repository(segments: list[str]) -> Match:
    """Find the route of what stands after ``/v2/``; what the end says counts."""
    kind, last = segments[-2], segments[-1]
    if len(segments) > 3 and segments[-3:-1] == ["blobs", "uploads"]:
        name = "/".join(segments[:-3])
        if last:
            return Match(routes.UPLOAD, {"name": name, "id": last})
        return Match(routes.UPLOADS, {"name": name})
    name = "/".join(segments[:-2])
    if not name or not last:
        raise RouteUnknown
    if kind == "manifests":
        return Match(routes.MANIFEST, {"name": name, "reference": last})
    if kind == "blobs":
        if last == "uploads":
            return Match(routes.UPLOADS, {"name": name})
        return Match(routes.BLOB, {"name": name, "digest": last})
    if kind == "tags" and last == "list":
        return Match(routes.TAGS, {"name": name})
    if kind == "referrers":
        return Match(routes.REFERRERS, {"name": name, "digest": last})
    raise RouteUnknown
