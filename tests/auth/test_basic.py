"""
Names and passwords as clients send them.
"""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.auth.basic import BasicCredentials, is_name, parse_basic


def basic(text: bytes, scheme: str = "Basic") -> str:
    """What a client sends."""
    return f"{scheme} {b64encode(text).decode()}"


class ParseTests:
    """
    Reading ``Authorization``.
    """

    def test_pair(self) -> None:
        """
        The first colon divides; the password may have more of them.
        """
        assert parse_basic(basic(b"joe:a:b")) == BasicCredentials("joe", b"a:b")
        assert parse_basic(basic(b"joe:")) == BasicCredentials("joe", b"")

    @pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic ", "Basic   "])
    def test_scheme(self, scheme: str) -> None:
        """
        The scheme is written in any case, with any number of spaces after it.
        """
        assert parse_basic(basic(b"joe:x", scheme)) == BasicCredentials("joe", b"x")

    def test_letters(self) -> None:
        """
        A name is UTF-8, or what older clients send; a password is what came.
        """
        assert parse_basic(basic("jö:ö".encode())) == BasicCredentials("jö", "ö".encode())
        assert parse_basic(basic(b"j\xf6:\xf6")) == BasicCredentials("jö", b"\xf6")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "Basic",
            "Basic ",
            "Bearer Zm9vOmJhcg==",
            "Basic Zm9vOmJhcg",
            "Basic Zm9v*OmJhcg==",
            "Basic Zm9vOmJhcg==x",
            "Basic Zm9v\tOmJhcg==",
            "Basic Zm9vOmJhcg==, Basic Zm9vOmJhcg==",
            "Basic \xe4\xf6",
            basic(b""),
            basic(b"joe"),
            basic(b":secret"),
        ],
    )
    def test_malformed(self, text: str) -> None:
        """
        What is malformed is nothing.
        """
        assert parse_basic(text) is None

    @pytest.mark.parametrize(
        "name",
        [b"a\r\nX-Evil: b", b"a\nb", b"\x1b[31mred", b"a\0b", b"a\x7f", b"\xc2\x85", b"a\tb"],
    )
    def test_control_characters(self, name: bytes) -> None:
        """
        Nobody has a name that would forge a line of a log, or a field of an answer.
        """
        assert parse_basic(basic(name.replace(b":", b"") + b":secret")) is None

    def test_zero(self) -> None:
        """
        To bcrypt a password with a zero in it may be the same as another: nobody has one.
        """
        assert parse_basic(basic(b"joe:a\0a")) is None

    def test_tells_nothing(self) -> None:
        """
        A password isn't shown by accident.
        """
        assert "secret" not in repr(parse_basic(basic(b"joe:secret")))

    @given(st.text())
    def test_anything(self, text: str) -> None:
        """
        Whatever comes, it is read or it isn't.
        """
        found = parse_basic(f"Basic {text}")
        assert found is None or is_name(found.user)
