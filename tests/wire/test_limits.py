"""
How much a client may send, and how long it may take.
"""

from __future__ import annotations

import pytest

from tests.wire.contents import ABSENT, OCI, Image
from tests.wire.harness import HOST, Answer, Served, request_bytes
from txregistry.model.digest import Digest
from txregistry.web.limits import Limits as ConnectionLimits
from txregistry.web.routes import Limits

IMAGE = Image.of("x")
CONTENT = bytes(range(256)) * 8
DIGEST = Digest.of(CONTENT)


def say(served: Served, data: bytes) -> tuple[Answer, bool]:
    """
    Say something on a connection of its own.

    :return: the answer, and whether the connection is closed after it.
    """
    connection = served.connect()
    connection.send(data)
    (answer,) = connection.answers()
    closing = connection.transport.is_closing()
    connection.lose()
    return answer, closing


def ping(*lines: str, target: str = "/v2/") -> bytes:
    """
    Write a ping with some more lines.
    """
    return "\r\n".join([f"GET {target} HTTP/1.1", f"Host: {HOST}", *lines, "", ""]).encode()


class HeadTests:
    """
    The head of a request.
    """

    def test_token(self, served: Served) -> None:
        """
        A token of 16 KiB fits.
        """
        answer, _ = say(served, ping(f"Authorization: Bearer {'x' * 16 * 1024}"))
        assert answer.status == 200

    def test_64_kib(self, served: Served) -> None:
        """
        By default it may have 64 KiB, and not one byte more.
        """
        room = 64 * 1024 - len(ping("X: "))
        for size, status in ((room, 200), (room + 1, 431)):
            answer, closing = say(served, ping(f"X: {'x' * size}"))
            assert answer.status == status
            assert closing is (status == 431)

    def test_fields_without_end(self, served: Served) -> None:
        """
        A head without an end is refused as soon as it is over the limit.
        """
        connection = served.connect()
        connection.send(ping()[:-2])
        for _ in range(100):
            connection.send(b"X-Field: " + b"x" * 1000 + b"\r\n")
            if connection.received:
                break
        (answer,) = connection.answers()
        connection.lose()
        assert answer.is_error(431, "UNSUPPORTED")

    def test_100_lines(self, served: Served) -> None:
        """
        By default it may have a hundred lines.
        """
        for count, status in ((100, 200), (101, 431)):
            lines = [f"X-{number}: x" for number in range(count - 1)]
            assert say(served, ping(*lines))[0].status == status

    def test_target(self, served: Served) -> None:
        """
        A target that is too long is 414.
        """
        answer, closing = say(served, ping(target="/v2/?x=" + "x" * 70_000))
        assert answer.is_error(414, "UNSUPPORTED")
        assert closing

    def test_settings(self) -> None:
        """
        Each is a setting.
        """
        served = Served(connection=ConnectionLimits(head=1000, headers=5))
        assert say(served, ping("X: x"))[0].status == 200
        assert say(served, ping("X: " + "x" * 1000))[0].status == 431
        assert say(served, ping(*["X: x"] * 5))[0].status == 431
        assert say(served, ping(target="/v2/?" + "x" * 1000))[0].status == 414


class SizeTests:
    """
    Bodies.
    """

    @pytest.mark.parametrize("chunked", [False, True])
    def test_manifest(self, chunked: bool) -> None:
        """
        The limit of manifests is a setting.
        """
        served = Served(limits=Limits(manifest=10))
        answer = served.ask(
            "PUT", "v2/a/manifests/t", ("Content-Type", OCI), body=b"x" * 11, chunked=chunked
        )
        assert answer.is_error(413, "MANIFEST_INVALID")

    def test_announced(self, served: Served) -> None:
        """
        What is announced to be too large is refused before it comes, and the connection closed.
        """
        request = request_bytes("PUT", "/v2/a/manifests/t", [("Content-Length", "5000000")])
        answer, closing = say(served, request)
        assert answer.is_error(413, "MANIFEST_INVALID")
        assert closing

    def test_rest_is_not_read(self, served: Served) -> None:
        """
        The rest of a body that is too large is not taken for another request.
        """
        connection = served.connect()
        connection.send(request_bytes("PUT", "/v2/a/manifests/t", [("Content-Length", "5000000")]))
        connection.send(ping() * 3)
        assert len(connection.answers()) == 1
        connection.lose()

    def test_tags(self) -> None:
        """
        The number of tags is a setting.
        """
        served = Served(limits=Limits(tags=2))
        IMAGE.push(served, "a", f"{IMAGE.digest}?tag=a&tag=b")
        target = f"{IMAGE.digest}?tag=a&tag=b&tag=c"
        answer = served.push_manifest("a", target, IMAGE.payload, OCI)
        assert answer.is_error(414, "TAG_INVALID")


