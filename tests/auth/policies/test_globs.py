"""
Patterns of repository names.
"""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.auth.policies.globs import parse_glob

COMPONENTS = st.text(alphabet="ab-", min_size=1, max_size=4)
NAMES = st.lists(COMPONENTS, min_size=1, max_size=5).map("/".join)
STARRED = st.text(alphabet="ab*", min_size=1, max_size=5).filter(lambda text: "**" not in text)
GLOBS = st.lists(st.one_of(STARRED, COMPONENTS, st.just("**")), min_size=1, max_size=6).map(
    "/".join
)


def naive(glob: str, name: str) -> bool:
    """
    The same by definition: tries everything.
    """

    def rest(pattern: list[str], components: list[str]) -> bool:
        if not pattern:
            return not components
        if pattern[0] == "**":
            least = 1 if len(pattern) == 1 else 0
            return any(
                rest(pattern[1:], components[count:]) for count in range(least, len(components) + 1)
            )
        if not components:
            return False
        expression = "[^/]*".join(map(re.escape, pattern[0].split("*")))
        return bool(re.fullmatch(expression, components[0])) and rest(pattern[1:], components[1:])

    return rest(glob.split("/"), name.split("/"))


class MatchingTests:
    """
    Which names a pattern means.
    """

    @pytest.mark.parametrize(
        ("glob", "yes", "no"),
        [
            ("**", "a a/b a/b/c", ""),
            ("*", "a abc", "a/b"),
            ("ci/**", "ci/a ci/a/b", "ci cia a/ci ci-a/b"),
            ("ci/*", "ci/a ci/abc", "ci ci/a/b"),
            ("**/dev", "dev a/dev a/b/dev", "devs dev/a"),
            ("a/**/z", "a/z a/b/z a/b/c/z a/z/z", "a z a/zz a/b/z/c"),
            ("a*z/b", "az/b abcz/b", "a/b az az/c"),
            ("*-*", "a-b - a-b-c", "ab a/-b"),
            ("a/b", "a/b", "a a/b/c a/bb"),
            ("**/*", "a a/b", ""),
            ("*/**", "a/b a/b/c", "a"),
            ("**/a/**/b/**", "a/b/c x/a/y/b/z", "a/b a/c b/a/c"),
            ("ab*ba", "abba abxba", "aba"),
        ],
    )
    def test_examples(self, glob: str, yes: str, no: str) -> None:
        """
        ``*`` stays within a component, ``**`` goes across, and nothing else has a meaning.
        """
        pattern = parse_glob(glob)
        assert [name for name in yes.split() if not pattern.matches(name)] == []
        assert [name for name in no.split() if pattern.matches(name)] == []

    @given(GLOBS, NAMES)
    def test_as_defined(self, glob: str, name: str) -> None:
        """
        Any pattern means what trying everything finds.
        """
        assert parse_glob(glob).matches(name) == naive(glob, name)

    @given(GLOBS, NAMES)
    def test_prefix(self, glob: str, name: str) -> None:
        """
        What matches begins with the pattern's prefix, which is how its rules are found.
        """
        pattern = parse_glob(glob)
        if pattern.matches(name):
            assert pattern.prefix in ("", name) or name.startswith(pattern.prefix + "/")

    @pytest.mark.parametrize(
        ("glob", "name"),
        [
            ("*a" * 100 + "b", "a" * 255),
            ("/".join(["**", "a"] * 60) + "/b", "/".join(["a"] * 127)),
            ("/".join(["**", "*a*a*"] * 40) + "/b", "/".join(["aaaaaaa"] * 31)),
        ],
    )
    def test_never_slow(self, glob: str, name: str) -> None:
        """
        No pattern takes long, whatever the name.
        """
        pattern = parse_glob(glob)
        began = time.process_time()
        assert not pattern.matches(name)
        assert time.process_time() - began < 0.05


class WeightTests:
    """
    Which of two patterns is the more specific one.
    """

    @pytest.mark.parametrize(
        ("more", "less"),
        [
            ("a/b", "a/*"),
            ("a/*", "a/**"),
            ("a/**", "*/**"),
            ("*/**", "**"),
            ("ab*", "a*"),
            ("a/*/c", "a/**/c"),
            ("a/**", "**/b"),
            ("**/b", "**"),
            ("a/b/**", "a/**"),
            ("a", "*"),
        ],
    )
    def test_order(self, more: str, less: str) -> None:
        """
        Text weighs more than stars, from the left to the right.
        """
        assert parse_glob(more).weight > parse_glob(less).weight

    @pytest.mark.parametrize(("one", "other"), [("a*", "*a"), ("**", "**/**"), ("a/b*", "a/*c")])
    def test_equal(self, one: str, other: str) -> None:
        """
        Some are equally specific.
        """
        assert parse_glob(one).weight == parse_glob(other).weight


class MistakeTests:
    """
    What is no pattern.
    """

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "empty"),
            ("/a", "empty"),
            ("a/", "empty"),
            ("a//b", "empty"),
            ("ci**", "whole components"),
            ("a/***", "whole components"),
            ("CI/*", "capitals"),
            ("a b", "made of"),
            ("a?", "made of"),
            ("[a-z]", "made of"),
            ("a\n", "made of"),
        ],
    )
    def test_refused(self, text: str, why: str) -> None:
        """
        Each is refused, and why is said.
        """
        with pytest.raises(ValueError, match=why.replace("*", r"\*")):
            parse_glob(text)
