"""
Paths, and that both matchers find the same.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException

from txregistry.errors import BadRequest, RouteUnknown
from txregistry.web import routes
from txregistry.web.kleinroutes import KleinRoutes
from txregistry.web.paths import Match, decode_path, match, strip_prefix

DIGEST = "sha256:" + "0" * 64

MATCHES = [
    ("/v2", routes.BASE, {}),
    ("/v2/", routes.BASE, {}),
    ("/v2/_catalog", routes.CATALOG_LIST, {}),
    ("/v2/a/tags/list", routes.TAGS, {"name": "a"}),
    ("/v2/a/b/c/tags/list", routes.TAGS, {"name": "a/b/c"}),
    ("/v2/UPPER case/tags/list", routes.TAGS, {"name": "UPPER case"}),
    ("/v2/line\nbreak/tags/list", routes.TAGS, {"name": "line\nbreak"}),
    ("/v2/_catalog/tags/list", routes.TAGS, {"name": "_catalog"}),
    ("/v2/a/manifests/latest", routes.MANIFEST, {"name": "a", "reference": "latest"}),
    (f"/v2/a/manifests/{DIGEST}", routes.MANIFEST, {"name": "a", "reference": DIGEST}),
    ("/v2/a/manifests/no tag", routes.MANIFEST, {"name": "a", "reference": "no tag"}),
    (f"/v2/a/b/blobs/{DIGEST}", routes.BLOB, {"name": "a/b", "digest": DIGEST}),
    ("/v2/a/blobs/nonsense", routes.BLOB, {"name": "a", "digest": "nonsense"}),
    ("/v2/a/blobs/uploads", routes.UPLOADS, {"name": "a"}),
    ("/v2/a/blobs/uploads/", routes.UPLOADS, {"name": "a"}),
    ("/v2/a/b/blobs/uploads/0-1", routes.UPLOAD, {"name": "a/b", "id": "0-1"}),
    (f"/v2/a/referrers/{DIGEST}", routes.REFERRERS, {"name": "a", "digest": DIGEST}),
    # What the end says counts: these words may be parts of names.
    ("/v2/tags/tags/list", routes.TAGS, {"name": "tags"}),
    ("/v2/tags/list/tags/list", routes.TAGS, {"name": "tags/list"}),
    ("/v2/blobs/uploads/tags/list", routes.TAGS, {"name": "blobs/uploads"}),
    ("/v2/a/manifests/b/manifests/c", routes.MANIFEST, {"name": "a/manifests/b", "reference": "c"}),
    ("/v2/a/blobs/uploads/blobs/uploads/", routes.UPLOADS, {"name": "a/blobs/uploads"}),
    ("/v2/a/blobs/blobs/uploads/x", routes.UPLOAD, {"name": "a/blobs", "id": "x"}),
    ("/v2/blobs/uploads/manifests/x", routes.MANIFEST, {"name": "blobs/uploads", "reference": "x"}),
    ("/v2/v2/tags/list", routes.TAGS, {"name": "v2"}),
]

UNKNOWN = [
    "/",
    "",
    "/v1",
    "/v1/",
    "/v2x",
    "/v2/_catalog/",
    "/v2/a",
    "/v2/a/",
    "/v2/a/tags",
    "/v2/a/tags/",
    "/v2/a/tags/list/",
    "/v2/a/tags/other",
    "/v2/tags/list",
    "/v2/manifests/latest",
    "/v2/a/manifests/",
    "/v2/a/manifests",
    "/v2/a/manifests/x/",
    "/v2/a/blobs",
    "/v2/a/blobs/",
    "/v2/a/blobs/x/",
    "/v2/blobs/uploads/",
    "/v2/blobs/uploads",
    "/v2/blobs/uploads/x",
    "/v2/a/blobs/uploads/x/",
    "/v2/a/referrers/",
    "/v2/a/extensions/x",
    "/V2/",
    "/v2/a/tags/list\n",
    "/v2/\n",
    "/v2/a/TAGS/list",
]


def klein_match(path: str, method: str = "GET") -> Match | None:
    """
    What Klein finds.
    """
    adapter = KleinRoutes.klein.url_map.bind("localhost", path_info=path, default_method=method)
    try:
        endpoint, variables = adapter.match()
    except HTTPException:
        return None
    return Match(ENDPOINTS[endpoint], dict(variables))


def klein_status(path: str) -> int | None:
    """
    What Klein would answer by itself, None where it finds a route.
    """
    try:
        KleinRoutes.klein.url_map.bind("localhost", path_info=path).match()
    except HTTPException as error:
        return error.code
    return None


ENDPOINTS = {
    "base": routes.BASE,
    "catalog": routes.CATALOG_LIST,
    "tags": routes.TAGS,
    "manifest": routes.MANIFEST,
    "referrers": routes.REFERRERS,
    "blob": routes.BLOB,
    "uploads": routes.UPLOADS,
    "upload": routes.UPLOAD,
}


def short_match(path: str) -> Match | None:
    """
    What the short matcher finds.
    """
    try:
        return match(path)
    except RouteUnknown:
        return None


class MatchTests:
    """
    The short matcher and Klein's map.
    """

    @pytest.mark.parametrize(("path", "route", "variables"), MATCHES)
    def test_found(self, path: str, route: str, variables: dict[str, str]) -> None:
        """
        Both find the route, and what the path says.
        """
        assert short_match(path) == klein_match(path) == Match(route, variables)

    @pytest.mark.parametrize("path", UNKNOWN)
    def test_unknown(self, path: str) -> None:
        """
        Both find nothing.
        """
        assert short_match(path) is klein_match(path) is None

    SEGMENT = st.sampled_from(
        [
            "v2",
            "_catalog",
            "tags",
            "list",
            "manifests",
            "blobs",
            "uploads",
            "referrers",
            "a",
            DIGEST,
        ]
    ) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1)

    @given(
        st.lists(SEGMENT, max_size=8).map("/".join),
        st.booleans(),
        st.sampled_from(["", "/"]),
        st.sampled_from(["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "X"]),
    )
    @example("a/blobs/uploads", True, "/", "PUT")
    def test_both_find_the_same(self, path: str, below: bool, end: str, method: str) -> None:
        """
        For any clean path and any method both find the same.
        """
        path = f"/v2/{path}{end}" if below else f"/{path}{end}"
        try:
            path = strip_prefix(path, "/")
        except RouteUnknown:
            return
        assert short_match(path) == klein_match(path, method)

    def test_no_redirects(self) -> None:
        """
        Klein's map never answers with a redirect, which would be built from the Host.
        """
        paths = [path for path, _, _ in MATCHES]
        for path in [*paths, *UNKNOWN, "/v2//", "//v2/", "/v2/a//tags/list"]:
            assert klein_status(path) in (None, 404), path

    def test_every_route(self) -> None:
        """
        Klein's map has exactly the routes that there are.
        """
        rules = {rule.endpoint for rule in KleinRoutes.klein.url_map.iter_rules()}
        assert rules == set(ENDPOINTS)


class DecodeTests:
    """
    Targets of requests.
    """

    @pytest.mark.parametrize(
        ("target", "path"),
        [
            (b"/v2/", "/v2/"),
            (b"/v2/?n=1", "/v2/"),
            (b"/v2/a/blobs/sha256%3Aabc", "/v2/a/blobs/sha256:abc"),
            (b"/v2/a%2Fb/tags/list", "/v2/a/b/tags/list"),
            (b"/v2/%C3%A9/tags/list?x=%FF", "/v2/é/tags/list"),
            (b"/%2e%2e/", "/../"),
            (b"/a+b", "/a+b"),
            (b"/a?b?c", "/a"),
        ],
    )
    def test_decoded(self, target: bytes, path: str) -> None:
        """
        The path is decoded once, the query left out.
        """
        assert decode_path(target) == path

    @pytest.mark.parametrize("target", [b"", b"v2/", b"*", b"http://host/v2/", b"?n=1"])
    def test_no_path(self, target: bytes) -> None:
        """
        A target that is no path is a bad request.
        """
        with pytest.raises(BadRequest):
            decode_path(target)

    @pytest.mark.parametrize("target", [b"/v2/%FF/", b"/v2/\xff/", b"/%C3", b"/%ED%A0%80"])
    def test_not_utf8(self, target: bytes) -> None:
        """
        A path that is not UTF-8 is a bad request.
        """
        with pytest.raises(BadRequest):
            decode_path(target)


class PrefixTests:
    """
    Where the API is mounted, and clean paths.
    """

    @pytest.mark.parametrize(
        ("path", "prefix", "below"),
        [
            ("/v2/", "/", "/v2/"),
            ("/v2", "/", "/v2"),
            ("/", "/", "/"),
            ("/reg/v2/", "/reg/", "/v2/"),
            ("/reg/v2", "/reg/", "/v2"),
            ("/a/b/v2/_catalog", "/a/b/", "/v2/_catalog"),
            ("/reg/", "/reg/", "/"),
            ("/v2/.hidden/..x/...", "/", "/v2/.hidden/..x/..."),
        ],
    )
    def test_stripped(self, path: str, prefix: str, below: str) -> None:
        """
        The prefix is taken off.
        """
        assert strip_prefix(path, prefix) == below

    @pytest.mark.parametrize(
        ("path", "prefix"),
        [
            ("/v2/", "/reg/"),
            ("/regv2/", "/reg/"),
            ("/reg", "/reg/"),
            ("/other/v2/", "/reg/"),
            ("//v2/", "/"),
            ("/v2//", "/"),
            ("/v2//a/tags/list", "/"),
            ("/v2/./", "/"),
            ("/v2/a/../b/tags/list", "/"),
            ("/..", "/"),
            ("/v2/.", "/"),
            ("/reg//v2/", "/reg/"),
        ],
    )
    def test_elsewhere_or_unclean(self, path: str, prefix: str) -> None:
        """
        What is not below the prefix, or unclean, is unknown: nothing is cleaned or redirected.
        """
        with pytest.raises(RouteUnknown):
            strip_prefix(path, prefix)
