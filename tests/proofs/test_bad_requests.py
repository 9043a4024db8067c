"""
Bad requests: each gets a 4xx with the error body where an answer is possible, none shows a
traceback, and neither the daemon nor its memory takes harm.
"""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from io import BufferedReader

import attrs
import pytest

from tests.daemon import Daemon
from tests.proofs.client import Answer, Client, ConnectionBroken, Remote, answer_from, image
from tests.proofs.content import MIB, Content, mebibytes
from tests.proofs.corpus.case import (
    BLOBS,
    MANIFESTS,
    NO_ANSWER,
    OCI_IMAGE,
    REPOSITORY,
    Case,
    request,
)
from tests.proofs.corpus.every import corpus
from tests.proofs.crowd import crowd

Scale = Callable[[int, int], int]
Figure = Callable[[str, object], None]

CASES = corpus()
CONFIG = Content(11, 1000)

#: Seconds within which everything is answered, or the connection closed.
PATIENCE = 10.0


@attrs.frozen
class Victim:
    """
    A daemon with something to ask for.
    """

    daemon: Daemon
    image: str

    def answer(self, case: Case) -> tuple[Answer | None, bytes | None]:
        """
        Send a bad request on a connection of its own.

        :return: the answer, if one came, and what came after it until the connection was
            closed; None if it stayed open.
        """
        with socket.create_connection(("127.0.0.1", self.daemon.port), PATIENCE) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):
                for piece in self.filled_in(case):
                    connection.sendall(piece)
            with connection.makefile("rb") as stream:
                try:
                    answer = answer_from(stream, bodiless=False)
                except (ConnectionBroken, ConnectionResetError):
                    return None, b""
                return answer, self.rest(connection, stream, case)

    def rest(self, connection: socket.socket, stream: BufferedReader, case: Case) -> bytes | None:
        """
        Read until the connection is closed; only a moment, if it needn't be.
        """
        connection.settimeout(PATIENCE if case.closes else 0.001)
        try:
            return stream.read()
        except TimeoutError:
            return None
        except ConnectionResetError:
            return b""

    def filled_in(self, case: Case) -> Iterator[bytes]:
        """
        The bytes of a case, with what is to be put in.
        """
        values = {b"{host}": self.daemon.host, b"{digest}": CONFIG.digest, b"{image}": self.image}
        for piece in case.sent:
            filled = piece
            if b"{upload}" in filled:
                with Client(self.daemon.host) as client:
                    upload = Remote(client, "bad/requests").start()
                filled = filled.replace(b"{upload}", upload.encode())
            for name, value in values.items():
                if name in filled:
                    filled = filled.replace(name, value.encode())
            yield filled


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """
    One daemon for all cases: none may leave it worse than it was.
    """
    daemon = Daemon(tmp_path_factory.mktemp("victim"), configuration={"workers": 1}).start()
    with Client(daemon.host) as client:
        remote = Remote(client, "bad/requests")
        remote.push(CONFIG).expect(201)
        pushed = remote.put_manifest("good", image(CONFIG, [CONFIG])).expect(201)
    yield Victim(daemon, pushed.headers["docker-content-digest"])
    assert daemon.alive
    daemon.stop()
    assert daemon.troubles() == []


def check_body(answer: Answer) -> None:
    """
    See that an answer shows nothing of the inside, and that an error has the error body.
    """
    text = answer.body.lower()
    assert b"traceback" not in text
    assert b"<html" not in text
    assert b".py" not in text
    if answer.status < 400:
        return
    assert answer.headers["content-type"] == "application/json", answer
    errors = json.loads(answer.body)["errors"]
    assert errors, answer
    assert all(error["code"].isupper() and error["message"] for error in errors)


