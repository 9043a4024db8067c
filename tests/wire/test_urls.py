"""
The URLs that answers name: with prefixes, configured hosts, and behind proxies.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.contents import Image
from tests.wire.harness import CLIENT, HOST, Field, Served
from txregistry.model.digest import Digest

IMAGE = Image.of("x")
CONTENT = b"content"
DIGEST = Digest.of(CONTENT)
PROXY = "10.0.0.1"


def locations(served: Served, *fields: Field, **options: Any) -> set[str]:
    """
    What stands before ``v2/`` in each URL that a registry gives.
    """
    base = "v2/a/blobs"
    started = served.ask("POST", f"{base}/uploads/", *fields, body=b"", **options)
    path = (started["Location"] or "").partition("/v2/")[2]
    upload = f"v2/{path}"
    whole = served.ask("POST", f"{base}/uploads/?digest={DIGEST}", *fields, body=CONTENT, **options)
    mounted = served.ask("POST", f"v2/b/blobs/uploads/?mount={DIGEST}&from=a", *fields, **options)
    appended = served.ask("PATCH", upload, *fields, body=CONTENT, **options)
    state = served.ask("GET", upload, *fields, **options)
    out_of_order = served.ask(
        "PATCH", upload, ("Content-Range", "99-100"), *fields, body=b"xx", **options
    )
    committed = served.ask("PUT", f"{upload}?digest={DIGEST}", *fields, **options)
    for blob in IMAGE.blobs:
        digest = Digest.of(blob)
        served.ask("POST", f"{base}/uploads/?digest={digest}", *fields, body=blob, **options)
    manifest = served.ask(
        "PUT",
        "v2/a/manifests/t",
        ("Content-Type", IMAGE.media_type),
        *fields,
        body=IMAGE.payload,
        **options,
    )
    answers = (started, whole, mounted, appended, state, out_of_order, committed, manifest)
    assert [answer.status for answer in answers] == [202, 201, 201, 202, 204, 416, 201, 201]
    texts = [answer["Location"] or "" for answer in answers]
    assert texts[0] == texts[3] == texts[4] == texts[5]
    assert texts[1].endswith(f"v2/a/blobs/{DIGEST}")
    assert texts[2].endswith(f"v2/b/blobs/{DIGEST}")
    assert texts[6] == texts[1]
    assert texts[7].endswith(f"v2/a/manifests/{IMAGE.digest}")
    return {text.partition("v2/")[0] for text in texts}


class LocationTests:
    """
    ``Location``.
    """

    @pytest.mark.parametrize(
        ("options", "base"),
        [
            ({}, f"http://{HOST}/"),
            ({"prefix": "/reg/"}, f"http://{HOST}/reg/"),
            ({"prefix": "/a/b/"}, f"http://{HOST}/a/b/"),
            ({"relative": True}, "/"),
            ({"relative": True, "prefix": "/reg/"}, "/reg/"),
            ({"root": "https://fix.example:8443/"}, "https://fix.example:8443/"),
            ({"root": "https://fix.example/x/", "relative": True}, "https://fix.example/x/"),
            ({"root": "https://fix.example/x/", "prefix": "/reg/"}, "https://fix.example/x/"),
        ],
    )
    def test_configured(self, options: dict[str, Any], base: str) -> None:
        """
        Every URL is built alike: from what is configured, else from the request.
        """
        served = Served(trusted=["10.0.0.0/8"], **options)
        assert locations(served) == {base}

    @pytest.mark.parametrize(
        ("fields", "base"),
        [
            ([("X-Forwarded-Proto", "https")], f"https://{HOST}/"),
            ([("X-Forwarded-Host", "out.example")], "http://out.example/"),
            (
                [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "out.example:8443, in")],
                "https://out.example:8443/",
            ),
            ([("Forwarded", "for=1.2.3.4;proto=https;host=out.example")], "https://out.example/"),
            (
                [("Forwarded", 'host="out.example:1"'), ("X-Forwarded-Proto", "https")],
                "http://out.example:1/",
            ),
            ([("X-Forwarded-Host", "evil.example/path")], f"http://{HOST}/"),
            ([("X-Forwarded-Proto", "javascript")], f"http://{HOST}/"),
            ([("X-Forwarded-Port", "8443")], f"http://{HOST}/"),
        ],
    )
    def test_behind_a_proxy(self, fields: list[Field], base: str) -> None:
        """
        A trusted proxy tells scheme and host; anybody else is not listened to.
        """
        served = Served(trusted=["10.0.0.0/8"])
        assert locations(served, *fields, peer=PROXY) == {base}
        assert locations(served, *fields, peer=CLIENT) == {f"http://{HOST}/"}

    def test_behind_a_socket(self) -> None:
        """
        A peer behind a unix socket is a trusted proxy.
        """
        fields = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "out.example")]
        assert locations(Served(), *fields, peer="") == {"https://out.example/"}

    def test_encrypted(self) -> None:
        """
        On an encrypted connection they are https; what a proxy says goes before that too.
        """
        served = Served(trusted=["10.0.0.0/8"])
        assert locations(served, secure=True) == {f"https://{HOST}/"}
        fields = [("X-Forwarded-Proto", "http")]
        assert locations(served, *fields, peer=PROXY, secure=True) == {f"http://{HOST}/"}

    @pytest.mark.parametrize("option", [{"root": "https://fix.example/"}, {"relative": True}])
    def test_configured_goes_before_the_proxy(self, option: dict[str, Any]) -> None:
        """
        What is configured goes before what the proxy says.
        """
        served = Served(trusted=["10.0.0.0/8"], **option)
        fields = [("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", "out.example")]
        (base,) = locations(served, *fields, peer=PROXY)
        assert base in ("https://fix.example/", "/")

    @pytest.mark.parametrize("host", ["a", "[2001:db8::1]:5000", "a.example", "127.0.0.1:80"])
    def test_host(self, served: Served, host: str) -> None:
        """
        Else the Host is what the client said.
        """
        answer = served.ask("POST", "v2/a/blobs/uploads/", body=b"", host=host)
        assert (answer["Location"] or "").startswith(f"http://{host}/v2/a/blobs/uploads/")

    def test_no_host(self, served: Served) -> None:
        """
        To a client of HTTP/1.0 that names no host, URLs are paths.
        """
        connection = served.connect()
        connection.send(b"POST /v2/a/blobs/uploads/ HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
        (answer,) = connection.answers()
        connection.lose()
        assert answer.status == 202
        assert (answer["Location"] or "").startswith("/v2/a/blobs/uploads/")

    def test_absolute_form(self, served: Served) -> None:
        """
        The host of a target in absolute form goes before the Host field.
        """
        target = "http://other.example/v2/a/blobs/uploads/"
        answer = served.ask("POST", target, body=b"")
        assert (answer["Location"] or "").startswith(target)

    @pytest.mark.parametrize("relative", [False, True])
    def test_can_be_followed(self, *, relative: bool) -> None:
        """
        With a prefix each URL leads where it should.
        """
        served = Served(prefix="/reg/", relative=relative)
        location = served.start("a")
        assert served.ask("PATCH", location, body=CONTENT).status == 202
        committed = served.ask("PUT", f"{location}?digest={DIGEST}", body=b"")
        assert served.get(committed["Location"] or "").body == CONTENT
        answer = IMAGE.push(served, "a", "t")
        assert served.get(answer["Location"] or "").body == IMAGE.payload


class PrefixTests:
    """
    ``http.prefix``.
    """

    def test_below_it(self) -> None:
        """
        Below the prefix is the API, and nowhere else.
        """
        served = Served(prefix="/reg/")
        for target, status in (
            ("/reg/v2/", 200),
            ("/reg/v2", 200),
            ("/reg/v2/_catalog", 200),
            ("/v2/", 404),
            ("/reg", 404),
            ("/reg/", 404),
            ("/regv2/", 404),
            ("/reg//v2/", 404),
            ("/", 200),
        ):
            assert served.get(target).status == status, target
        assert served.ask("PUT", "/v2/a/manifests/t", body=b"").status == 404

    def test_links(self) -> None:
        """
        Links to the next page have the request's own path, with the prefix.
        """
        served = Served(prefix="/reg/")
        for name in ("a", "b"):
            IMAGE.push(served, name, "t")
            IMAGE.push(served, name, "u")
            for text in ("x", "y"):
                Image.of(text, subject=IMAGE.descriptor()).push(served, name)
        links = {
            "v2/_catalog?n=1": "/reg/v2/_catalog?last=a&n=1",
            "v2/a/tags/list?n=1": "/reg/v2/a/tags/list?last=t&n=1",
        }
        for target, link in links.items():
            assert served.get(target)["Link"] == f'<{link}>; rel="next"'
        link = served.get(f"v2/a/referrers/{IMAGE.digest}?n=1")["Link"] or ""
        assert link.startswith(f"</reg/v2/a/referrers/{IMAGE.digest}?last=")

    def test_links_are_relative(self) -> None:
        """
        They have no host, whatever is configured.
        """
        served = Served(root="https://fix.example/")
        for name in ("a", "b"):
            IMAGE.push(served, name, "t")
        assert served.get("v2/_catalog?n=1")["Link"] == '</v2/_catalog?last=a&n=1>; rel="next"'


class ClientTests:
    """
    Who is noted as the client.
    """

    @pytest.mark.parametrize(
        ("peer", "fields", "address"),
        [
            (CLIENT, [], CLIENT),
            (CLIENT, [("X-Forwarded-For", "198.51.100.1")], CLIENT),
            (CLIENT, [("Forwarded", "for=198.51.100.1")], CLIENT),
            (PROXY, [("X-Forwarded-For", "198.51.100.1")], "198.51.100.1"),
            (PROXY, [("X-Forwarded-For", "1.2.3.4, 198.51.100.1, 10.9.9.9")], "198.51.100.1"),
            (PROXY, [("X-Real-IP", "198.51.100.1")], "198.51.100.1"),
            (PROXY, [("Forwarded", 'for="[2001:db8::1]:99", for=10.2.2.2')], "2001:db8::1"),
            (PROXY, [], PROXY),
            ("", [("X-Forwarded-For", "198.51.100.1")], "198.51.100.1"),
            ("", [], ""),
        ],
    )
    def test_address(self, peer: str, fields: list[Field], address: str) -> None:
        """
        The rightmost address that is no trusted proxy is.
        """
        served = Served(trusted=["10.0.0.0/8"])
        served.ask("GET", "v2/", *fields, peer=peer)
        assert served.exchanges[-1].address == address