class TimeTests:
    """
    How long a client may take.
    """

    def test_body(self, served: Served) -> None:
        """
        Who sends nothing of a body that somebody waits for is 408 after a minute; what came stays.
        """
        location = served.start("a")
        path = location.partition(HOST)[2]
        connection = served.connect()
        connection.send(request_bytes("PATCH", path, body=CONTENT)[:-1000])
        served.clock.pump([1] * 59)
        assert connection.received == b""
        served.clock.pump([1] * 3)
        (answer,) = connection.answers()
        assert answer.is_error(408, "UNSUPPORTED")
        assert answer["Connection"] == "close"
        assert connection.transport.is_closing()
        connection.lose()
        assert served.get(location)["Range"] == f"0-{len(CONTENT) - 1001}"

    def test_slow_but_steady(self, served: Served) -> None:
        """
        Who sends slowly, but goes on, may take as long as he likes.
        """
        connection = served.connect()
        target = f"/v2/a/blobs/uploads/?digest={DIGEST}"
        request = request_bytes("POST", target, body=CONTENT)
        connection.send(request[:-20])
        for position in range(20, 0, -1):
            served.clock.pump([1] * 50)
            connection.send(request[-position:][:1])
        assert [answer.status for answer in connection.answers()] == [201]
        connection.lose()

    def test_head(self, served: Served) -> None:
        """
        A head must be complete in time, however it drips.
        """
        connection = served.connect()
        for byte in ping()[:60]:
            connection.send(bytes([byte]))
            served.clock.advance(1)
            if connection.received:
                break
        (answer,) = connection.answers()
        connection.lose()
        assert answer.status == 408

    def test_takes_nothing(self, served: Served) -> None:
        """
        Who takes nothing of an answer is cut off after a minute.
        """
        digest = served.push_blob("a", bytes(2_000_000))
        connection = served.connect()
        connection.transport.takes = 500_000
        connection.send(request_bytes("GET", f"/v2/a/blobs/{digest}"))
        served.clock.pump([1] * 59)
        assert not connection.transport.is_closing()
        assert len(connection.received) < 1_000_000
        served.clock.pump([1] * 3)
        assert connection.transport.is_closing()
        connection.lose()
        assert served.exchanges[-1].status == 499

    def test_keep_alive(self, served: Served) -> None:
        """
        A connection that nobody uses is closed.
        """
        connection = served.connect()
        connection.send(ping())
        served.clock.pump([1] * 100)
        assert connection.transport.is_closing()
        connection.lose()


class ConnectionTests:
    """
    What becomes of the connection.
    """

    def test_kept(self, served: Served) -> None:
        """
        Answers, and errors that leave no doubt where the next request begins, keep it.
        """
        connection = served.connect()
        requests = [
            ("GET", "/v2/", None),
            ("GET", "/v2/a/tags/list", None),
            ("GET", f"/v2/a/blobs/{ABSENT}", None),
            ("POST", "/v2/a/blobs/uploads/", b""),
            ("PUT", "/v2/a/manifests/t", b"nonsense"),
            ("DELETE", "/v2/a/tags/list", None),
            ("GET", "/nonsense", None),
            ("OPTIONS", "/v2/", None),
            ("GET", "/v2/UPPER/tags/list", None),
        ]
        for method, target, body in requests:
            connection.send(request_bytes(method, target, body=body))
        statuses = [answer.status for answer in connection.answers()]
        assert statuses == [200, 404, 404, 202, 400, 405, 404, 204, 400]
        assert not connection.transport.is_closing()
        connection.lose()

    def test_pipelined(self, served: Served) -> None:
        """
        Pipelined requests are answered one after the other, in their order.
        """
        served.push_blob("a", CONTENT)
        blob = request_bytes("GET", f"/v2/a/blobs/{DIGEST}")
        upload = request_bytes(
            "POST", f"/v2/a/blobs/uploads/?digest={Digest.of(b'x')}", body=b"x", chunked=True
        )
        connection = served.connect()
        connection.send(blob + ping() + upload + blob + ping(target="/v2/a/blobs/x") + blob)
        answers = connection.answers()
        assert [answer.status for answer in answers] == [200, 200, 201, 200, 400, 200]
        assert [len(answer.body) for answer in answers][::3] == [len(CONTENT)] * 2
        connection.lose()

    def test_answer_before_the_end(self, served: Served) -> None:
        """
        An answer that comes before the body's end keeps the connection right.
        """
        connection = served.connect()
        request = request_bytes("PUT", "/v2/a/blobs/uploads/x", body=b"y" * 1000)
        connection.send(request[:-500])
        assert [answer.status for answer in connection.answers()] == [400]
        connection.send(request[-500:] + ping())
        assert [answer.status for answer in connection.answers()] == [400, 200]
        connection.lose()

    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    def test_close(self, served: Served, version: str) -> None:
        """
        A client may want it closed.
        """
        connection = served.connect()
        request = f"GET /v2/ HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n"
        connection.send(request.encode())
        (answer,) = connection.answers()
        assert answer["Connection"] == "close"
        assert connection.transport.is_closing()
        connection.lose()
