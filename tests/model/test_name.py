"""
Names of repositories, tags, references.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.errors import DigestInvalid, NameInvalid, TagInvalid
from txregistry.model.digest import Digest
from txregistry.model.name import parse_name, parse_reference, parse_tag, tags_among

runs = st.text("ab0", min_size=1, max_size=3)
separators = st.sampled_from([".", "_", "__", "-", "--", "-----"])
components = st.builds(
    lambda first, more: first + "".join(separator + run for separator, run in more),
    runs,
    st.lists(st.tuples(separators, runs), max_size=3),
)
PATH = re.compile(r"(/[A-Za-z0-9._-]+)+")


class NameTests:
    """
    Repository names.
    """

    @given(parts=st.lists(components, min_size=1, max_size=6))
    def test_grammar(self, parts: list[str]) -> None:
        """
        Components joined by slashes are a name.
        """
        text = "/".join(parts)
        assert parse_name(text) == text

    @given(text=st.text(alphabet="ab0._-/A:", max_size=20) | st.text())
    def test_anything(self, text: str) -> None:
        """
        Whatever is accepted is a safe path, and anything else is invalid and nothing worse.
        """
        try:
            name = parse_name(text)
        except NameInvalid:
            return
        assert PATH.fullmatch(f"/{name}")
        parts = name.split("/")
        assert not any(part.startswith((".", "_", "-")) for part in parts)
        assert not {"", ".", ".."} & set(parts)

    @pytest.mark.parametrize(
        "text",
        [
            "a",
            "0",
            "library/ubuntu",
            "a.b/c_d/e__f/g---h",
            "a/b/c/d/e",
            "x" * 255,
            "a/" + "x" * 253,
        ],
    )
    def test_good(self, text: str) -> None:
        """
        Names that people use.
        """
        assert parse_name(text) == text

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "A",
            "a/B",
            "a_",
            "_a",
            "a/_uploads",
            "a___b",
            "a..b",
            "a._b",
            "a.",
            ".",
            "..",
            "a/../b",
            "a-",
            "-a",
            "a b",
            "a\n",
            "ä",
            "a\x00",
            "localhost:5000/a",
            "x" * 256,
        ],
    )
    def test_bad(self, text: str) -> None:
        """
        What breaks the grammar, or is too long.
        """
        with pytest.raises(NameInvalid):
            parse_name(text)

    def test_quick(self) -> None:
        """
        A name that is almost one is refused at once, however it is built.
        """
        for text in ("a" * 254 + "_", "a-" * 127 + "_", "a_" * 127, "a." * 100 + "!"):
            with pytest.raises(NameInvalid):
                parse_name(text)

    def test_error_is_short(self) -> None:
        """
        The error doesn't repeat all of a long text.
        """
        with pytest.raises(NameInvalid) as caught:
            parse_name("x" * 100_000)
        assert len(str(caught.value)) < 1000


class TagTests:
    """
    Tags.
    """

    @given(text=st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z"))
    def test_grammar(self, text: str) -> None:
        """
        What the grammar makes is a tag.
        """
        assert parse_tag(text) == text
        assert tags_among([text, "a", text]) == [text, "a", text]

    @pytest.mark.parametrize(
        "text", ["", ".a", "-a", "a" * 129, "a:b", "a/b", "ä", "a\n", "a ", "\u0661", "a\x00"]
    )
    def test_bad(self, text: str) -> None:
        """
        Anything else isn't.
        """
        with pytest.raises(TagInvalid):
            parse_tag(text)
        assert tags_among(["b", text, "A"]) == ["b", "A"]
        assert tags_among([text]) == []

    @given(text=st.text())
    def test_anything(self, text: str) -> None:
        """
        Whatever is accepted is a safe name of a directory.
        """
        try:
            tag = parse_tag(text)
        except TagInvalid:
            return
        assert PATH.fullmatch(f"/{tag}")
        assert tag not in (".", "..")


class ReferenceTests:
    """
    What stands behind ``/manifests/``.
    """

    @given(content=st.binary(), algorithm=st.sampled_from(["sha256", "sha512"]))
    def test_digest(self, content: bytes, algorithm: str) -> None:
        """
        A digest is one.
        """
        digest = Digest.of(content, algorithm)
        assert parse_reference(str(digest)) == digest

    def test_tag(self) -> None:
        """
        A tag is one, also if it looks like half a digest.
        """
        for text in ("latest", "sha256", "sha256-" + "a" * 64):
            assert parse_reference(text) == text

    @pytest.mark.parametrize("text", [":", "sha256:abc", "latest:", ":latest", "md5:" + "a" * 32])
    def test_colon(self, text: str) -> None:
        """
        What has a colon is a digest or nothing.
        """
        with pytest.raises(DigestInvalid):
            parse_reference(text)

    @given(text=st.text())
    def test_anything(self, text: str) -> None:
        """
        Anything is a tag, a digest, or invalid.
        """
        try:
            reference = parse_reference(text)
        except (TagInvalid, DigestInvalid):
            return
        assert str(reference) == text
