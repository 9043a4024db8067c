"""
From YAML to a tree: lines, bounds, and what is refused.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.configuration.document import LARGEST, Malformed, parse_document
from txregistry.configuration.tree import Node, Scalar, Sequence, find, plain


def tree(text: str) -> Node:
    """
    :return: the tree of a document that holds something.
    """
    node = parse_document(text, "config.yml")
    assert node is not None
    return node


def fault(text: str) -> Malformed:
    """
    :return: why a text is refused.
    """
    with pytest.raises(Malformed) as caught:
        parse_document(text, "config.yml")
    return caught.value


class TreeTests:
    """
    The tree of what is YAML.
    """

    def test_lines(self) -> None:
        """
        An entry's node knows the line of its key, an element its own.
        """
        root = tree("a: 1\nb:\n  c:\n  - x\n  - y\n")
        first = find(root, "a")
        assert first is not None
        assert first.origin.line == 1
        inner = find(root, "b.c")
        assert isinstance(inner, Sequence)
        assert inner.origin.line == 3
        assert [item.origin.line for item in inner.items] == [4, 5]

    def test_text_as_written(self) -> None:
        """
        A scalar keeps both what YAML makes of it and what was written.
        """
        node = find(tree("version: 0.10"), "version")
        assert isinstance(node, Scalar)
        assert (node.value, node.text) == (0.1, "0.10")

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("true", True),
            ("5000", 5000),
            ("'5000'", "5000"),
            ("~", None),
            ("[a, 1]", ["a", 1]),
            ("{a: {b: [c]}}", {"a": {"b": ["c"]}}),
            (":5000", ":5000"),
            ("2020-01-02", "2020-01-02"),
            ("2020-99-99", "2020-99-99"),
            ("=", "="),
            ("1" * 5000, "1" * 5000),
            ("{1: a, true: b}", {"1": "a", "true": "b"}),
        ],
    )
    def test_values(self, text: str, value: Any) -> None:
        """
        Scalars have YAML's types; dates, and numbers that can't be, are strings; keys are as
        written.
        """
        assert plain(tree(text)) == value

    def test_aliases_and_merges(self) -> None:
        """
        Aliases and merge keys work; a key that is written wins over one that is merged.
        """
        text = "a: &a {x: 1, y: 2}\nb: &b {y: 9, z: 3}\nc: {<<: [*a, *b], x: 0}\nd: *a\n"
        root = plain(tree(text))
        assert root["c"] == {"x": 0, "y": 2, "z": 3}
        assert root["d"] == root["a"]

    def test_nothing(self) -> None:
        """
        A document of comments holds nothing.
        """
        assert parse_document("# nothing\n", "config.yml") is None


class RefusalTests:
    """
    What is refused, and how it is told.
    """

    @pytest.mark.parametrize(
        ("text", "line", "reason"),
        [
            ("a: 1\nb: [\n", 3, "is not valid YAML"),
            ("a: 1\n\tb: 2\n", 2, "cannot start any token"),
            ("a: 1\nb: 2\na: 3\n", 3, "the key is here twice, first on line 1"),
            ("a: 1\n---\nb: 1\n", 2, "found another document"),
            ("a: 1\nb: \x07\n", 2, "a character that YAML does not allow"),
            ("? [a]\n: b\n", 1, "a key must be a plain name"),
            ("a: !!python/name:os.system x\n", 1, "only the plain types"),
            ("a: !mine x\n", 1, "only the plain types"),
            ("a: !!binary eA==\n", 1, "only the plain types"),
            ("a: !!map x\n", 1, "only the plain types"),
            ("a: !!set {x, y}\n", 1, "only plain mappings and lists"),
            ("a: !!omap [x: 1]\n", 1, "only plain mappings and lists"),
            ("<<: x\n", 1, "only mappings can be merged"),
            ("a: 1\nb: **\n", 2, "a text that begins with a star needs quotes"),
            ("a: 1\nb: */c\n", 2, "a text that begins with a star needs quotes"),
            ("a: 1\nb: *c\n", 2, "a text that begins with a star needs quotes"),
        ],
    )
    def test_line_and_reason(self, text: str, line: int, reason: str) -> None:
        """
        What is refused is refused with its line and a reason.
        """
        refused = fault(text)
        assert reason in refused.text
        assert refused.line == line

    @pytest.mark.parametrize(
        "text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "a: &a [*a]"]
    )
    def test_depth(self, text: str) -> None:
        """
        Nesting without end is refused, also where an alias holds itself.
        """
        assert "deep" in fault(text).text or "aliases" in fault(text).text

    def test_alias_bomb(self) -> None:
        """
        Aliases that multiply are refused before they are followed.
        """
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
        assert "aliases" in fault("\n".join(lines)).text

    def test_size(self) -> None:
        """
        A document over the bound is not even looked at.
        """
        assert "larger" in fault("#" * (LARGEST + 1)).text

    @pytest.mark.parametrize(
        "text",
        [
            "a: *hunter2",
            "a: !hunter2 x",
            "%hunter2 x\n%YAML 9.9\n---\na",
            "a: &hunter2 x\nb: *hunter3",
        ],
    )
    def test_no_quotes(self, text: str) -> None:
        """
        A reason never quotes the document, in which secrets stand.
        """
        assert "hunter" not in fault(text).text

    def test_escape_out_of_unicode(self) -> None:
        """
        An escape that PyYAML stumbles over is a plain refusal.
        """
        assert fault('a: "\\UFFFFFFFF"').text == "is not valid YAML"

    @given(
        st.text(
            alphabet=st.sampled_from(":-?,[]{}#&*!|>'\"%@` \n\tab01<=~.\\\u0085\ufeffé"),
            max_size=60,
        )
    )
    def test_any_text(self, text: str) -> None:
        """
        Any text is a tree, nothing, or refused.
        """
        try:
            node = parse_document(text, "config.yml")
        except Malformed:
            return
        assert node is None or node.origin.line
