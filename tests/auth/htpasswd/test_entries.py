"""
What stands in files of passwords.
"""

from __future__ import annotations

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.auth.htpasswd.entries import Malformed, parse_entries
from txregistry.auth.htpasswd.hashes import cost_of, is_right, new_hash

REST = b"lHoBqJsCPMhFHO/ap3R7C.4K38xo5xN3payCAVHqrKT/EqVyou.2O"
FIVE = b"$2y$05$" + REST
TEN = b"$2b$10$" + REST


class ParseTests:
    """
    The format.
    """

    def test_users(self) -> None:
        """
        There is a user on each line; comments, empty lines and space around lines say nothing.
        """
        entries = parse_entries(b"# users\n\n  joe:%b \r\n\t#x:y\nann:%b" % (FIVE, TEN))
        assert entries.hashes == {"joe": FIVE, "ann": TEN}
        assert (entries.cost, entries.useless) == (10, ())

    def test_twice(self) -> None:
        """
        The last line of a user counts.
        """
        assert parse_entries(b"joe:%b\njoe:%b\n" % (FIVE, TEN)).hashes == {"joe": TEN}
        taken = parse_entries(b"joe:%b\njoe:plain\n" % FIVE)
        assert (taken.hashes, taken.useless) == ({}, ("joe",))

    def test_empty(self) -> None:
        """
        An empty file has no users.
        """
        assert parse_entries(b"").hashes == {}

    @pytest.mark.parametrize(
        "hash_",
        [
            b"",
            b"secret",
            b"$apr1$abc$def",
            b"{SHA}abc",
            b"$2x$05$" + REST,
            b"$2b$03$" + REST,
            b"$2b$32$" + REST,
            b"$2b$5$" + REST,
            FIVE[:-1],
            FIVE + b"x",
        ],
    )
    def test_other_hashes(self, hash_: bytes) -> None:
        """
        A user whose hash is none of bcrypt can't log in, and is named; the others can.
        """
        entries = parse_entries(b"joe:%b\nann:%b\n" % (hash_, FIVE))
        assert (entries.hashes, entries.useless) == ({"ann": FIVE}, ("joe",))

    def test_absurd(self) -> None:
        """
        Users are named whose hash takes longer to check than anybody waits.
        """
        lines = [b"u%d:$2b$%02d$%b" % (cost, cost, REST) for cost in (10, 17, 18, 31)]
        entries = parse_entries(b"\n".join(lines))
        assert entries.absurd == (("u18", 18), ("u31", 31))
        assert list(entries.hashes) == ["u10", "u17", "u18", "u31"]

    def test_malformed(self) -> None:
        """
        A line that is none is named by its number.
        """
        with pytest.raises(Malformed, match=r"^line 3 is neither ") as raised:
            parse_entries(b"joe:%b\n\nsecret-without-a-name\n" % FIVE)
        assert "secret" not in str(raised.value)

    def test_old_letters(self) -> None:
        """
        Names may be UTF-8, or of an older file.
        """
        assert list(parse_entries(b"j\xf6:%b\n" % FIVE).hashes) == ["jö"]
        assert list(parse_entries("jö:".encode() + FIVE).hashes) == ["jö"]

    @given(st.binary())
    def test_anything(self, data: bytes) -> None:
        """
        Whatever is in a file, it is read, or it is malformed.
        """
        lines = range(1, data.count(b"\n") + 2)
        try:
            useful = parse_entries(data).hashes
        except Malformed as error:
            useful = {} if error.line in lines else {"no such line": b""}
        assert useful == {}


class HashTests:
    """
    bcrypt.
    """

    @pytest.mark.parametrize("version", [b"$2a$", b"$2b$", b"$2y$"])
    def test_versions(self, version: bytes) -> None:
        """
        All three names of the same thing are known.
        """
        hash_ = version + new_hash(b"secret", 4)[4:]
        assert cost_of(hash_) == 4
        assert is_right(b"secret", hash_, 4)
        assert not is_right(b"Secret", hash_, 4)

    def test_others_hash(self) -> None:
        """
        A hash that Apache's program has made is understood.
        """
        made_by_apache = b"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"
        assert cost_of(made_by_apache) == 5
        assert not is_right(b"nonsense", made_by_apache, 5)

    def test_nobody(self) -> None:
        """
        Nobody's password is right, whatever it is.
        """
        assert not is_right(b"", None, 4)
        assert not is_right(b"secret", None, 4)

    def test_long(self) -> None:
        """
        Hashes of passwords over 72 bytes go on to work, as bcrypt sees them; none is made.
        """
        hash_ = new_hash(b"x" * 72, 4)
        assert is_right(b"x" * 72 + b"whatever", hash_, 4)
        assert not is_right(b"x" * 71, hash_, 4)
        with pytest.raises(ValueError, match="first 72 bytes"):
            new_hash(b"x" * 73, 4)

    def test_zero(self) -> None:
        """
        What bcrypt takes for the same password because of a zero byte isn't.
        """
        hash_ = new_hash(b"x", 4)
        assert bcrypt.checkpw(b"x\0x", hash_)
        assert not is_right(b"x\0x", hash_, 4)

    def test_no_salt(self) -> None:
        """
        A hash that only looks like one is nobody's.
        """
        assert not is_right(b"secret", b"$2b$04$" + b"." * 53, 4)
        assert not is_right(b"secret", b"$2b$04$" + b"z" * 53, 4)
