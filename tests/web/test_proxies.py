"""
Whom to believe about the client.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.fields import Fields
from txregistry.errors import BadRequest
from txregistry.web.proxies import LOCAL_PEER, Outside, TrustedProxies, parse_forwarded

PROXY = "10.0.0.1"
CLIENT = "203.0.113.9"
PROXIES = TrustedProxies(
    [ip_network("10.0.0.0/8"), ip_network("127.0.0.0/8"), ip_network("fd00::/8")]
)


def outside(*lines: tuple[str, str], peer: str = PROXY) -> Outside:
    """
    What is seen of a request with these fields.
    """
    return PROXIES.outside(Fields.of(*lines), peer)


class TrustTests:
    """
    Who is believed.
    """

    @pytest.mark.parametrize(
        "line",
        [
            ("X-Forwarded-For", CLIENT),
            ("X-Real-IP", CLIENT),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "evil.example"),
            ("Forwarded", f"for={CLIENT};proto=https;host=evil.example"),
        ],
    )
    def test_stranger_says_nothing(self, line: tuple[str, str]) -> None:
        """
        What a peer that is no trusted proxy says of the client is ignored.
        """
        assert outside(line, peer="198.51.100.7") == Outside("198.51.100.7")

    def test_nobody_is_trusted(self) -> None:
        """
        Without trusted networks the fields of every TCP peer are ignored.
        """
        fields = Fields.of(("X-Forwarded-For", CLIENT))
        assert TrustedProxies([]).outside(fields, "127.0.0.1") == Outside("127.0.0.1")

    def test_peer_of_this_machine(self) -> None:
        """
        A peer behind a unix socket is of this machine, so it is a trusted proxy.
        """
        assert outside(("X-Forwarded-For", CLIENT), peer=LOCAL_PEER).address == CLIENT

    def test_trusted_peer_that_says_nothing(self) -> None:
        """
        A trusted peer that adds no field is the client itself.
        """
        assert outside() == Outside(PROXY)


class ClientTests:
    """
    Which of the addresses is the client's.
    """

    @pytest.mark.parametrize(
        ("hops", "client"),
        [
            (CLIENT, CLIENT),
            (f"{CLIENT}, 10.9.9.9", CLIENT),
            (f"{CLIENT},10.9.9.9 , 127.0.0.1", CLIENT),
            # Whoever writes an address in front only forges what stands left of his own.
            (f"1.2.3.4, {CLIENT}", CLIENT),
            (f"10.1.1.1, {CLIENT}, 10.2.2.2", CLIENT),
            # All are proxies: the farthest one asks on its own behalf.
            ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
            # What can't be read hides everything further left.
            (f"{CLIENT}, unknown, 10.2.2.2", "10.2.2.2"),
            (f"{CLIENT}, unknown", PROXY),
            ("", PROXY),
            (",", PROXY),
            (f"{CLIENT}:4711", CLIENT),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            (f"::ffff:{CLIENT}", CLIENT),
            ("::ffff:10.2.2.2", "10.2.2.2"),
            (f"{CLIENT}, fd00::1", CLIENT),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            # A zone may be any text; only the address counts.
            ('fe80::1%a" "b', "fe80::1"),
            ("999.1.1.1", PROXY),
            ("03.1.1.1", PROXY),
        ],
    )
    def test_rightmost_stranger(self, hops: str, client: str) -> None:
        """
        The client is the rightmost address that is no trusted proxy.
        """
        assert outside(("X-Forwarded-For", hops)).address == client

    def test_several_lines(self) -> None:
        """
        Several X-Forwarded-For lines are one list.
        """
        lines = [("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", f"{CLIENT}, 10.2.2.2")]
        assert outside(*lines).address == CLIENT

    @pytest.mark.parametrize("hop", ["", "nonsense", "::1", "10.0.0.2", "1.2.3.4"])
    def test_crowd_of_hops(self, hop: str) -> None:
        """
        What a client makes up takes no time that others would have to wait.
        """
        lines = ("X-Forwarded-For", f"{hop}," * (60_000 // (len(hop) + 1)) + CLIENT)
        began = process_time()
        for _ in range(10):
            assert outside(lines).address == CLIENT
            outside((lines[0], lines[1].removesuffix(f",{CLIENT}")))
        assert process_time() - began < 0.3

    def test_real_ip(self) -> None:
        """
        X-Real-IP counts where no other field names the client.
        """
        assert outside(("X-Real-IP", CLIENT)).address == CLIENT
        assert outside(("X-Real-IP", CLIENT), ("X-Forwarded-Proto", "https")).address == CLIENT

    @pytest.mark.parametrize(
        ("hops", "real"),
        [
            # As nginx is mostly told to write both: the last hop is the client.
            (CLIENT, CLIENT),
            (f"1.2.3.4, {CLIENT}", CLIENT),
            (f"1.2.3.4, {CLIENT}", f"::ffff:{CLIENT}"),
            # The second of two proxies writes both, or what it was told by the first.
            (f"1.2.3.4, {CLIENT}, 10.2.2.2", "10.2.2.2"),
            (f"1.2.3.4, {CLIENT}, 10.2.2.2", CLIENT),
            # Nobody can say who it is, as behind a socket of the proxy's machine.
            (f"{CLIENT}, unix:", "unix:"),
            (CLIENT, "unknown"),
        ],
    )
    @pytest.mark.parametrize("field", ["X-Forwarded-For", "Forwarded"])
    def test_real_ip_agrees(self, field: str, hops: str, real: str) -> None:
        """
        Beside another field it says nothing new.
        """
        value = hops
        if field == "Forwarded":
            value = ", ".join(f'for="{hop.strip()}"' for hop in hops.split(","))
        expected = outside((field, value)).address
        assert outside((field, value), ("X-Real-IP", real)).address == expected

    @pytest.mark.parametrize("lie", ["1.2.3.4", "10.9.9.9", f"{CLIENT}, 1.2.3.4", "unknown", ","])
    def test_real_ip_contradicts(self, lie: str) -> None:
        """
        A proxy that writes X-Real-IP alone lets nobody choose his address by another field, nor
        does one that writes another alone by this one.
        """
        for field, value in (("X-Forwarded-For", lie), ("Forwarded", f'for="{lie}"')):
            with pytest.raises(BadRequest, match="X-Real-IP says"):
                outside((field, value), ("X-Real-IP", CLIENT))
        with pytest.raises(BadRequest, match="X-Real-IP says"):
            outside(("X-Forwarded-For", CLIENT), ("X-Real-IP", "1.2.3.4"))

    def test_forwarded(self) -> None:
        """
        The addresses of Forwarded are walked from the right as well.
        """
        value = f'for=1.2.3.4, for="{CLIENT}:80";by=_hidden, for="[fd00::7]:1"'
        assert outside(("Forwarded", value)).address == CLIENT

    def test_forwarded_goes_before(self) -> None:
        """
        Forwarded goes before the fields that it replaced.
        """
        lines = [
            ("X-Forwarded-For", f"1.2.3.4, {CLIENT}"),
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Host", "other.example"),
            ("Forwarded", f"for={CLIENT};proto=https;host=registry.example"),
        ]
        assert outside(*lines) == Outside(CLIENT, "https", "registry.example")

    @pytest.mark.parametrize("value", ["for=1.2.3.4;for=5.6.7.8", f'for=", for={CLIENT}'])
    @pytest.mark.parametrize("others", [[], [("X-Forwarded-For", CLIENT)]])
    def test_malformed_forwarded(self, value: str, others: list[tuple[str, str]]) -> None:
        """
        A Forwarded that can't be read is refused: its beginning may be the client's own, which
        would choose by that who he is.
        """
        with pytest.raises(BadRequest):
            outside(("Forwarded", value), *others)

    @pytest.mark.parametrize("value", ["for=10.0.0.5", "for=1.2.3.4", "for=unknown", "proto=https"])
    @pytest.mark.parametrize("field", ["X-Forwarded-For", "X-Real-IP"])
    def test_contradiction(self, value: str, field: str) -> None:
        """
        A proxy that writes one field and hands on the other lets nobody choose his address.
        """
        with pytest.raises(BadRequest, match="must drop"):
            outside(("Forwarded", value), (field, CLIENT))
        assert outside(("Forwarded", ""), (field, CLIENT)).address == CLIENT

    @given(
        st.lists(st.ip_addresses(), max_size=6), st.sampled_from(["x-forwarded-for", "forwarded"])
    )
    def test_any_addresses(self, hops: list[object], field: str) -> None:
        """
        Whatever addresses there are, the client is no trusted proxy unless all are.
        """
        texts = [f'for="[{hop}]"' if ":" in str(hop) else f"for={hop}" for hop in hops]
        value = ", ".join(map(str, hops) if field == "x-forwarded-for" else texts)
        client = outside((field, value)).address
        networks = [ip_network("10.0.0.0/8"), ip_network("127.0.0.0/8"), ip_network("fd00::/8")]

        def trusted(address: str) -> bool:
            return any(ip_address(address) in network for network in networks)

        if trusted(client):
            assert all(trusted(unmapped(hop)) for hop in hops)
        else:
            assert client in map(unmapped, hops)


def unmapped(address: object) -> str:
    """
    An IPv4 address that is written as an IPv6 one is that IPv4 address.
    """
    return str(getattr(address, "ipv4_mapped", None) or address)


class HostTests:
    """
    Scheme and host outside.
    """

    @pytest.mark.parametrize(
        ("value", "scheme"),
        [("https", "https"), ("HTTP", "http"), ("https, http", "https"), ("gopher", ""), ("", "")],
    )
    def test_proto(self, value: str, scheme: str) -> None:
        """
        X-Forwarded-Proto is one of the two schemes that there are, or doesn't count.
        """
        assert outside(("X-Forwarded-Proto", value)).scheme == scheme

    @pytest.mark.parametrize(
        ("value", "host"),
        [
            ("registry.example", "registry.example"),
            ("registry.example:5000", "registry.example:5000"),
            ("first.example, second.example", "first.example"),
            ("[2001:db8::1]:5000", "[2001:db8::1]:5000"),
            ("under_score", "under_score"),
            ("", ""),
            ("evil.example/path", ""),
            ("user@evil.example", ""),
            ("evil.example:port", ""),
            ("evil.example:123456", ""),
            ("evil example", ""),
            ('evil"example', ""),
            ("evil.example#", ""),
            ("évil.example", ""),
        ],
    )
    def test_host(self, value: str, host: str) -> None:
        """
        X-Forwarded-Host is a host with or without a port, or doesn't count.
        """
        assert outside(("X-Forwarded-Host", value)).host == host

    def test_port_is_ignored(self) -> None:
        """
        X-Forwarded-Port has no effect: a port that counts stands in the host.
        """
        lines = [("X-Forwarded-Host", "registry.example"), ("X-Forwarded-Port", "8443")]
        assert outside(*lines).host == "registry.example"

    def test_first_element_of_forwarded(self) -> None:
        """
        Scheme and host are those of Forwarded's first element, the one that the client saw.
        """
        value = (
            'For=10.1.1.1;HOST="out.example:1";Proto=HTTPS, for=10.2.2.2;host=in.example;proto=http'
        )
        seen = outside(("Forwarded", value))
        assert (seen.scheme, seen.host) == ("https", "out.example:1")


class ForwardedTests:
    """
    RFC 7239.
    """

    @pytest.mark.parametrize(
        ("text", "elements"),
        [
            ("for=1.2.3.4", [{"for": "1.2.3.4"}]),
            ("FOR=a;Proto=b", [{"for": "a", "proto": "b"}]),
            ('host="a\\"b\\\\c"', [{"host": 'a"b\\c'}]),
            ('host=""', [{"host": ""}]),
            ("for=a, for=b ,for=c", [{"for": "a"}, {"for": "b"}, {"for": "c"}]),
            ('for="a,b;c"', [{"for": "a,b;c"}]),
            ("ext!#$%&'*+.^_`|~-=1", [{"ext!#$%&'*+.^_`|~-": "1"}]),
            ("", []),
            ("for", []),
            ("for=", [{"for": ""}]),
            ("=a", []),
            ("for=a;for=b", []),
            ("for=a;FOR=b", []),
            ('for="a', []),
            ('for="a"b', []),
            ("for=a b", []),
            ("for=a;", [{"for": "a"}]),
            ("for=a,", []),
        ],
    )
    def test_corpus(self, text: str, elements: list[dict[str, str]]) -> None:
        """
        What can be read is read, and one mistake makes all of it unreadable.
        """
        assert parse_forwarded(text) == elements

    TOKEN = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=8)
    VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)

    @given(st.lists(st.dictionaries(TOKEN.map(str.lower), VALUE, min_size=1), max_size=4))
    def test_round_trip(self, elements: list[dict[str, str]]) -> None:
        """
        What is written as the RFC says is read as it was meant.
        """
        written = [
            ";".join(f'{key}="{quoted(value)}"' for key, value in element.items())
            for element in elements
        ]
        assert parse_forwarded(", ".join(written)) == elements

    @given(st.text(max_size=60) | st.text('for=",;\\ a', max_size=60))
    def test_anything(self, text: str) -> None:
        """
        No text raises.
        """
        for element in parse_forwarded(text):
            assert all(key == key.lower() for key in element)


def quoted(text: str) -> str:
    """
    The inside of a quoted string.
    """
    return text.replace("\\", "\\\\").replace('"', '\\"')
