"""
Asking a real daemon with names and passwords.
"""

from __future__ import annotations

import http.client
from base64 import b64encode
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

import attrs

from tests.daemon import Daemon


@attrs.frozen
class Answered:
    """
    What came.
    """

    status: int
    fields: HTTPMessage
    body: bytes


def ask(
    daemon: Daemon,
    credentials: str | bytes = "",
    target: str = "/v2/",
    method: str = "GET",
    source: str = "127.0.0.1",
    **fields: str,
) -> Answered:
    """
    :param credentials: ``name:password``, or nothing.
    :param source: the address that the daemon sees.
    """
    connection = http.client.HTTPConnection(
        "127.0.0.1", daemon.port, timeout=60, source_address=(source, 0)
    )
    if credentials:
        data = credentials if isinstance(credentials, bytes) else credentials.encode()
        fields["Authorization"] = f"Basic {b64encode(data).decode()}"
    try:
        connection.request(method, target, headers=fields)
        answer = connection.getresponse()
        return Answered(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def auth(path: Path, realm: str = "A registry") -> dict[str, Any]:
    """:return: a configuration with passwords."""
    return {"auth": {"htpasswd": {"realm": realm, "path": str(path)}}}
