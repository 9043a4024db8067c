"""
The URLs that answers name: where a blob, a manifest, an upload is from the client's side.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from attrs import frozen

from txregistry.model.digest import Digest
from txregistry.web.proxies import Outside


@frozen
class UrlRules:
    """
    How URLs are built.

    :param root: scheme, host and path that stand before ``v2/`` whatever the request says
        (``http.host``), with a slash at the end; ``""`` to go by the request.
    :param relative: give a path only (``http.relativeurls``); has no effect beside ``root``.
    :param prefix: the path that stands before ``v2/``, with a slash at both ends.
    """

    root: str = ""
    relative: bool = False
    prefix: str = "/"

    def path(self) -> str:
        """
        :return: what stands before ``v2/`` in a URL that a request is answered with, where it is no
            more than a path; ``""`` where it is :meth:`absolute`.
        """
        return self.prefix if self.relative and not self.root else ""

    def absolute(self, outside: Outside, secure: bool, host: str) -> str:
        """
        :param outside: what trusted proxies say of the request.
        :param secure: whether the connection is.
        :param host: the request's ``Host``.
        :return: the same for who can't know to what a path is relative, as he who isn't the client;
            a path still, where the request names no host.
        """
        if self.root:
            return self.root
        host = outside.host or host
        if not host:
            return self.prefix
        scheme = outside.scheme or ("https" if secure else "http")
        return f"{scheme}://{host}{self.prefix}"


def blob_url(base: str, name: str, digest: Digest) -> bytes:
    """:return: where a blob is."""
    return f"{base}v2/{name}/blobs/{digest}".encode("ascii")


def manifest_url(base: str, name: str, digest: Digest) -> bytes:
    """:return: where a manifest is; always by its digest."""
    return f"{base}v2/{name}/manifests/{digest}".encode("ascii")


def upload_url(base: str, name: str, id: str) -> bytes:
    """
    :return: where an upload goes on; all state is in the path, since some clients drop the query.
    """
    return f"{base}v2/{name}/blobs/uploads/{quote(id, safe='')}".encode("ascii")


def next_link(path: str, parameters: list[tuple[str, str]]) -> tuple[bytes, bytes]:
    """
    :param path: that of the request.
    :param parameters: the query of the next page.
    :return: a ``Link`` field to the next page (RFC 8288).
    """
    target = f"{quote(path, safe='/:')}?{urlencode(sorted(parameters))}"
    return (b"Link", f'<{target}>; rel="next"'.encode("ascii"))