class BadRequestTests:
    """
    What is sent by mistake or by malice.
    """

    @pytest.mark.parametrize(
        "case", CASES, ids=[f"{number} {case.name}" for number, case in enumerate(CASES)]
    )
    def test_answer(self, victim: Victim, case: Case) -> None:
        """
        A bad request is answered as is right, and the next one, on another connection, too.
        """
        answer, rest = victim.answer(case)
        if answer is None:
            assert NO_ANSWER in case.statuses, "the connection was closed without an answer"
        else:
            assert answer.status in case.statuses, (answer, answer.body[:300])
            check_body(answer)
            if case.closes:
                assert rest is not None, "the connection stays open"
                assert rest == b"", "there are more answers than requests"
            if case.codes and answer.status >= 400:
                assert {*answer.codes} <= case.codes, answer.body
        with Client(victim.daemon.host, PATIENCE) as client:
            client.request("GET", "/v2/").expect(200)

    @pytest.mark.timeout(240)
    def test_memory(self, victim: Victim, scale: Scale, figure: Figure) -> None:
        """
        However often the whole corpus is sent, memory doesn't grow.

        What is held to that is its peak: between two documents of 4 MiB the allocator keeps more
        of what it had, or less.
        """
        rounds, peaks = scale(2, 20), []
        for _ in range(1 + rounds):
            for case in CASES:
                victim.answer(case)
            peaks.append(victim.daemon.peak_memory())
        figure("bad requests", f"{len(CASES)}, sent {rounds + 2} times")
        figure("peak memory after the first time", mebibytes(peaks[0]))
        figure("peak memory after the last time", mebibytes(peaks[-1]))
        assert peaks[-1] - peaks[0] < 16 * MIB

    def test_bombs(self, watched_daemon: Daemon, figure: Figure) -> None:
        """
        Sixteen clients push manifests of 4 MiB at once that would be thirty times as large when
        parsed: they cost little more than their bytes, however often.
        """
        count = 1_390_000
        bombs = [
            b'{"schemaVersion": 2, "x": [' + b"[]," * count + b"[]]}",
            b'{"schemaVersion": 2, "x": [' + b"{}," * count + b"{}]}",
            b"{" + b",".join(b'"%x":0' % number for number in range(count // 4)) + b"}",
        ]

        def push(bomb: bytes, client: Client) -> int:
            return Remote(client, "bad/bombs").put_manifest("latest", bomb).status

        for bomb in bombs * 2:
            assert crowd(watched_daemon.host, [partial(push, bomb)] * 16) == [400] * 16
        peak = watched_daemon.peak_memory()
        figure("peak memory, 16 manifests of 4 MiB at once that are bombs", mebibytes(peak))
        assert peak < 400 * MIB

    @pytest.mark.timeout(240)
    def test_mutations(self, victim: Victim, scale: Scale, figure: Figure) -> None:
        """
        Good requests in which chance changed some bytes get no 5xx and show no traceback.
        """
        chance = random.Random(9)
        count = scale(500, 20_000)
        statuses: set[int] = set()
        for _ in range(count):
            sent = mutated(chance.choice(SEEDS), chance)
            case = Case("mutation", (sent,), frozenset())
            answer, _ = self.last_answer(victim, case)
            if answer is not None:
                assert answer.status < 500 or answer.status in (501, 505), (sent, answer)
                check_body(answer)
                statuses.add(answer.status)
        figure("good requests made bad by chance", count)
        assert {200, 400, 404} <= statuses

    def last_answer(self, victim: Victim, case: Case) -> tuple[Answer | None, bytes | None]:
        """
        Send a request that may turn out to be a part of one only.
        """
        with socket.create_connection(("127.0.0.1", victim.daemon.port), PATIENCE) as connection:
            for piece in victim.filled_in(case):
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as stream:
                try:
                    return answer_from(stream), None
                except (ConnectionBroken, ConnectionResetError):
                    return None, None


SEEDS = [
    request("GET", f"{MANIFESTS}/good", "Accept: */*"),
    request("GET", f"{BLOBS}/{{digest}}", "Range: bytes=1-5"),
    request("GET", f"{REPOSITORY}/tags/list?n=5&last=a"),
    request("GET", "/v2/_catalog?n=5", "X-Forwarded-Proto: https"),
    request("PATCH", "{upload}", "Content-Range: 0-4", body=b"hello"),
    request("PATCH", "{upload}", "Transfer-Encoding: chunked") + b"5;a=b\r\nhello\r\n0\r\n\r\n",
    request("PUT", f"{MANIFESTS}/x", f"Content-Type: {OCI_IMAGE}", body=b'{"schemaVersion": 2.}'),
]


INSERTED = [b"\r\n", b"\n", b"\x00", b"%", b" ", b":", b"\xff"]


def mutated(seed: bytes, chance: random.Random) -> bytes:
    """
    Change, take out, double or insert some bytes.
    """
    result = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(result))
        length = chance.randint(1, 6)
        deed = chance.randrange(4)
        if deed == 0:
            result[place] = chance.randrange(256)
        elif deed == 1:
            del result[place : place + length]
        elif deed == 2:
            result[place:place] = result[place : place + length]
        else:
            result[place:place] = chance.choice(
                [b"\r\n", b"\n", b"\x00", b"%", b" ", b":", b"\xff"]
            )
    return bytes(result)
