"""
The heads of one connection.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from txregistry.errors import RegistryError
from txregistry.web.head import REMEMBERED, Heads, parse_head
from txregistry.web.limits import Limits

LIMITS = Limits(head=2 * REMEMBERED)

METHODS = st.sampled_from([b"GET", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT", b"GETS", b"get"])
TARGETS = st.one_of(
    st.sampled_from([b"/", b"/v2/", b"*", b"//", b"/a#b", b"/%ff", b"/%", b"http://b/v2/"]),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20).map(
        lambda text: b"/" + text.encode("ascii")
    ),
)
FIELDS = st.lists(
    st.sampled_from(
        [
            b"Host: a",
            b"Host: b",
            b"Authorization: Basic YTpi",
            b"Connection: close",
            b"Connection: keep-alive",
            b"Content-Length: 0",
            b"Content-Length: 3",
            b"Transfer-Encoding: chunked",
            b"Expect: 100-continue",
            b"Upgrade: h2c",
            b"X-Long: " + bytes(80),
        ]
    ),
    max_size=4,
)


def head(method: bytes, target: bytes, version: bytes, fields: list[bytes]) -> bytes:
    """
    A head as it is sent.
    """
    lines = [b"%b %b HTTP/1.%b" % (method, target, version), *fields, b"", b""]
    return b"\r\n".join(lines)


HEADS = st.builds(
    head, METHODS, TARGETS, st.sampled_from([b"0", b"1"]), st.just([b"Host: a"]) | FIELDS
)


def outcome(read: Any, raw: bytes) -> Any:
    """
    What is read, or the error that is raised.
    """
    try:
        found = read(raw, LIMITS)
    except RegistryError as error:
        return type(error), str(error)
    return {name: getattr(found, name) for name in found.__slots__}


class HeadsTests:
    """
    ``Heads``.
    """

    @example([head(b"GET", target, b"1", [b"Host: a"]) for target in (b"http://b/", b"/")])
    @given(st.lists(HEADS, min_size=2, max_size=5))
    def test_same(self, raws: list[bytes]) -> None:
        """
        Whatever came before on a connection, a head means what it means alone.
        """
        heads = Heads()
        for raw in raws:
            assert outcome(heads.read, raw) == outcome(parse_head, raw)

    def test_known(self) -> None:
        """
        The same fields are not read again.
        """
        heads = Heads()
        first = heads.read(head(b"GET", b"/v2/", b"1", [b"Host: a"]), LIMITS)
        again = heads.read(head(b"HEAD", b"/v2/a/tags/list?n=1", b"1", [b"Host: a"]), LIMITS)
        assert again.fields is first.fields
        assert (again.method, again.path) == (b"HEAD", b"/v2/a/tags/list")

    @pytest.mark.parametrize(
        "fields",
        [[b"Host: a", b"X: y"], [b"Host: b"], [b"Host: a", b"X: " + b"y" * REMEMBERED]],
    )
    def test_others(self, fields: list[bytes]) -> None:
        """
        Other fields are, and so are many of them, of which nothing is kept.
        """
        heads = Heads()
        heads.read(head(b"GET", b"/v2/", b"1", [b"Host: a"]), LIMITS)
        raws = [head(b"GET", b"/v2/", b"1", fields)] * 2
        found = [heads.read(raw, LIMITS).fields for raw in raws]
        assert found[0] == parse_head(raws[0], LIMITS).fields
        assert (found[0] is found[1]) == (len(raws[0]) < REMEMBERED)
