"""
People who use a registry with access control, each with what he presents of himself.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
import bcrypt

from tests.clients.wire import MANIFEST, Answer, Headers, Wire, sha256
from tests.wire.contents import descriptor, encoded

#: Everybody's password.
PASSWORD = "open sesame"

#: The cheapest check of a password that there is.
COST = 5


@attrs.frozen
class Person(Wire):
    """
    Somebody.

    :param authorization: what he presents; nothing where it is empty.
    """

    authorization: str = ""

    def request(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Headers = (),
    ) -> Answer:
        lines = list(headers.items() if isinstance(headers, Mapping) else headers)
        if self.authorization:
            lines.append(("Authorization", self.authorization))
        return super().request(method, target, body, lines)


def person(address: str, name: str = "", password: str = PASSWORD) -> Person:
    """
    Somebody with a password, or, without a name, nobody in particular.
    """
    if not name:
        return Person(address)
    return Person(address, "Basic " + b64encode(f"{name}:{password}".encode()).decode())


def bearer(address: str, name: str = "", *scopes: str) -> Person:
    """
    Somebody with a token for some scopes, from the registry's own token server.
    """
    query = "&".join(["service=txregistry", *(f"scope={quote(scope)}" for scope in scopes)])
    answer = person(address, name).get(f"/auth/token?{query}").expect(200)
    return Person(address, "Bearer " + answer.json()["token"])


def write_passwords(path: Path, *names: str) -> None:
    """
    Write a file for ``auth.htpasswd``.
    """
    salt = bcrypt.gensalt(COST)
    hashed = bcrypt.hashpw(PASSWORD.encode(), salt).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}:{hashed}\n" for name in names), encoding="utf-8")


def passwords(directory: Path, *names: str, tokens: bool = False) -> dict[str, Any]:
    """
    The part of a configuration by which people with a password are known.

    :param tokens: whether the registry gives them tokens.
    """
    path = directory / "htpasswd"
    write_passwords(path, *names)
    found: dict[str, Any] = {"auth": {"htpasswd": {"realm": "a registry", "path": str(path)}}}
    if tokens:
        found["tokenserver"] = {"signingkey": str(directory / "signing.pem")}
    return found


@attrs.frozen
class Pushed:
    """
    An image that was pushed.
    """

    repository: str
    digest: str
    blobs: tuple[str, ...]


def push_image(pusher: Wire, repository: str, tag: str = "latest") -> Pushed:
    """
    Push a small image that only this repository has.
    """
    config, layer = f"config of {repository}".encode(), f"layer of {repository}".encode()
    blobs = tuple(pusher.push_blob(repository, content) for content in (config, layer))
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
    }
    manifest = encoded(document).decode()
    pusher.push_manifest(repository, tag, manifest.encode()).expect(201)
    return Pushed(repository, sha256(manifest.encode()), blobs)
