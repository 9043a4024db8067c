"""
The URLs that answers name.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.model.digest import Digest
from txregistry.web.proxies import Outside
from txregistry.web.urls import UrlRules, blob_url, manifest_url, next_link, upload_url

INSIDE = Outside("10.0.0.1")
DIGEST = Digest.of(b"")


class BaseTests:
    """
    What stands before ``v2/``.
    """

    @pytest.mark.parametrize(
        ("rules", "outside", "secure", "base"),
        [
            (UrlRules(), INSIDE, False, "http://here:5000/"),
            (UrlRules(), INSIDE, True, "https://here:5000/"),
            (UrlRules(prefix="/reg/"), INSIDE, False, "http://here:5000/reg/"),
            (UrlRules(relative=True), INSIDE, False, "/"),
            (UrlRules(relative=True, prefix="/reg/"), INSIDE, False, "/reg/"),
            (UrlRules(root="https://fix.example/"), INSIDE, False, "https://fix.example/"),
            # relativeurls has no effect beside a host that is configured, nor has the prefix.
            (
                UrlRules(root="https://fix.example/r/", relative=True, prefix="/p/"),
                Outside("", "http", "out.example"),
                False,
                "https://fix.example/r/",
            ),
            (UrlRules(), Outside("", "https", "out.example"), False, "https://out.example/"),
            (UrlRules(), Outside("", "http", "out.example"), True, "http://out.example/"),
            (UrlRules(), Outside("", "https"), False, "https://here:5000/"),
            (UrlRules(), Outside("", "", "out.example:1"), False, "http://out.example:1/"),
            (UrlRules(relative=True), Outside("", "https", "out.example"), False, "/"),
        ],
    )
    def test_rules(self, rules: UrlRules, outside: Outside, secure: bool, base: str) -> None:
        """
        A configured host goes before relative URLs, and these before what the request says.
        """
        assert (rules.path() or rules.absolute(outside, secure, "here:5000")) == base

    def test_no_host(self) -> None:
        """
        To a client of HTTP/1.0 that names no host, URLs are relative.
        """
        assert UrlRules(prefix="/reg/").path() == ""
        assert UrlRules(prefix="/reg/").absolute(INSIDE, False, "") == "/reg/"


class LocationTests:
    """
    Where things are.
    """

    def test_locations(self) -> None:
        """
        Each thing is where the API says, and a manifest always at its digest.
        """
        assert blob_url("http://h/", "a/b", DIGEST) == f"http://h/v2/a/b/blobs/{DIGEST}".encode()
        assert manifest_url("/p/", "a", DIGEST) == f"/p/v2/a/manifests/{DIGEST}".encode()
        assert upload_url("/", "a", "0-1") == b"/v2/a/blobs/uploads/0-1"


class LinkTests:
    """
    ``Link`` to the next page.
    """

    def test_distributions_form(self) -> None:
        """
        The target is the request's own path with sorted parameters, as distribution writes it.
        """
        link = next_link("/reg/v2/_catalog", [("n", "2"), ("last", "a/b")])
        assert link == (b"Link", b'</reg/v2/_catalog?last=a%2Fb&n=2>; rel="next"')

    def test_digest_stays_readable(self) -> None:
        """
        A digest in the path stands in the link as everybody writes it.
        """
        _, value = next_link(f"/v2/a/referrers/{DIGEST}", [("n", "1")])
        assert value == f'</v2/a/referrers/{DIGEST}?n=1>; rel="next"'.encode()

    @given(st.text(), st.lists(st.tuples(st.text(), st.text()), max_size=5))
    def test_whatever_was_asked(self, path: str, parameters: list[tuple[str, str]]) -> None:
        """
        Whatever path and parameters are, the field is one line of ASCII that leads back to them.
        """
        path = "/" + path.encode("utf-8", "ignore").decode("utf-8").lstrip("/")
        parameters = [
            (key.encode("utf-8", "ignore").decode(), value.encode("utf-8", "ignore").decode())
            for key, value in parameters
        ]
        _, value = next_link(path, parameters)
        text = value.decode("ascii")
        assert text.isprintable()
        assert text.count("<") == text.count(">") == 1
        target = urlsplit(text[1:].partition(">")[0])
        assert unquote(target.path) == path
        assert parse_qsl(target.query, keep_blank_values=True) == sorted(parameters)
