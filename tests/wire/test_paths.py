"""
Names, paths, and what no path is.
"""

from __future__ import annotations

import pytest

from tests.wire.contents import ABSENT, OCI, Image
from tests.wire.harness import HOST, Served

IMAGE = Image.of("x")

#: Each route that names a repository, with a method that it has.
ROUTES = [
    ("GET", "v2/{}/tags/list"),
    ("GET", "v2/{}/manifests/t"),
    ("HEAD", "v2/{}/manifests/t"),
    ("PUT", "v2/{}/manifests/t"),
    ("DELETE", "v2/{}/manifests/t"),
    ("GET", f"v2/{{}}/blobs/{ABSENT}"),
    ("DELETE", f"v2/{{}}/blobs/{ABSENT}"),
    ("POST", "v2/{}/blobs/uploads/"),
    ("GET", "v2/{}/blobs/uploads/x"),
    ("PATCH", "v2/{}/blobs/uploads/x"),
    ("PUT", f"v2/{{}}/blobs/uploads/x?digest={ABSENT}"),
    ("DELETE", "v2/{}/blobs/uploads/x"),
    ("GET", f"v2/{{}}/referrers/{ABSENT}"),
]

BAD_NAMES = [
    "a" * 256,
    "/".join(["a" * 50] * 6),
    "UPPER",
    "a/B",
    "a..b",
    "a___b",
    "a_-b",
    "-a",
    "a-",
    ".a",
    "a.",
    "_a",
    "a_",
    "a/_b",
    "a/-b",
    "_catalog",
    "a%20b",
    "a%00b",
    "a%0Ab",
    "a%0A",
    "a%5Cb",
    "%C3%A9",
    "a:b",
    "localhost:5000/a",
    "a@b",
    "a+b",
    "a%25b",
    "a*b",
    "%D9%A1",
]

GOOD_NAMES = [
    "a",
    "0",
    "a" * 255,
    "/".join(["a"] * 128),
    "a.b",
    "a_b",
    "a__b",
    "a-b",
    "a---b",
    "example.com/a",
    "tags/list",
    "blobs/uploads",
    "v2",
    "a%2Fb",
    "manifests/referrers",
]


class NameTests:
    """
    Names of repositories.
    """

    @pytest.mark.parametrize("name", BAD_NAMES)
    def test_bad(self, served: Served, name: str) -> None:
        """
        One that breaks the grammar, or is over 255 characters, is NAME_INVALID on every route.
        """
        for method, target in ROUTES:
            body = IMAGE.payload if method in ("PUT", "PATCH", "POST") else None
            fields = [("Content-Type", OCI)] if body else []
            answer = served.ask(method, target.format(name), *fields, body=body)
            assert answer.status == 400, (method, target)
            if method != "HEAD":
                assert answer.codes == ["NAME_INVALID"], (method, target)

    @pytest.mark.parametrize("name", GOOD_NAMES)
    def test_good(self, served: Served, name: str) -> None:
        """
        One that keeps it is a name, also with words of the API in it.
        """
        IMAGE.push(served, name, "t")
        decoded = name.replace("%2F", "/")
        assert served.get(f"v2/{name}/manifests/t").body == IMAGE.payload
        assert served.get(f"v2/{name}/tags/list").json == {"name": decoded, "tags": ["t"]}
        assert served.get("v2/_catalog").json == {"repositories": [decoded]}


