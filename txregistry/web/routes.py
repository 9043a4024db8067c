"""
The routes: which paths there are, which methods each has, and what each method needs.

An operation can't be made without saying which access it needs, so none can be reached
without it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from attrs import field, frozen

from txregistry.deferreds import Threads
from txregistry.errors import MethodNotAllowed
from txregistry.interfaces import IRegistry
from txregistry.model.access import CATALOG, Access, Action
from txregistry.web.blobs import Blobs
from txregistry.web.call import Call, Response
from txregistry.web.lists import Catalog, Referrers, Tags
from txregistry.web.manifests import Manifests
from txregistry.web.uploads import Uploads

Answer = Callable[[Call], Awaitable[Response]]


@frozen
class Operation:
    """
    One method of a route.

    :param needs: gives the accesses that are needed, of the repository's name (``""`` where the
        path has none).
    :param answer: answers a call that has them.
    """

    needs: Callable[[str], Sequence[Access]]
    answer: Answer


@frozen
class Route:
    """
    A shape of path.

    :param name: what it is called in logs.
    :param operations: its methods; HEAD is there wherever GET is.
    """

    name: str
    operations: Mapping[bytes, Operation]
    allowed: tuple[str, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        methods = {*self.operations, b"OPTIONS"}
        if b"GET" in methods:
            methods.add(b"HEAD")
        allowed = tuple(sorted(method.decode("ascii") for method in methods))
        object.__setattr__(self, "allowed", allowed)

    def operation(self, method: bytes) -> Operation:
        """
        :return: what a method does.
        :raises MethodNotAllowed: if the route doesn't have it.
        """
        operation = self.operations.get(b"GET" if method == b"HEAD" else method)
        if operation is None:
            raise MethodNotAllowed(self.allowed)
        return operation

    def others(self, method: bytes) -> tuple[str, ...]:
        """:return: the methods that are left where one is switched off."""
        return tuple(each for each in self.allowed if each.encode("ascii") != method)


@frozen
class Limits:
    """
    What one request may ask for or bring.

    :param manifest: the size of a manifest in bytes.
    :param tags: ``tag`` parameters of one push.
    :param blob: the size of a blob in bytes, 0 for any.
    :param tags_page: tags on a page.
    :param catalog_page: repositories on a page.
    :param referrers_page: referrers on a page.
    """

    manifest: int = 4 * 1024 * 1024
    tags: int = 100
    blob: int = 0
    tags_page: int = 1000
    catalog_page: int = 1000
    referrers_page: int = 100


BASE: Final = "base"
CATALOG_LIST: Final = "catalog"
TAGS: Final = "tags"
MANIFEST: Final = "manifest"
BLOB: Final = "blob"
UPLOADS: Final = "blob-upload"
UPLOAD: Final = "blob-upload-chunk"
REFERRERS: Final = "referrers"


def build_routes(
    registry: IRegistry, threads: Threads, limits: Limits, redirects: bool
) -> dict[str, Route]:
    """
    :param registry: what is served.
    :param threads: where what takes long is done.
    :param redirects: send clients to the storage itself where it has a URL for them.
    :return: all routes by name.
    """
    blobs, uploads = Blobs(redirects), Uploads(registry, limits.blob)
    manifests = Manifests(threads, limits.manifest, limits.tags)
    tags, referrers = Tags(limits.tags_page), Referrers(limits.referrers_page)
    catalog = Catalog(registry, limits.catalog_page)
    routes = (
        Route(BASE, {b"GET": Operation(_identity, answer_base)}),
        Route(CATALOG_LIST, {b"GET": Operation(_catalog, catalog.list)}),
        Route(TAGS, {b"GET": Operation(_pull, tags.list)}),
        Route(REFERRERS, {b"GET": Operation(_pull, referrers.list)}),
        Route(
            MANIFEST,
            {
                b"GET": Operation(_pull, manifests.get),
                b"PUT": Operation(_push, manifests.put),
                b"DELETE": Operation(_delete, manifests.delete),
            },
        ),
        Route(
            BLOB,
            {
                b"GET": Operation(_pull, blobs.get),
                b"DELETE": Operation(_delete, blobs.delete),
            },
        ),
        Route(UPLOADS, {b"POST": Operation(_push, uploads.start)}),
        Route(
            UPLOAD,
            {
                b"GET": Operation(_push, uploads.status),
                b"PATCH": Operation(_push, uploads.append),
                b"PUT": Operation(_push, uploads.commit),
                # Who may push may also give up what he pushed.
                b"DELETE": Operation(_push, uploads.cancel),
            },
        ),
    )
    return {route.name: route for route in routes}


async def answer_base(_: Call) -> Response:
    """Answer the ping, by which clients find out what is spoken here and how to log in."""
    return Response(200, ((b"Content-Type", b"application/json"),), b"{}")


def _identity(_: str) -> Sequence[Access]:
    return ()


def _catalog(_: str) -> Sequence[Access]:
    return (CATALOG,)


@lru_cache(1024)  # names come again and again
def _pull(name: str) -> Sequence[Access]:
    return (Access(Action.PULL, name),)


def _push(name: str) -> Sequence[Access]:
    return (Access(Action.PULL, name), Access(Action.PUSH, name))


def _delete(name: str) -> Sequence[Access]:
    return (Access(Action.DELETE, name),)
