"""
Thousands of wrong passwords: they cost little, and who has a right one is served as if they
weren't there.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.auth.htpasswd.asking import ask, auth
from tests.auth.htpasswd.kit import line
from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.proofs.content import MIB, mebibytes
from tests.proofs.memory import resident

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


def _time(daemon: Daemon, credentials: str, source: str) -> float:
    """:return: how long a right password takes, in seconds."""
    began = time.monotonic()
    assert ask(daemon, credentials, source=source).status == 200
    return time.monotonic() - began


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