class UnknownPathTests:
    """
    Paths that nobody knows.
    """

    METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

    @pytest.mark.parametrize(
        "target",
        [
            "/v1/",
            "/v1/_ping",
            "/v2x/",
            "/v2/a",
            "/v2/a/",
            "/v2/a/tags",
            "/v2/a/tags/list/",
            "/v2/a/manifests/",
            "/v2/a/manifests/t/",
            "/v2/a/blobs/",
            "/v2/a/nonsense/t",
            "/v2/_catalog/",
            "/v2/blobs/uploads/",
            "/v2/token",
            "/extensions/v2/a/signatures/x",
            "/favicon.ico",
            "/debug/vars",
        ],
    )
    def test_unmatched(self, served: Served, target: str) -> None:
        """
        An unmatched path is 404 with the JSON body, whatever the method.
        """
        for method in self.METHODS:
            answer = served.ask(method, target)
            assert answer.status == 404, method
            assert answer["Content-Type"] == "application/json"
            if method != "HEAD":
                assert answer.codes == ["NAME_UNKNOWN"], method

    @pytest.mark.parametrize(
        "target",
        [
            "//",
            "//v2/",
            "/v2//",
            "/v2//a/tags/list",
            "/v2/a//tags/list",
            "/v2/a/tags//list",
            "/v2/./a/tags/list",
            "/v2/a/../b/tags/list",
            "/v2/a/tags/list/..",
            "/..",
            "/.",
            "/../v2/",
            "/v2/%2e%2e/a/tags/list",
            "/v2/a%2F%2Fb/tags/list",
            "/v2/a/manifests/..",
            "//evil.example/v2/",
            "/%2F/evil.example",
        ],
    )
    def test_unclean(self, served: Served, target: str) -> None:
        """
        An unclean path is 404: it is neither cleaned nor redirected.
        """
        IMAGE.push(served, "a", "t")
        for method in self.METHODS:
            answer = served.ask(method, target)
            assert answer.status == 404, method
            assert answer["Location"] is None

    @pytest.mark.parametrize("target", ["/v2/a/%FF/tags/list", "/v2/%C3/tags/list", "/%ED%A0%80"])
    def test_not_utf8(self, served: Served, target: str) -> None:
        """
        A path that is not UTF-8 is 400.
        """
        connection = served.connect()
        connection.send(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        (answer,) = connection.answers()
        connection.lose()
        assert answer.status == 400
        assert answer.codes

    @pytest.mark.parametrize(
        "target",
        ["/v2", "/v2/a/blobs/uploads", "/v2/a/tags/list/", "//evil.example/..", "/v2/a/manifests/"],
    )
    def test_no_redirect(self, served: Served, target: str) -> None:
        """
        No redirect is ever built from the Host header.
        """
        for method in self.METHODS:
            answer = served.ask(method, target, host="evil.example")
            assert not 300 <= answer.status < 400, method
            if answer["Location"] is not None:
                assert answer.status == 202


class BaseTests:
    """
    ``/v2/`` and ``/``.
    """

    @pytest.mark.parametrize("target", ["/v2/", "/v2", "/v2/?x=y", "/%76%32/"])
    def test_ping(self, served: Served, target: str) -> None:
        """
        The ping is answered with an empty object, with or without its slash.
        """
        answer = served.get(target)
        assert (answer.status, answer.body) == (200, b"{}")
        assert answer["Content-Type"] == "application/json"
        assert answer["Content-Length"] == "2"
        head = served.head(target)
        assert (head.status, head.fields, head.body) == (200, answer.fields, b"")

    @pytest.mark.parametrize("prefix", ["/", "/reg/"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_alive(self, method: str, prefix: str) -> None:
        """
        The root says that the daemon is alive: empty, not to be kept, whatever the prefix.
        """
        served = Served(prefix=prefix, headers=[("X-Mine", "x")])
        answer = served.ask(method, "/")
        assert (answer.status, answer.body) == (200, b"")
        assert answer["Content-Length"] == "0"
        assert answer["Cache-Control"] == "no-cache"
        assert answer["X-Mine"] is None

    def test_only_to_be_looked_at(self, served: Served) -> None:
        """
        Nothing else can be done to the root.
        """
        for method in ("POST", "PUT", "DELETE"):
            assert served.ask(method, "/").is_error(404, "NAME_UNKNOWN")


class ParameterTests:
    """
    Parameters of the query.
    """

    @pytest.mark.parametrize(
        "query",
        ["ns=docker.io", "ns=", "_state=x", "x", "=", "&&", "%", "%zz=%FF", "a=b;c=d", "%00=%0A"],
    )
    def test_unknown(self, served: Served, query: str) -> None:
        """
        Those that nobody knows are ignored, however they are written.
        """
        image = Image.of("x")
        for blob in image.blobs:
            served.push_blob("a", blob)
        assert image.push(served, "a", f"t?{query}").status == 201
        assert image.push(served, "a", f"{image.digest}?{query}").all("OCI-Tag") == []
        for target in (
            "v2/",
            "v2/_catalog",
            "v2/a/tags/list",
            "v2/a/manifests/t",
            f"v2/a/referrers/{ABSENT}",
        ):
            plain, more = served.get(target), served.get(f"{target}?{query}")
            assert (more.status, more.fields, more.body) == (200, plain.fields, plain.body)
        assert served.ask("POST", f"v2/a/blobs/uploads/?{query}", body=b"").status == 202

    def test_absurdly_many(self, served: Served) -> None:
        """
        Thousands of parameters are refused.
        """
        query = "&".join(["x=y"] * 2000)
        answer = served.get(f"v2/_catalog?{query}")
        assert answer.status == 400
        assert answer.codes
