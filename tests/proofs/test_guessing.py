"""
Thousands of wrong passwords: they cost little, and who has a right one is served as if they
weren't there.
"""

from __future__ import annotations

import socket
import statistics
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import pytest

from tests.auth.htpasswd.asking import ask, auth
from tests.auth.htpasswd.kit import line
from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.proofs.content import MIB, mebibytes
from tests.proofs.memory import resident
from txregistry.auth.failures import MEMORY
from txregistry.auth.memory import MEMORY_OF_PROXIES
from txregistry.auth.standing import FREE, FREE_BEHIND_PROXY

Scale = Callable[[int, int], int]
Figure = Callable[[str, object], None]

COST = 5
#: What one client asks at a time; there are as many as this.
GUESSERS = 8
#: How many addresses each has.
EACH = 25
#: What remembered outcomes, and counted failures, may take.
LIMIT = 24 * MIB
PATIENCE = 2.0


class Guessing:
    """
    Wrong passwords for somebody, from several addresses, until it is over.
    """

    def __init__(self, daemon: Daemon, count: int) -> None:
        self._daemon = daemon
        self._count = count
        self.statuses: Counter[int] = Counter()
        self.over = threading.Event()

    def run(self) -> None:
        """Guess."""
        with ThreadPoolExecutor(GUESSERS) as pool:
            self.statuses.update(pool.map(self._guess, range(self._count)))
        self.over.set()

    def _guess(self, number: int) -> int:
        source = f"127.0.{1 + number % GUESSERS}.{1 + number // GUESSERS % EACH}"
        return ask(self._daemon, f"joe:{number}", source=source).status


def test_guesses(tmp_path: Path, make_daemon: MakeDaemon, scale: Scale, figure: Figure) -> None:
    """
    Memory stays bounded; who was there before, and who comes for the first time from elsewhere, is
    served without delay, though it is his name that is guessed.
    """
    path = tmp_path / "htpasswd"
    users = [f"user{number}" for number in range(50)]
    path.write_bytes(b"".join(line(user, "secret", COST) for user in ["joe", *users]))
    daemon = make_daemon(configuration={**auth(path), "log": {"level": "error"}, "workers": 1})
    assert ask(daemon, "joe:secret").status == 200
    before = resident(daemon.pid)
    guessing = Guessing(daemon, scale(1500, 10_000))
    thread = threading.Thread(target=guessing.run)
    thread.start()
    known: list[float] = []
    new: list[float] = []
    try:
        while not guessing.over.wait(0.05):
            known.append(_time(daemon, "joe:secret", "127.0.0.1"))
            if len(new) < len(users):
                new.append(_time(daemon, f"{users[len(new)]}:secret", f"127.1.0.{1 + len(new)}"))
    finally:
        thread.join()
    grown = resident(daemon.pid) - before
    assert set(guessing.statuses) == {401, 429}
    assert guessing.statuses[401] < 5 * GUESSERS * EACH
    figure("guesses", dict(guessing.statuses))
    figure("memory grown", mebibytes(grown))
    for who, times in (("known", known), ("new", new)):
        figure(
            f"{who}: median, longest (ms)", f"{_ms(statistics.median(times))}, {_ms(max(times))}"
        )
        assert len(times) > 5
        assert max(times) < PATIENCE
    assert grown < LIMIT
    assert _time(daemon, "joe:secret", "127.2.0.1") < PATIENCE


def _time(daemon: Daemon, credentials: str, source: str, proxy: str = "") -> float:
    """:return: how long a right password takes, in seconds."""
    began = time.monotonic()
    assert _told(daemon, credentials, source, proxy) == 200
    return time.monotonic() - began


