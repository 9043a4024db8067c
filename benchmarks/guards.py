"""
Access control for a registry that is measured, and who may use it.
"""

from __future__ import annotations

import http.client
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import bcrypt
from attrs import frozen

Fields = Mapping[str, str]

USER: Final = "bench"
PASSWORD: Final = "of the benchmark"
RULES: Final = 1000

#: As in a registry that somebody guards: the cost that ``txregistry passwd`` has, too.
COST: Final = 10


def nobody(_: int, __: str) -> Fields:
    """Who needs not say who he is."""
    return {}


@frozen(kw_only=True)
class Guard:
    """
    A way to guard a registry.

    :param name: behind that of the target.
    :param title: behind its title.
    :param configuration: is given a directory for its files.
    :param credentials: is given the port of the registry and the name of a repository, and gives
        the header fields of somebody who may read and write there.
    """

    name: str
    title: str
    configuration: Callable[[Path], dict[str, Any]]
    credentials: Callable[[int, str], Fields] = nobody


def _passwords(directory: Path) -> dict[str, Any]:
    path = directory / "htpasswd"
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(COST)).decode()
    path.write_text(f"{USER}:{hashed}\n", encoding="ascii")
    return {"auth": {"htpasswd": {"realm": "benchmark", "path": str(path)}}}


def _tokens(directory: Path) -> dict[str, Any]:
    server = {"signingkey": str(directory / "signing.pem"), "lifetime": "24h"}
    return {**_passwords(directory), "tokenserver": server}


def _policies(_: Path) -> dict[str, Any]:
    everybody = {"repositories": "**", "anonymous": True, "allow": ["pull", "push", "delete"]}
    others = [
        {"repositories": f"team{number}/**", "users": f"user{number}", "allow": ["pull", "push"]}
        for number in range(1, RULES)
    ]
    return {"policies": {"rules": [everybody, *others]}}


def _basic(_: int, __: str) -> Fields:
    return {"Authorization": "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()}


def _bearer(port: int, repository: str) -> Fields:
    scope = quote(f"repository:{repository}:pull,push,delete")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        target = f"/auth/token?service=txregistry&scope={scope}"
        connection.request("GET", target, headers=dict(_basic(port, repository)))
        token: str = json.loads(connection.getresponse().read())["token"]
    finally:
        connection.close()
    return {"Authorization": f"Bearer {token}"}


GUARDS: Final = (
    Guard(name="htpasswd", title="htpasswd", configuration=_passwords, credentials=_basic),
    Guard(name="token", title="a token", configuration=_tokens, credentials=_bearer),
    Guard(name="policies", title=f"policies of {RULES} rules", configuration=_policies),
)
