"""
Addresses, URLs, prefixes, networks and headers.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.configuration import ExternalURL, Loaded, TCPAddress, UnixAddress
from txregistry.configuration.kinds import Invalid
from txregistry.configuration.network import (
    normalised_path,
    parse_external_url,
    parse_tcp_address,
)


class TCPAddressTests:
    """
    Where to listen.
    """

    @pytest.mark.parametrize(
        ("text", "host", "port"),
        [
            (":5000", "", 5000),
            ("localhost:0", "localhost", 0),
            ("127.0.0.1:5000", "127.0.0.1", 5000),
            ("[::1]:5000", "::1", 5000),
            ("[::]:65535", "::", 65535),
            ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
            ("reg-1.example.com:443", "reg-1.example.com", 443),
        ],
    )
    def test_parsed(self, text: str, host: str, port: int) -> None:
        """
        Host and port are told apart, brackets go, no host is all interfaces.
        """
        address = parse_tcp_address(text)
        assert address == TCPAddress(host, port)
        assert str(address) == text

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "the port is missing"),
            ("5000", "the port is missing"),
            ("[::1]", "the port is missing"),
            ("::1:5000", "must stand in brackets"),
            ("[nope]:5000", "must be an IPv6 address"),
            (":65536", "from 0 to 65535"),
            (":-1", "from 0 to 65535"),
            (":http", "from 0 to 65535"),
            (":", "from 0 to 65535"),
            (":٣", "from 0 to 65535"),
            ("a b:1", "a name or an IP address"),
            ("*:5000", "a name or an IP address"),
            ("a/b:1", "a name or an IP address"),
        ],
    )
    def test_refused(self, text: str, reason: str) -> None:
        """
        What is no address is refused with what is wrong.
        """
        with pytest.raises(Invalid) as caught:
            parse_tcp_address(text)
        assert reason in caught.value.text

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """
        Any text is an address or refused.
        """
        try:
            address = parse_tcp_address(text)
        except Invalid:
            return
        assert 0 <= address.port <= 65535


class ExternalURLTests:
    """
    How the world reaches the registry.
    """

    @pytest.mark.parametrize(
        ("text", "url"),
        [
            ("https://reg.example.com", ExternalURL("https", "reg.example.com", "/")),
            ("https://reg.example.com/", ExternalURL("https", "reg.example.com", "/")),
            ("HTTP://reg:8080/a/b", ExternalURL("http", "reg:8080", "/a/b/")),
            ("http://[::1]:5000/", ExternalURL("http", "[::1]:5000", "/")),
        ],
    )
    def test_parsed(self, text: str, url: ExternalURL) -> None:
        """
        A URL is scheme, host and a root with slashes at both ends.
        """
        assert parse_external_url(text) == url

    @pytest.mark.parametrize(
        "text",
        [
            "reg.example.com",
            "reg.example.com:5000",
            "//reg.example.com",
            "ftp://reg.example.com",
            "https://",
            "https:///a",
            "https://user:hunter2@reg.example.com",
            "https://reg.example.com/?hunter2",
            "https://reg.example.com/#hunter2",
            "https://reg.example.com:hunter2",
            "https://reg.example.com:0",
            "https://reg.example.com:99999",
            "https://[::1",
            "https://a b/",
            "https://a\r\nb/",
            "https://reg.example.com/../x",
        ],
    )
    def test_refused(self, text: str) -> None:
        """
        Anything else is refused, without quoting it.
        """
        with pytest.raises(Invalid) as caught:
            parse_external_url(text)
        assert "hunter2" not in caught.value.text

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """
        Any text is a URL or refused.
        """
        for candidate in (text, f"https://{text}"):
            try:
                url = parse_external_url(candidate)
            except Invalid:
                continue
            assert parse_external_url(str(url)) == url


class PathTests:
    """
    Prefixes.
    """

    @pytest.mark.parametrize(
        ("text", "path"),
        [("", "/"), ("/", "/"), ("a", "/a/"), ("/a", "/a/"), ("/a/b/", "/a/b/"), ("//a", "/a/")],
    )
    def test_normalised(self, text: str, path: str) -> None:
        """
        A prefix begins and ends with one slash.
        """
        assert normalised_path(text) == path

    @pytest.mark.parametrize("text", ["a//b", "a/../b", ".", "a b", "a?b", "a#b", "é", "a\n"])
    def test_refused(self, text: str) -> None:
        """
        A path that could be understood in two ways is refused.
        """
        with pytest.raises(Invalid):
            normalised_path(text)


class HTTPTests:
    """
    The same, in their section.
    """

    def test_unix(self, loaded: Callable[..., Loaded]) -> None:
        """
        With net unix the address is the path of a socket.
        """
        http = loaded("http: {net: UNIX, addr: /run/registry.sock}").configuration.http
        assert http.address == UnixAddress("/run/registry.sock")

    def test_tcp(self, loaded: Callable[..., Loaded]) -> None:
        """
        The address is parsed.
        """
        assert loaded("http: {addr: '[::1]:80'}").configuration.http.address == TCPAddress(
            "::1", 80
        )

    @pytest.mark.parametrize(
        ("more", "complaint"),
        [
            ("http: {addr: foo}", "http.addr: must be host:port"),
            (
                "http: {net: unix}",
                "http.addr: must be the path of a socket, since http.net is unix",
            ),
            ("http: {net: udp}", "http.net: must be one of tcp, unix"),
            ("http: {prefix: a b}", "http.prefix: must be a plain path"),
            ("http: {trustedproxies: [10.0.0.0/33]}", "http.trustedproxies[0]: must be a network"),
            ("http: {trustedproxies: 10.0.0.0/8}", "http.trustedproxies: must be a list"),
            ("http: {headers: {X-A: b}}", "http.headers.X-A: must be a list"),
            ("http: {headers: {'X A': [b]}}", "http.headers.X A: is not a name"),
            (
                'http: {headers: {X-A: ["b\\r\\nc: d"]}}',
                "http.headers.X-A[0]: a header's value may",
            ),
            ("http: {headers: {X-A: [ž]}}", "http.headers.X-A[0]: a header's value may"),
        ],
    )
    def test_complaints(
        self, complaints: Callable[..., list[str]], more: str, complaint: str
    ) -> None:
        """
        A wrong value names its key and line.
        """
        (line,) = complaints(more)
        assert line.startswith(f"config.yml:3: {complaint}")

    def test_single_addresses_are_networks(self, loaded: Callable[..., Loaded]) -> None:
        """
        A trusted proxy may be one address, or a network with bits of a host.
        """
        http = loaded("http: {trustedproxies: [192.0.2.7, 10.1.2.3/8, '::1']}").configuration.http
        assert [str(n) for n in http.trustedproxies] == ["192.0.2.7/32", "10.0.0.0/8", "::1/128"]
