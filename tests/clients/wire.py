"""
A small HTTP client for a registry, on :mod:`http.client` alone.

The tests with real programs look at what a program left behind through this client, and send
with it what no program at hand sends. It shares no code with the registry, and follows nothing,
decodes nothing and repeats nothing on its own: what is asserted is what came over the wire.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import attrs

__all__ = [
    "DOCKER_LIST",
    "DOCKER_MANIFEST",
    "INDEX",
    "MANIFEST",
    "Answer",
    "Connection",
    "Wire",
    "sha256",
    "with_query",
]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

#: Seconds that one read or write on a socket may take.
TIMEOUT = 30.0

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


def sha256(content: bytes) -> str:
    """
    The sha256 digest of some bytes, as registries write it.
    """
    return "sha256:" + hashlib.sha256(content).hexdigest()


@attrs.frozen
class Answer:
    """
    A whole response.

    :param headers: every header line in the order received, names as sent.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        """
        The values of all header lines of a name.
        """
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """
        The value of a header that may be there once at most.
        """
        values = self.values(name)
        assert len(values) < 2, f"{name} is there {len(values)} times: {values}"
        return values[0] if values else None

    def json(self) -> Any:
        """
        The body, which must be JSON.
        """
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        """
        The error codes of a registry's error body.
        """
        return [error["code"] for error in self.json()["errors"]]

    @property
    def location(self) -> str:
        """
        The ``Location`` as a request target (path and query), whether it came relative or absolute.
        """
        value = self.header("Location")
        assert value, f"no Location in {self}"
        parts = urlsplit(value)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def expect(self, *statuses: int) -> Answer:
        """
        Fail, showing the whole response, unless the status is one of these.
        """
        assert self.status in statuses, f"expected {statuses}, got {self}"
        return self


class Connection:
    """
    One connection, written to byte for byte, whose responses are read in order.
    """

    def __init__(self, address: str, timeout: float = TIMEOUT) -> None:
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout)
        self._file = self.socket.makefile("rb", buffering=1 << 16)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self.socket.close()

    def send(self, content: bytes) -> None:
        """
        Write these bytes.
        """
        self.socket.sendall(content)

    def receive(self, method: str = "GET") -> Answer:
        """
        Read the next final response.

        :param method: that of the request; it decides whether the response has a body.
        """
        response = http.client.HTTPResponse(_Sharing(self._file), method=method)  # type: ignore[arg-type] # only makefile() is used
        response.begin()
        return Answer(response.status, tuple(response.getheaders()), response.read())

    def receive_interim(self) -> int:
        """
        Read an interim (1xx) response and return its status.
        """
        line = self._file.readline()
        while self._file.readline().strip():
            pass
        return int(line.split()[1])

    def closed_by_peer(self) -> bool:
        """
        Whether the other side has ended the connection; waits for a byte or the end.
        """
        try:
            return not self._file.read(1)
        except ConnectionResetError:
            return True


class _Sharing:
    """
    What HTTPResponse wants of a socket, without reading ahead of the response.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    def makefile(self, mode: str) -> Any:
        return _Unclosable(self._file)


class _Unclosable:
    """
    A file that its reader can't close: the next response comes from it.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        pass


@attrs.frozen
class Wire:
    """
    A registry at an address.

    :param address: ``host:port``, without a scheme.
    """

    address: str

    def connect(self, timeout: float = TIMEOUT) -> Connection:
        """
        Open a connection for bytes of one's own.
        """
        return Connection(self.address, timeout)

    def request(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Headers = (),
    ) -> Answer:
        """
        Send one request on a connection of its own. A body that is no bytes is sent chunked.
        """
        lines = list(headers.items() if isinstance(headers, Mapping) else headers)
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            chunked = body is not None and not isinstance(body, bytes)
            if isinstance(body, bytes):
                connection.putheader("Content-Length", str(len(body)))
            elif chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            elif method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", "0")
            for name, value in lines:
                connection.putheader(name, value)
            connection.endheaders(body, encode_chunked=chunked)
            response = connection.getresponse()
            return Answer(response.status, tuple(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, target: str, headers: Headers = ()) -> Answer:
        return self.request("GET", target, headers=headers)

    def head(self, target: str, headers: Headers = ()) -> Answer:
        return self.request("HEAD", target, headers=headers)

    def delete(self, target: str) -> Answer:
        return self.request("DELETE", target)

    def manifest(self, repository: str, reference: str) -> Answer:
        """
        Get a manifest as a modern client does, naming all types.
        """
        accept = f"{MANIFEST}, {INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}"
        return self.get(f"/v2/{repository}/manifests/{reference}", {"Accept": accept})

    def blob(self, repository: str, digest: str, headers: Headers = ()) -> Answer:
        return self.get(f"/v2/{repository}/blobs/{digest}", headers)

    def digest_of(self, repository: str, reference: str) -> str:
        """
        The digest of a manifest that must be there.
        """
        digest = self.manifest(repository, reference).expect(200).header("Docker-Content-Digest")
        assert digest is not None
        return digest

    def begin_upload(self, repository: str) -> str:
        """
        Begin an upload and return its location.
        """
        return self.request("POST", f"/v2/{repository}/blobs/uploads/").expect(202).location

    def push_blob(self, repository: str, content: bytes) -> str:
        """
        Push a blob in two requests and return its digest.
        """
        digest = sha256(content)
        location = with_query(self.begin_upload(repository), f"digest={digest}")
        kind = {"Content-Type": "application/octet-stream"}
        self.request("PUT", location, content, kind).expect(201)
        return digest

    def push_manifest(
        self, repository: str, reference: str, content: bytes, media_type: str = MANIFEST
    ) -> Answer:
        target = f"/v2/{repository}/manifests/{reference}"
        return self.request("PUT", target, content, {"Content-Type": media_type})

    def referrers(self, repository: str, digest: str) -> list[dict[str, Any]]:
        """
        All referrers of a digest, from all pages.
        """
        found: list[dict[str, Any]] = []
        for answer in self.pages(f"/v2/{repository}/referrers/{digest}"):
            found += answer.json()["manifests"]
        return found

    def tags(self, repository: str) -> list[str]:
        """
        All tags of a repository, from all pages.
        """
        found: list[str] = []
        for answer in self.pages(f"/v2/{repository}/tags/list"):
            found += answer.json()["tags"]
        return found

    def repositories(self) -> list[str]:
        """
        The catalog, from all pages.
        """
        found: list[str] = []
        for answer in self.pages("/v2/_catalog"):
            found += answer.json()["repositories"]
        return found

    def pages(self, target: str) -> Iterable[Answer]:
        """
        Follow ``Link`` headers from a list's first page to its last.
        """
        while True:
            answer = self.get(target).expect(200)
            yield answer
            link = answer.header("Link")
            if link is None:
                return
            match = re.fullmatch(r'<([^>]+)>; ?rel="?next"?', link)
            assert match, f"not a link to the next page: {link}"
            parts = urlsplit(match[1])
            target = f"{parts.path}?{parts.query}"


def with_query(target: str, parameter: str) -> str:
    """
    Add a parameter to a request target that may have some.
    """
    return target + ("&" if "?" in target else "?") + parameter