def _told(daemon: Daemon, credentials: str, address: str, proxy: str = "") -> int:
    """:return: what is answered to somebody at an address, or behind a proxy that tells it."""
    if not proxy:
        return ask(daemon, credentials, source=address).status
    return ask(daemon, credentials, source=proxy, **{"X-Forwarded-For": address}).status


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def test_times(tmp_path: Path, make_daemon: MakeDaemon, scale: Scale, figure: Figure) -> None:
    """
    How long a wrong password takes tells nobody whether there is such a user, be his hash of the
    highest cost in the file or of a lower one.
    """
    path = tmp_path / "htpasswd"
    path.write_bytes(line("high", "secret", 6) + line("low", "secret", 4))
    daemon = make_daemon(configuration={**auth(path), "log": {"level": "error"}, "workers": 1})
    count = scale(200, 1000)
    # What else the machine does may favour one of them, but not each time.
    rounds = (_medians(daemon, count, number * count) for number in range(3))
    medians = next((found for found in rounds if _are_alike(found)), None)
    assert medians
    figure("medians (ms)", {user: f"{median * 1000:.2f}" for user, median in medians.items()})


def _medians(daemon: Daemon, count: int, first: int) -> dict[str, float]:
    """:return: how long it takes for each kind of user."""
    times: dict[str, list[float]] = {"high": [], "low": [], "nobody": []}
    for number in range(first, first + count):
        for place, (user, found) in enumerate(times.items()):
            # From another address each time, which has nothing to wait for.
            source = f"127.{place + 1}.{number // 250}.{1 + number % 250}"
            began = time.monotonic()
            assert ask(daemon, f"{user}:{number}", source=source).status == 401
            found.append(time.monotonic() - began)
    return {user: statistics.median(found) for user, found in times.items()}


def _are_alike(medians: dict[str, float]) -> bool:
    """:return: whether they are within 10 %, or 1 ms."""
    least, most = min(medians.values()), max(medians.values())
    return most - least < max(0.001, 0.1 * least)


@pytest.mark.parametrize("workers", [1, 2])
def test_made_up_addresses(
    tmp_path: Path, make_daemon: MakeDaemon, scale: Scale, figure: Figure, workers: int
) -> None:
    """
    Who is believed to be a proxy, as by default everybody in a private network is, and makes up
    another address with each guess, gets as many as a proxy may fail, and little more; who was
    there before behind the same proxy, and who comes from elsewhere, is served without delay.
    """
    path = tmp_path / "htpasswd"
    path.write_bytes(b"".join(line(user, "secret", COST) for user in ("joe", "ann")))
    daemon = make_daemon(
        configuration={**auth(path), "log": {"level": "error"}, "workers": workers}
    )
    proxy = "127.0.0.9"
    assert _told(daemon, "joe:secret", "203.0.113.7", proxy) == 200
    began = time.monotonic()
    count = scale(1000, 10_000)
    with ThreadPoolExecutor(GUESSERS) as pool:
        guesses = (f"joe:{number}" for number in range(count))
        addresses = (f"198.51.{number // 256}.{number % 256}" for number in range(count))
        statuses = Counter(pool.map(_told, repeat(daemon), guesses, addresses, repeat(proxy)))
        during = [
            pool.submit(_told, daemon, f"ann:{number}", f"192.0.2.{number % 256}", proxy)
            for number in range(200)
        ]
        regular = _time(daemon, "joe:secret", "203.0.113.7", proxy)
        direct = _time(daemon, "ann:secret", "127.0.0.10")
        for each in during:
            each.result()
    elapsed = time.monotonic() - began
    figure("made up addresses", dict(statuses))
    assert set(statuses) == {401, 429}
    # What is forgotten meanwhile may be tried again.  Two processes may lose what one of them
    # counts at the same moment.
    allowed = FREE_BEHIND_PROXY + elapsed / MEMORY_OF_PROXIES
    assert FREE_BEHIND_PROXY <= statuses[401] < allowed * 1.5
    assert max(regular, direct) < PATIENCE
    # Some is forgotten while one looks: what there is room for is used up first.
    others = (f"198.18.0.{number}" for number in range(256))
    assert 429 in (_told(daemon, f"joe:{other}", other, proxy) for other in others)
    assert _told(daemon, "joe:secret", "203.0.113.99", proxy) == 429


