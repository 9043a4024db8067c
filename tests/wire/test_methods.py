"""
Methods: which there are, and what the others are told.
"""

from __future__ import annotations

import pytest

from tests.wire.access import AccessTable, rights
from tests.wire.contents import ABSENT, Image
from tests.wire.harness import HOST, Served
from txregistry.model.digest import Digest

IMAGE = Image.of("x")

#: Each route, with its methods.
ROUTES = {
    "v2/": "GET, HEAD, OPTIONS",
    "v2": "GET, HEAD, OPTIONS",
    "v2/_catalog": "GET, HEAD, OPTIONS",
    "v2/a/tags/list": "GET, HEAD, OPTIONS",
    f"v2/a/referrers/{ABSENT}": "GET, HEAD, OPTIONS",
    "v2/a/manifests/t": "DELETE, GET, HEAD, OPTIONS, PUT",
    f"v2/a/manifests/{IMAGE.digest}": "DELETE, GET, HEAD, OPTIONS, PUT",
    f"v2/a/blobs/{ABSENT}": "DELETE, GET, HEAD, OPTIONS",
    "v2/a/blobs/uploads/": "OPTIONS, POST",
    "v2/a/blobs/uploads": "OPTIONS, POST",
    "v2/a/blobs/uploads/x": "DELETE, GET, HEAD, OPTIONS, PATCH, PUT",
}

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

#: What the parser knows beside them: WebDAV's and others.
KNOWN = ["TRACE", "PROPFIND", "COPY", "LOCK", "MKCOL", "REPORT", "PURGE", "LINK", "SEARCH"]


class AllowedTests:
    """
    405 and OPTIONS.
    """

    @pytest.mark.parametrize("target", ROUTES)
    def test_not_allowed(self, served: Served, target: str) -> None:
        """
        A method that a route doesn't have is 405 with those that it has; no other method is.
        """
        for method in METHODS + KNOWN:
            answer = served.ask(method, target)
            if method in ROUTES[target].split(", "):
                assert answer.status != 405, method
                continue
            assert answer.status == 405, method
            assert answer["Allow"] == ROUTES[target]
            if method != "HEAD":
                assert answer.codes == ["UNSUPPORTED"]

    @pytest.mark.parametrize("target", ROUTES)
    def test_options(self, served: Served, target: str) -> None:
        """
        OPTIONS is 204 with the methods.
        """
        answer = served.ask("OPTIONS", target)
        assert (answer.status, answer.body) == (204, b"")
        assert answer["Allow"] == ROUTES[target]

    @pytest.mark.parametrize("target", ROUTES)
    def test_options_tells_nothing(self, target: str) -> None:
        """
        It comes before authorization, the same whether or not anything exists.
        """
        empty = Served(controller=AccessTable(rights()))
        full = Served()
        IMAGE.push(full, "a", "t")
        full.push_blob("a", b"nobody pushed this")
        before, after = empty.ask("OPTIONS", target), full.ask("OPTIONS", target)
        assert (before.status, before.fields) == (after.status, after.fields)
        assert before.status == 204

    def test_server(self, served: Served) -> None:
        """
        Asked about the server as a whole, OPTIONS tells all methods.
        """
        connection = served.connect()
        connection.send(f"OPTIONS * HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        (answer,) = connection.answers()
        assert (answer.status, answer.body) == (204, b"")
        assert answer["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
        connection.lose()

    def test_unknown_path(self, served: Served) -> None:
        """
        On a path that nobody knows OPTIONS is 404.
        """
        assert served.ask("OPTIONS", "/v2/a").is_error(404, "NAME_UNKNOWN")

    def test_not_allowed_before_authorization(self) -> None:
        """
        405 comes before authorization as well.
        """
        table = AccessTable(rights())
        served = Served(controller=table)
        assert served.ask("POST", "v2/a/tags/list").status == 405
        assert table.asked == []

    @pytest.mark.parametrize("method", ["FETCH", "get", "Get", "X", "PULL", "GETT"])
    def test_unknown(self, served: Served, method: str) -> None:
        """
        A method that the parser doesn't know is 400, and the connection is closed.
        """
        connection = served.connect()
        connection.send(f"{method} /v2/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        (answer,) = connection.answers()
        assert answer.status == 400
        assert answer.codes
        assert answer["Connection"] == "close"
        assert connection.transport.is_closing()
        connection.lose()


class HeadTests:
    """
    HEAD works wherever GET does.
    """

    @pytest.mark.parametrize(
        "target",
        [
            "/",
            "v2/",
            "v2/_catalog",
            "v2/_catalog?n=1",
            "v2/_catalog?n=x",
            "v2/a/tags/list",
            "v2/a/tags/list?n=1",
            "v2/nowhere/tags/list",
            "v2/UPPER/tags/list",
            "v2/a/manifests/t",
            "v2/a/manifests/nothing",
            "v2/a/manifests/sha256:x",
            f"v2/a/manifests/{IMAGE.digest}",
            f"v2/a/blobs/{Digest.of(IMAGE.blobs[0])}",
            f"v2/a/blobs/{ABSENT}",
            f"v2/a/referrers/{IMAGE.digest}",
            f"v2/a/referrers/{ABSENT}",
            "v2/a/blobs/uploads/nothing",
            "v2/nonsense",
        ],
    )
    def test_same_fields(self, served: Served, target: str) -> None:
        """
        It has the status and the fields that GET has, and no body, for errors too.
        """
        IMAGE.push(served, "a", "t")
        IMAGE.push(served, "b", "t")
        Image.of("y", subject=IMAGE.descriptor()).push(served, "a", "u")
        answer, head = served.get(target), served.head(target)
        assert (head.status, head.fields, head.body) == (answer.status, answer.fields, b"")

    def test_upload(self, served: Served) -> None:
        """
        So does that of an upload.
        """
        location = served.start("a")
        answer, head = served.get(location), served.head(location)
        assert (head.status, head.fields) == (204, answer.fields)
