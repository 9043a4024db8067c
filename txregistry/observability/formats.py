"""
How a line of the log is written: ``text``, ``json`` and ``logstash``, as distribution does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

Formatter = Callable[[datetime, str, str, Mapping[str, Any]], str]
"""Makes a line, without its end, of a time, a level, a message and fields."""

_PLAIN = re.compile(r"[A-Za-z0-9._/@^+:-]+\Z")
_LOGSTASH_LEVELS: Final = {"warning": "WARN"}


def format_text(time: datetime, level: str, message: str, fields: Mapping[str, Any]) -> str:
    """:return: ``key=value`` pairs."""
    pairs: dict[str, Any] = {"time": _timestamp(time), "level": level, "msg": message}
    pairs.update((key, fields[key]) for key in sorted(fields))
    return " ".join(f"{key}={_quoted(value)}" for key, value in pairs.items())


def format_json(time: datetime, level: str, message: str, fields: Mapping[str, Any]) -> str:
    """:return: a JSON object."""
    line = {**fields, "level": level, "msg": message, "time": _timestamp(time)}
    return _json(line)


def format_logstash(time: datetime, level: str, message: str, fields: Mapping[str, Any]) -> str:
    """:return: a JSON object in the form that logstash reads."""
    line = {
        **fields,
        "@timestamp": _timestamp(time),
        "@version": "1",
        "level": _LOGSTASH_LEVELS.get(level, level),
        "message": message,
    }
    return _json(line)


FORMATTERS: Final[Mapping[str, Formatter]] = {
    "text": format_text,
    "json": format_json,
    "logstash": format_logstash,
}


def format_access(address: str, user: str, time: datetime, request: str, facts: str) -> str:
    """
    :param request: the request line.
    :param facts: status, bytes, referer and user agent, ready to stand there.
    :return: a line in Apache's combined format.
    """
    stamp = time.strftime("%d/%b/%Y:%H:%M:%S %z")
    return f'{address or "-"} - {user or "-"} [{stamp}] "{request}" {facts}'


def escaped(text: str) -> str:
    """:return: what a client sent, so that it can't end a field or a line."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(_escape(character) for character in text)


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def _json(line: Mapping[str, Any]) -> str:
    """:return: a line that no terminal and no encoding can misunderstand."""
    return json.dumps(line, default=str, separators=(",", ":"))


def _timestamp(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _quoted(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if _PLAIN.match(text) else f'"{escaped(text)}"'
