"""
A lean HTTP/1.1 client for proofs: one connection at a time, bodies as streams both ways.

It is synchronous and for use in threads, takes no memory for what it sends or gets, repeats
nothing and believes nothing: what the server sent is what the caller sees.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from io import BufferedReader
from typing import Any, Self
from urllib.parse import urlsplit

import attrs

from tests.proofs.content import KIB, Content

PATIENCE = 60.0

Sink = Callable[[memoryview], object]


class ConnectionBroken(Exception):
    """
    The server closed the connection before its answer was complete.
    """


@attrs.frozen
class Answer:
    """
    A response.

    :param headers: by lower-case names; of several lines of one name the last.
    :param body: empty where it went to a sink.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)

    @property
    def location(self) -> str:
        """
        The path and query of ``Location``.
        """
        parts = urlsplit(self.headers["location"])
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def codes(self) -> list[str]:
        """
        The codes of the error body; it must be one.
        """
        return [error["code"] for error in self.json()["errors"]]

    @property
    def offset(self) -> int:
        """
        How many bytes an upload has, as its ``Range`` says.  One byte can't be told from none.
        """
        found = re.fullmatch(r"0-(\d+)", self.headers["range"])
        assert found is not None, self
        return int(found[1]) + 1 if int(found[1]) else 0

    def json(self) -> Any:
        """
        What the body says.
        """
        return json.loads(self.body)

    def expect(self, *statuses: int) -> Answer:
        """
        Fail, showing the response, unless its status is one of these.
        """
        assert self.status in statuses, f"expected {statuses}, got {self}: {self.body[:500]!r}"
        return self


def answer_from(
    stream: BufferedReader, *, bodiless: bool = False, sink: Sink | None = None
) -> Answer:
    """
    Read one response, skipping interim ones.

    :param bodiless: whether it answers a HEAD.
    :param sink: gets the body.
    :raises ConnectionBroken: the stream ended before the response did.
    """
    status, headers = 100, {}
    while status < 200:
        words = _line(stream).split(b" ", 2)
        status = int(words[1])
        headers = _headers(stream)
    body = bytearray()
    take = sink if sink is not None and status < 300 else body.extend
    if bodiless or status in (204, 304):
        pass
    elif "chunked" in headers.get("transfer-encoding", ""):
        while size := int(_line(stream).partition(b";")[0], 16):
            _copy(stream, size, take)
            _line(stream)
        _headers(stream)
    elif "content-length" in headers:
        _copy(stream, int(headers["content-length"]), take)
    else:
        take(memoryview(stream.read()))
    return Answer(status, headers, bytes(body))


def _line(stream: BufferedReader) -> bytes:
    line = stream.readline(64 * KIB)
    if not line.endswith(b"\n"):
        raise ConnectionBroken(f"after {line!r}")
    return line.rstrip(b"\r\n")


def _headers(stream: BufferedReader) -> dict[str, str]:
    headers = {}
    while line := _line(stream):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return headers


def _copy(stream: BufferedReader, size: int, take: Sink) -> None:
    room = memoryview(bytearray(min(size, 256 * KIB)))
    while size:
        count = stream.readinto1(room[: min(size, len(room))])
        if not count:
            raise ConnectionBroken(f"{size} bytes of the body are missing")
        take(room[:count])
        size -= count


class Client:
    """
    A client with one connection, which it opens when it needs one.

    :param address: host and port.
    :param patience: seconds that one read or write may take.
    :param before: called before each request.
    """

    def __init__(
        self,
        address: str,
        patience: float = PATIENCE,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        host, _, port = address.rpartition(":")
        self._address = host, int(port)
        self._host = address
        self._patience = patience
        self._before = before
        self._socket: socket.socket | None = None
        self._stream: BufferedReader | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """
        Close the connection.
        """
        if self._stream is not None:
            self._stream.close()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._stream = None

    def connect(self) -> tuple[socket.socket, BufferedReader]:
        """
        Open the connection, if it isn't.
        """
        if self._socket is None or self._stream is None:
            self._socket = socket.create_connection(self._address, self._patience)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._stream = self._socket.makefile("rb")
        return self._socket, self._stream

    def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes | memoryview] = b"",
        length: int | None = None,
        sink: Sink | None = None,
    ) -> Answer:
        """
        Send a request and read its answer.

        :param body: bytes, or a stream of them, which goes in chunks unless ``length`` is given.
        :param sink: gets the body of the answer if that is a 2xx.
        :raises ConnectionBroken: no complete answer came.
        """
        self._before()
        # The answer may come before the body's end.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._send(method, target, dict(headers or {}), body, length)
        try:
            answer = answer_from(self.connect()[1], bodiless=method == "HEAD", sink=sink)
        except (OSError, ConnectionBroken) as error:
            self.close()
            raise ConnectionBroken(f"{method} {target}: {error!r}") from error
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def _send(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes | Iterable[bytes | memoryview],
        length: int | None,
    ) -> None:
        if isinstance(body, bytes):
            body, length = (body,), len(body)
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._host}", framing]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        connection = self.connect()[0]
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        for piece in body:
            if length is None:
                connection.sendall(b"%x\r\n" % len(piece))
            connection.sendall(piece)
            if length is None:
                connection.sendall(b"\r\n")
        if length is None:
            connection.sendall(b"0\r\n\r\n")


MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def with_digest(location: str, digest: str) -> str:
    """
    Add the parameter that commits to the URL of an upload.
    """
    return f"{location}{'&' if '?' in location else '?'}digest={digest}"


@attrs.frozen
class Remote:
    """
    A repository as a client sees it.
    """

    client: Client
    name: str

    @property
    def base(self) -> str:
        """
        What its URLs begin with.
        """
        return f"/v2/{self.name}"

    def start(self) -> str:
        """
        Begin an upload and return its URL.
        """
        return self.client.request("POST", f"{self.base}/blobs/uploads/").expect(202).location

    def append(
        self, location: str, content: Content, start: int, end: int, *, chunked: bool = False
    ) -> Answer:
        """
        Send some bytes of an upload with PATCH.
        """
        length = None if chunked else end - start
        headers = {"Content-Type": "application/octet-stream"}
        if not chunked:
            headers["Content-Range"] = f"{start}-{end - 1}"
        body = content.pieces(start, end)
        return self.client.request("PATCH", location, headers=headers, body=body, length=length)

    def commit(self, location: str, content: Content, start: int) -> Answer:
        """
        Send the rest of an upload with PUT, and commit it.
        """
        return self.client.request(
            "PUT",
            with_digest(location, content.digest),
            headers={"Content-Type": "application/octet-stream"},
            body=content.pieces(start),
            length=content.size - start,
        )

    def push(self, content: Content) -> Answer:
        """
        Push a blob with POST and one PUT.
        """
        return self.commit(self.start(), content, 0)

    def push_in_pieces(self, content: Content, piece: int) -> Answer:
        """
        Push a blob with a PATCH for each so many bytes, and a PUT without any.
        """
        location = self.start()
        for start in range(0, content.size, piece):
            end = min(start + piece, content.size)
            location = self.append(location, content, start, end).expect(202).location
        return self.commit(location, content, content.size)

    def push_chunked(self, content: Content) -> Answer:
        """
        Push a blob with one chunked PATCH, and a PUT without any bytes.
        """
        patched = self.append(self.start(), content, 0, content.size, chunked=True).expect(202)
        return self.commit(patched.location, content, content.size)

    def pull(self, digest: str) -> tuple[int, str]:
        """
        Get a blob.

        :return: the status, and the digest of what came with it.
        """
        running = hashlib.sha256()
        answer = self.client.request("GET", f"{self.base}/blobs/{digest}", sink=running.update)
        return answer.status, "sha256:" + running.hexdigest()

    def put_manifest(self, reference: str, payload: bytes, media_type: str = MANIFEST) -> Answer:
        """
        Push a manifest.
        """
        target = f"{self.base}/manifests/{reference}"
        return self.client.request(
            "PUT", target, headers={"Content-Type": media_type}, body=payload
        )

    def get_manifest(self, reference: str) -> Answer:
        """
        Get a manifest of whatever kind.
        """
        kinds = f"{MANIFEST}, {INDEX}, */*"
        target = f"{self.base}/manifests/{reference}"
        return self.client.request("GET", target, headers={"Accept": kinds})

    def delete(self, what: str) -> Answer:
        """
        Delete something below the repository, such as ``manifests/latest``.
        """
        return self.client.request("DELETE", f"{self.base}/{what}")


def image(config: Content, layers: Iterable[Content], note: str = "") -> bytes:
    """
    An OCI image manifest.

    :param note: makes it another one.
    """

    def descriptor(content: Content, kind: str) -> dict[str, object]:
        media_type = f"application/vnd.oci.image.{kind}"
        return {"mediaType": media_type, "digest": content.digest, "size": content.size}

    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(config, "config.v1+json"),
        "layers": [descriptor(layer, "layer.v1.tar") for layer in layers],
        "annotations": {"note": note},
    }
    return json.dumps(manifest).encode()
