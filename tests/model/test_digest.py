"""
Digests.
"""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.errors import DigestInvalid
from txregistry.model.digest import HEX_LENGTHS, Digest, parse_algorithm

algorithms = st.sampled_from(sorted(HEX_LENGTHS))
SHA256 = "sha256:" + "ab" * 32


class ParseTests:
    """
    Reading digests.
    """

    @given(algorithm=algorithms, data=st.data())
    def test_round_trip(self, algorithm: str, data: st.DataObject) -> None:
        """
        What is a digest is read, and written back the same.
        """
        length = HEX_LENGTHS[algorithm]
        text = data.draw(st.text("0123456789abcdef", min_size=length, max_size=length))
        digest = Digest.parse(f"{algorithm}:{text}")
        assert (digest.algorithm, digest.hex) == (algorithm, text)
        assert Digest.parse(str(digest)) == digest

    @given(text=st.text() | st.builds("{}:{}".format, algorithms, st.text("0123456789abcdefF")))
    def test_anything(self, text: str) -> None:
        """
        Anything else is invalid, and nothing worse.
        """
        try:
            digest = Digest.parse(text)
        except DigestInvalid:
            return
        assert str(digest) == text
        assert len(digest.hex) == HEX_LENGTHS[digest.algorithm]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "algorithm:hex"),
            ("latest", "algorithm:hex"),
            (":", "unsupported algorithm"),
            ("md5:" + "a" * 32, "unsupported algorithm"),
            ("SHA256:" + "a" * 64, "unsupported algorithm"),
            ("tarsum.v1+sha256:" + "a" * 64, "unsupported algorithm"),
            ("sha256:" + "a" * 63, "64 hexadecimal"),
            ("sha256:" + "a" * 65, "64 hexadecimal"),
            ("sha512:" + "a" * 64, "128 hexadecimal"),
            ("sha256:" + "A" * 64, "lower-case"),
            ("sha256:" + "g" * 64, "lower-case"),
            ("sha256:" + "\u0661" * 64, "lower-case"),
            (SHA256 + "\n", "64 hexadecimal"),
            (" " + SHA256, "unsupported algorithm"),
        ],
    )
    def test_reason(self, text: str, reason: str) -> None:
        """
        The error says what is wrong.
        """
        with pytest.raises(DigestInvalid) as caught:
            Digest.parse(text)
        assert reason in caught.value.detail["reason"]

    def test_long(self) -> None:
        """
        The error doesn't repeat all of a long text.
        """
        with pytest.raises(DigestInvalid) as caught:
            Digest.parse("x" * 100_000)
        assert len(caught.value.detail["digest"]) < 1000

    @given(algorithm=algorithms, content=st.binary())
    def test_of(self, algorithm: str, content: bytes) -> None:
        """
        The digest of some content is its hash.
        """
        assert str(Digest.of(content, algorithm)) == (
            f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
        )

    @given(first=st.binary(), second=st.binary(), algorithm=algorithms)
    def test_order(self, first: bytes, second: bytes, algorithm: str) -> None:
        """
        Digests of one algorithm are ordered as their texts.
        """
        one, two = Digest.of(first, algorithm), Digest.of(second, algorithm)
        assert (one < two) == (str(one) < str(two))

    @pytest.mark.parametrize("text", ["", "SHA256", "sha1", "md5", "sha256 ", "sha256\n"])
    def test_bad_algorithm(self, text: str) -> None:
        """
        Only three algorithms are accepted.
        """
        with pytest.raises(DigestInvalid):
            parse_algorithm(text)

    @given(algorithm=algorithms)
    def test_algorithm(self, algorithm: str) -> None:
        """
        Each of them is.
        """
        assert parse_algorithm(algorithm) == algorithm