def test_office(tmp_path: Path, make_daemon: MakeDaemon, figure: Figure) -> None:
    """
    All users behind one address log in at the same moment, with right passwords: all are let in.
    As many who guess there get as few answers as one; who comes from elsewhere then is served
    without delay.
    """
    path = tmp_path / "htpasswd"
    users = [f"user{number}" for number in range(30)]
    path.write_bytes(b"".join(line(user, f"of-{user}", 10) for user in [*users, "joe"]))
    daemon = make_daemon(configuration={**auth(path), "log": {"level": "error"}, "workers": 2})
    began = time.monotonic()
    with ThreadPoolExecutor(len(users)) as pool:
        asked = pool.map(lambda user: ask(daemon, f"{user}:of-{user}", source="127.0.0.9"), users)
        statuses = Counter(answer.status for answer in asked)
    figure("30 users at once (s)", f"{time.monotonic() - began:.1f}")
    assert statuses == {200: len(users)}
    count = 200
    began = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        guesses = (f"{users[number % len(users)]}:{number}" for number in range(count))
        answers = list(pool.map(lambda guess: ask(daemon, guess, source="127.0.0.8"), guesses))
    elapsed = time.monotonic() - began
    statuses = Counter(answer.status for answer in answers)
    figure("200 guesses at once", f"{dict(statuses)} in {elapsed:.1f} s")
    # What is forgotten meanwhile may be tried again.  Two processes may lose what one of them
    # counts at the same moment.
    allowed = FREE + 3 + elapsed / MEMORY
    assert FREE <= statuses[401] <= allowed + 2
    assert statuses[429] == count - statuses[401]
    waits = [int(answer.fields["Retry-After"]) for answer in answers if answer.status == 429]
    assert min(waits) > PATIENCE
    assert ask(daemon, "joe:of-joe", source="127.0.0.8").status == 429
    elsewhere = _time(daemon, "joe:of-joe", "127.0.0.7")
    figure("from elsewhere then (s)", f"{elsewhere:.2f}")
    assert elsewhere < PATIENCE


def test_gone_away(tmp_path: Path, make_daemon: MakeDaemon) -> None:
    """
    Who guesses and doesn't wait for the answer keeps no place: who comes after him from the same
    address has only the failures to wait for.
    """
    path = tmp_path / "htpasswd"
    path.write_bytes(line("joe", "secret", COST))
    daemon = make_daemon(configuration={**auth(path), "log": {"level": "error"}, "workers": 1})
    for number in range(FREE):
        assert ask(daemon, f"joe:{number}").status == 401
    for round_ in range(3):
        waiting = [_send(daemon, f"joe:{round_} {number}") for number in range(150)]
        for each in waiting:
            each.close()
    assert _time(daemon, "joe:secret", "127.0.0.1") < 2 * PATIENCE


def test_stopped(tmp_path: Path, make_daemon: MakeDaemon) -> None:
    """
    A registry that is stopped doesn't wait for those who wait for their turn.
    """
    path = tmp_path / "htpasswd"
    path.write_bytes(line("joe", "secret", COST))
    daemon = make_daemon(configuration={**auth(path), "log": {"level": "error"}, "workers": 1})
    for number in range(FREE):
        assert ask(daemon, f"joe:{number}").status == 401
    waiting = [_send(daemon, f"joe:again {number}") for number in range(150)]
    time.sleep(0.2)
    began = time.monotonic()
    daemon.terminate()
    elapsed = time.monotonic() - began
    for each in waiting:
        each.close()
    assert elapsed < PATIENCE


def _send(daemon: Daemon, credentials: str) -> socket.socket:
    """:return: a connection on which something was asked."""
    connection = socket.create_connection(("127.0.0.1", daemon.port), timeout=60)
    said = b64encode(credentials.encode()).decode()
    request = f"GET /v2/ HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {said}\r\n\r\n"
    connection.sendall(request.encode())
    return connection
