"""
How lines look.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.observability.formats import (
    FORMATTERS,
    Formatter,
    escaped,
    format_access,
    format_json,
    format_logstash,
    format_text,
)

NOON = datetime(2026, 8, 18, 12, 0, 0, 123456, tzinfo=UTC)

#: What clients try in order to write lines of their own.
INJECTIONS = [
    'a"\nlevel=error msg="forged',
    "a\r\nforged",
    "a\x00b",
    "\x1b[2Jcleared",
    "\x9b2Jcleared",
    "a\u2028b\u2029c\x85d",
    'quote" - - [now] "GET / HTTP/1.1',
    "back\\slash\\",
    "lone\ud800surrogate",
    "über",
]


class TextTests:
    """
    ``text``: keys and values.
    """

    def test_line(self) -> None:
        """
        Time, level and message come first, then the fields in order.
        """
        line = format_text(NOON, "info", "response completed", {"b": 2, "a.x": "y z", "c": ""})
        assert line == (
            "time=2026-08-18T12:00:00.123456Z level=info "
            'msg="response completed" a.x="y z" b=2 c=""'
        )

    def test_quoting(self) -> None:
        """
        What is no plain word is quoted.
        """
        line = format_text(NOON, "info", "m", {"a": 'say "x"\\', "b": [1, "y"], "c": None})
        assert line.endswith(r'a="say \"x\"\\" b="[1, \"y\"]" c=null')

    @pytest.mark.parametrize("text", INJECTIONS)
    def test_injection(self, text: str) -> None:
        """
        No value ends its field or its line, or speaks to the terminal.
        """
        line = format_text(NOON, "info", text, {"user": text})
        assert line.isprintable()
        assert len(line.splitlines()) == 1
        pairs = re.findall(r'(\S+?)=("(?:[^"\\]|\\.)*"|\S*)(?: |\Z)', line)
        assert [key for key, _ in pairs] == ["time", "level", "msg", "user"]

    KEY = st.text("abc.", min_size=1, max_size=8)

    @given(st.dictionaries(KEY, st.text() | st.integers(), max_size=4))
    def test_anything(self, fields: dict[str, Any]) -> None:
        """
        Whatever the values are, the line is one printable line.
        """
        line = format_text(NOON, "info", "m", fields)
        assert line.isprintable()


class JsonTests:
    """
    ``json`` and ``logstash``: one object per line.
    """

    def test_json(self) -> None:
        """
        Level, message and time stand beside the fields.
        """
        assert json.loads(format_json(NOON, "warning", "m", {"a": {"b": 1}})) == {
            "a": {"b": 1},
            "level": "warning",
            "msg": "m",
            "time": "2026-08-18T12:00:00.123456Z",
        }

    def test_logstash(self) -> None:
        """
        Logstash has its own names, and its own word for warnings.
        """
        assert json.loads(format_logstash(NOON, "warning", "m", {"a": "b"})) == {
            "a": "b",
            "@timestamp": "2026-08-18T12:00:00.123456Z",
            "@version": "1",
            "level": "WARN",
            "message": "m",
        }
        assert json.loads(format_logstash(NOON, "info", "m", {}))["level"] == "info"

    @pytest.mark.parametrize("formatter", [format_json, format_logstash])
    @pytest.mark.parametrize("text", INJECTIONS)
    def test_injection(self, formatter: Formatter, text: str) -> None:
        """
        No value ends its field or its line, and each comes through as it was.
        """
        line = formatter(NOON, "info", text, {"user": text})
        assert line.isprintable()
        assert json.loads(line)["user"] == text

    def test_fields_cannot_forge(self) -> None:
        """
        A field can't stand in for the level or the message.
        """
        line = json.loads(format_json(NOON, "info", "m", {"level": "error", "msg": "forged"}))
        assert (line["level"], line["msg"]) == ("info", "m")

    def test_strange_values(self) -> None:
        """
        What JSON doesn't know is written as text.
        """
        for name, formatter in FORMATTERS.items():
            line = formatter(NOON, "info", "m", {"a": NOON, "b": b"bytes"})
            assert "2026-08-18" in line, name


class AccessTests:
    """
    Apache's combined format.
    """

    def test_line(self) -> None:
        """
        The line is the one that programs for Apache's logs read.
        """
        time = NOON.astimezone(timezone(timedelta(hours=2)))
        line = format_access("203.0.113.9", "joe", time, "GET / HTTP/1.1", '200 5 "" "curl"')
        assert line == (
            '203.0.113.9 - joe [18/Aug/2026:14:00:00 +0200] "GET / HTTP/1.1" 200 5 "" "curl"'
        )

    def test_nobody(self) -> None:
        """
        Who has no name or address is a dash.
        """
        assert format_access("", "", NOON, "r", "f").startswith(
            "- - - [18/Aug/2026:12:00:00 +0000]"
        )


class EscapedTests:
    """
    What a client sent.
    """

    @pytest.mark.parametrize(
        ("text", "result"),
        [
            ("plain text", "plain text"),
            ('"', r"\""),
            ("\\", r"\\"),
            ("\r\n\t\0", r"\r\n\t\x00"),
            ("\x7f\x9b\xa0", r"\x7f\x9b\xa0"),
            ("\u2028", r"\u2028"),
            ("\ud800", r"\ud800"),
            ("é", "é"),
            ("", ""),
        ],
    )
    def test_corpus(self, text: str, result: str) -> None:
        """
        Quotes, backslashes and what can't be printed are escaped.
        """
        assert escaped(text) == result

    @given(st.text(st.characters(), max_size=40))
    def test_anything(self, text: str) -> None:
        """
        No text leaves its quotes.
        """
        result = escaped(text)
        assert result.isprintable()
        assert re.fullmatch(r'(?:[^"\\]|\\.)*', result)
