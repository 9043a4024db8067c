"""
distribution itself, as Debian has it, on a directory.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from attrs import define, frozen
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.daemon import free_port

SECRET = "between the two of us"
PATIENCE = 20.0


@frozen
class Answer:
    """
    What it answered.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@define
class Distribution:
    """
    A running registry.

    :param program: the executable.
    :param root: the directory that it keeps everything in.
    """

    program: Path
    root: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.port = free_port()
        configuration = self.root.parent / "distribution.yml"
        configuration.write_text(
            yaml.safe_dump(
                {
                    "version": 0.1,
                    "storage": {
                        "filesystem": {"rootdirectory": str(self.root)},
                        "delete": {"enabled": True},
                    },
                    "http": {"addr": f"127.0.0.1:{self.port}", "secret": SECRET},
                    "log": {"level": "error"},
                    "compatibility": {"schema1": {"enabled": True}},
                }
            )
        )
        self.process = subprocess.Popen(
            [self.program, "serve", configuration],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.request("GET", "/v2/")
                return
            except ConnectionError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE)
            self.process = None

    def request(self, method: str, url: str, body: bytes | None = None, **headers: str) -> Answer:
        """
        Ask it something.

        :param url: a path, or what it gave as a ``Location``.
        :param headers: with ``_`` for ``-``.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        path = url.removeprefix(f"http://127.0.0.1:{self.port}")
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, fields)
        response = connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return answer

    def start_upload(self, name: str, *pieces: bytes) -> str:
        """
        Begin an upload.

        :return: where it goes on.
        """
        location = self.request("POST", f"/v2/{name}/blobs/uploads/").headers["Location"]
        for piece in pieces:
            answer = self.request("PATCH", location, piece)
            assert answer.status == 202
            location = answer.headers["Location"]
        return location

    def push_blob(self, name: str, content: bytes, algorithm: str = "sha256") -> None:
        """Push a blob in two pieces."""
        half = len(content) // 2
        location = self.start_upload(name, content[:half])
        digest = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
        answer = self.request("PUT", f"{location}&digest={digest}", content[half:])
        assert answer.status == 201, answer

    def push_manifest(self, name: str, reference: str, media_type: str, payload: bytes) -> None:
        """Push a manifest."""
        answer = self.request(
            "PUT", f"/v2/{name}/manifests/{reference}", payload, Content_Type=media_type
        )
        assert answer.status == 201, answer

    def upload_url(self, name: str, id: str, offset: int) -> str:
        """:return: the URL by which it goes on with an upload that another server began."""
        state = json.dumps(
            {"Name": name, "UUID": id, "Offset": offset, "StartedAt": "2026-08-18T11:55:22Z"},
            separators=(",", ":"),
        ).encode()
        signature = hmac.digest(SECRET.encode(), state, "sha256")
        token = base64.urlsafe_b64encode(signature + state).decode()
        return f"/v2/{name}/blobs/uploads/{id}?_state={token}"


def signed(document: dict[str, Any]) -> tuple[bytes, bytes]:
    """
    Sign a manifest of schema 1, as Docker's clients did.

    :return: its payload, which is what is stored, and the signed document.
    """
    payload = json.dumps(document, indent=3).encode()
    cut = payload.rindex(b"\n}")
    key = ec.generate_private_key(ec.SECP256R1())
    protected = _base64(
        json.dumps(
            {
                "formatLength": cut,
                "formatTail": _base64(payload[cut:]),
                "time": "2026-08-18T11:55:22Z",
            }
        ).encode()
    )
    r, s = decode_dss_signature(
        key.sign(f"{protected}.{_base64(payload)}".encode(), ec.ECDSA(hashes.SHA256()))
    )
    signature = {
        "header": {"alg": "ES256", "jwk": _public(key.public_key())},
        "signature": _base64(r.to_bytes(32, "big") + s.to_bytes(32, "big")),
        "protected": protected,
    }
    signatures = b',\n   "signatures": ' + json.dumps([signature]).encode()
    return payload, payload[:cut] + signatures + payload[cut:]


def _public(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """:return: the JSON Web Key, with the id that libtrust gives it."""
    numbers = key.public_numbers()
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
    return {
        "crv": "P-256",
        "kid": ":".join(text[begin : begin + 4] for begin in range(0, len(text), 4)),
        "kty": "EC",
        "x": _base64(numbers.x.to_bytes(32, "big")),
        "y": _base64(numbers.y.to_bytes(32, "big")),
    }


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
