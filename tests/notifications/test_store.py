"""
The store of an outbox: order, cursors, room, and files that are not what they were.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import provider

from txregistry.notifications.database import MOST_ASIDE, Sealed, Unusable
from txregistry.notifications.deadletters import MOST_IN_MEMORY, DeadLetter, DeadLetters
from txregistry.notifications.directory import (
    InUse,
    OutboxDirectory,
    Ownership,
    is_locked,
    locked,
    open_lock,
    sync_directory,
)
from txregistry.notifications.entries import Cursor, Entry, Excess
from txregistry.notifications.store import Store

MIB = 1024 * 1024


@pytest.fixture(params=["disk", "memory"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> OutboxDirectory | None:
    """
    Where the store is.
    """
    return OutboxDirectory(str(tmp_path / "outbox")) if request.param == "disk" else None


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """
    What is logged.
    """
    found: list[str] = []

    @provider(ILogObserver)
    def note(event: LogEvent) -> None:
        found.append(formatEvent(event))

    globalLogPublisher.addObserver(note)
    yield found
    globalLogPublisher.removeObserver(note)


@pytest.fixture
def store(directory: OutboxDirectory | None) -> Store:
    """
    A store for two endpoints.
    """
    made = Store(directory, ["a", "b"], MIB)
    made.open()
    return made


def entries(*payloads: bytes, endpoint: str | None = None) -> list[Entry]:
    """
    :return: events that happened one after the other.
    """
    return [Entry(payload, float(at), endpoint) for at, payload in enumerate(payloads)]


def payloads(store: Store, endpoint: str, after: int = 0) -> list[bytes | None]:
    """
    :return: what an endpoint has yet to be told.
    """
    return [row.payload for row in store.read(endpoint, after, 1000)]


class StoreTests:
    """
    What every store does.
    """

    def test_order(self, store: Store) -> None:
        """
        Events are read in the order in which they were put there, however many at once.
        """
        expected = [b"%d" % number for number in range(750)]
        store.append(entries(*expected[:700]), durable=True)
        store.append(entries(*expected[700:]), durable=False)
        assert payloads(store, "a") == expected
        assert [row.payload for row in store.read("a", 0, 3)] == expected[:3]
        after = store.read("a", 0, 700)[-1].seq
        assert payloads(store, "b", after) == expected[700:]

    def test_for_one(self, store: Store) -> None:
        """
        What is for one endpoint is nothing for another, which goes on behind it.
        """
        store.append(entries(b"1"), durable=True)
        store.append(entries(b"2", endpoint="a"), durable=True)
        assert payloads(store, "a") == [b"1", b"2"]
        assert payloads(store, "b") == [b"1", None]
        assert (store.pending("a", 0), store.pending("b", 0)) == (2, 1)

    def test_big_events(self, store: Store) -> None:
        """
        No more is read at once than fits into memory, but one event always is.
        """
        store.append(entries(bytes(600_000), bytes(600_000), bytes(10)), durable=True)
        assert len(store.read("a", 0, 10)) == 2

    def test_cursors(self, store: Store) -> None:
        """
        How far endpoints have come is kept, for those that there are, and in this file only.
        """
        store.save({"a": Cursor(7, "{}"), "x": Cursor(1)}, store.identity)
        store.save({"b": Cursor(9)}, "of another file")
        assert store.cursors() == {"a": Cursor(7, "{}"), "b": Cursor(0)}

    def test_excess_of_age(self, store: Store) -> None:
        """
        What is too old goes, with the names of those who have not had it; the newest event stays,
        so that its number doesn't come twice.
        """
        store.append(entries(b"0", b"1", b"2"), durable=True)
        store.save({"a": Cursor(1)}, store.identity)
        excess = store.excess(oldest=1.5)
        assert excess == [
            Excess(1, 0.0, b"0", ("b",), "maxage"),
            Excess(2, 1.0, b"1", ("a", "b"), "maxage"),
        ]
        store.remove(2)
        assert store.excess(oldest=99.0) == []
        store.remove(3)
        assert payloads(store, "a") == [b"2"]

    def test_excess_of_size(self, store: Store) -> None:
        """
        What is too much goes, the oldest first, and not more than that.
        """
        for number in range(30):
            store.append([Entry(b"%02d" % number + bytes(60_000), 1.0)], durable=False)
        while excess := store.excess(oldest=0.0):
            assert {each.reason for each in excess} == {"maxsize"}
            store.remove(excess[-1].seq)
        left = [payload[:2] for payload in payloads_of(store) if payload]
        assert left[-1] == b"29"
        assert 10 <= len(left) <= 17
        assert store.totals()[1] <= MIB

    def test_repeat(self, store: Store) -> None:
        """
        What an endpoint had is put there once more, for it alone; what it didn't have comes anyway.
        """
        store.append(entries(b"0", b"1", b"2", b"3"), durable=True)
        store.save({"a": Cursor(3)}, store.identity)
        assert store.repeat("a", since=1.0, until=9.0, now=50.0) == 2
        assert payloads(store, "a", 3) == [b"3", b"1", b"2"]
        assert payloads(store, "b", 4) == [None, None]

    def test_many_or_none(self, store: Store) -> None:
        """
        Of more events than a statement takes all are kept or none.
        """
        many = entries(*[bytes(7000)] * 400)
        with pytest.raises(Unusable, match="full"):
            store.append(many, durable=False)
        assert store.newest() == 0
        store.append(entries(*[b"x"] * 400), durable=True)
        assert store.totals()[0] == 400

    def test_move(self, store: Store, tmp_path: Path) -> None:
        """
        What some endpoint has not had is moved into another outbox, for those that have not had
        it; who writes here then is told, and nothing is here any more.
        """
        store.append(entries(b"both", b"b"), durable=True)
        store.append(entries(b"a alone", endpoint="a"), durable=True)
        store.append(entries(b"none", endpoint="x"), durable=True)
        store.append(entries(b"all"), durable=True)
        store.save({"a": Cursor(2), "b": Cursor(1)}, store.identity)
        other = Store(OutboxDirectory(str(tmp_path / "other")), ["a", "b"], MIB)
        other.append(entries(b"before"), durable=True)
        assert store.move(other) == 3
        assert payloads(other, "a") == [b"before", None, b"a alone", b"all"]
        assert payloads(other, "b") == [b"before", b"b", None, b"all"]
        with pytest.raises(Sealed):
            store.append(entries(b"more"), durable=True)
        assert store.move(other) == 0
        other.close()

    def test_move_that_fails(self, store: Store) -> None:
        """
        If the other can't take it all stays here, and it goes on.
        """
        store.append(entries(b"0"), durable=True)
        with pytest.raises(Unusable):
            store.move(Store(OutboxDirectory("/proc/no/such/place"), ["a", "b"], MIB))
        store.append(entries(b"1"), durable=True)
        assert payloads(store, "a") == [b"0", b"1"]

    def test_limit(self, store: Store) -> None:
        """
        Where nobody makes room there is a limit all the same, and it breaks nothing.
        """
        entry = Entry(bytes(100_000), 1.0)
        for _ in range(15):
            store.append([entry], durable=False)
        with pytest.raises(Unusable, match="full"):
            store.append([entry] * 20, durable=False)
        while excess := store.excess(oldest=0.0):
            store.remove(excess[-1].seq)
        store.append(entries(b"more"), durable=True)
        assert store.read("a", store.newest() - 1, 1)[0].payload == b"more"


def payloads_of(store: Store) -> list[bytes | None]:
    """
    :return: all there is, read on and on.
    """
    found: list[bytes | None] = []
    after = 0
    while rows := store.read("a", after, 1000):
        found += [row.payload for row in rows]
        after = rows[-1].seq
    return found


class FileTests:
    """
    What concerns the file.
    """

    @pytest.fixture
    def directory(self, tmp_path: Path) -> OutboxDirectory:
        """
        On disk.
        """
        return OutboxDirectory(str(tmp_path / "outbox"))

    def test_reopened(self, directory: OutboxDirectory, store: Store) -> None:
        """
        All is there when it is opened again.  A new endpoint begins with what comes from then on,
        and one that is no more is forgotten.
        """
        store.append(entries(b"0"), durable=True)
        store.close()
        again = Store(directory, ["b", "c"], MIB)
        again.open()
        assert again.cursors() == {"b": Cursor(0), "c": Cursor(1)}
        assert again.left == {"a": 1}
        again.append(entries(b"1"), durable=True)
        assert payloads(again, "c", 1) == [b"1"]
        assert again.identity == store.identity
        again.close()

    def test_private(self, directory: OutboxDirectory, store: Store) -> None:
        """
        Nobody else may read it.
        """
        store.append(entries(b"0"), durable=True)
        assert os.stat(directory.path).st_mode & 0o77 == 0
        for name in os.listdir(directory.path):
            assert os.stat(f"{directory.path}/{name}").st_mode & 0o77 == 0, name

    @pytest.mark.parametrize("content", [b"nonsense" * 1000, b"SQLite format 3\0" + bytes(8000)])
    def test_damaged(
        self, directory: OutboxDirectory, content: bytes, logged_failures: list[Failure]
    ) -> None:
        """
        A damaged file is put aside, and another begins; a few of them are kept.
        """
        directory.make()
        for number in range(MOST_ASIDE + 2):
            Path(f"{directory.database}.damaged-{number}").touch()
        Path(directory.database).write_bytes(content)
        store = Store(directory, ["a"], MIB)
        store.append(entries(b"0"), durable=True)
        assert payloads(store, "a") == [b"0"]
        aside = [name for name in os.listdir(directory.path) if ".damaged-2" in name]
        assert any(
            Path(directory.path, name).read_bytes()[: len(content)] == content for name in aside
        )
        names = [name for name in os.listdir(directory.path) if ".damaged-" in name]
        assert len({name.split("-")[1] for name in names}) <= MOST_ASIDE
        store.close()

    def test_newer_form(self, directory: OutboxDirectory, store: Store) -> None:
        """
        A file of a newer version is damaged for who delivers, and left alone by who only looks.
        """
        store.close()
        connection = sqlite3.connect(directory.database)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        looking = Store(directory, None, MIB)
        with pytest.raises(Unusable, match="newer version"):
            looking.cursors()
        other = Store(directory, ["a"], MIB)
        other.open()
        assert [name for name in os.listdir(directory.path) if "damaged" in name]
        other.close()

    def test_vanished(self, directory: OutboxDirectory, logged: list[str], store: Store) -> None:
        """
        A directory that somebody removes is made anew; one of those who had it open says so.
        """
        lost: list[str] = []
        stores = [Store(directory, ["a", "b"], MIB, lost.append) for _ in range(2)]
        for each in stores:
            each.append(entries(b"old"), durable=True)
        shutil.rmtree(directory.path)
        for each in stores:
            each._database._looked = 0.0
            each.append(entries(b"new"), durable=True)
        assert payloads(stores[0], "a") == [b"new", b"new"]
        assert lost == ["vanished"]
        assert len([text for text in logged if "not there any more" in text]) == 1
        for each in (*stores, store):
            each.close()

    def test_damaged_is_not_vanished(
        self, directory: OutboxDirectory, logged: list[str], store: Store
    ) -> None:
        """
        What one of them has put aside the other doesn't miss.
        """
        lost: list[str] = []
        other = Store(directory, ["a", "b"], MIB, lost.append)
        other.append(entries(b"old"), durable=True)
        store.close()
        mending = Store(directory, ["a", "b"], MIB, lost.append)
        for file in Path(directory.path).glob("events.db*"):
            file.write_bytes(b"nonsense" * 5000)
        mending.append(entries(b"new"), durable=True)
        other._database._looked = 0.0
        other.append(entries(b"newer"), durable=True)
        assert lost == ["damaged"]
        assert not [text for text in logged if "not there any more" in text]
        other.close()
        mending.close()

    def test_put_aside_just_now(
        self, directory: OutboxDirectory, logged: list[str], store: Store
    ) -> None:
        """
        Nor does it while no new one has been begun.
        """
        lost: list[str] = []
        mending = Store(directory, ["a", "b"], MIB, lost.append)
        mending.open()
        mending._database._mend(sqlite3.DatabaseError("nonsense"))
        store._database._looked = 0.0
        store.append(entries(b"new"), durable=True)
        assert payloads(mending, "a") == [b"new"]
        assert lost == ["damaged"]
        assert not [text for text in logged if "not there any more" in text]
        store.close()
        mending.close()

    def test_put_aside_by_another(self, directory: OutboxDirectory, store: Store) -> None:
        """
        Who has the old file open goes over to the new one.
        """
        store.append(entries(b"old"), durable=True)
        os.rename(directory.database, f"{directory.path}/elsewhere")
        other = Store(directory, ["a"], MIB)
        other.append(entries(b"new"), durable=True)
        store._database._looked = 0.0
        store.append(entries(b"newer"), durable=True)
        assert payloads(other, "a") == [b"new", b"newer"]
        assert store.identity == other.identity
        store.close()
        other.close()

    def test_two_of_one_process(self, directory: OutboxDirectory, store: Store) -> None:
        """
        Another process that looks and leaves takes nothing away from a process with two of them.
        """
        store.append(entries(b"0"), durable=True)
        second = Store(directory, ["a", "b"], MIB)
        second.open()
        look = (
            "from txregistry.notifications.directory import OutboxDirectory\n"
            "from txregistry.notifications.store import Store\n"
            f"store = Store(OutboxDirectory({directory.path!r}), None, {MIB})\n"
            "print(store.totals()[0])\n"
            "store.close()\n"
        )
        for number in (1, 2):
            told = subprocess.run([sys.executable, "-c", look], capture_output=True, check=True)
            assert int(told.stdout) == number
            store.append(entries(b"more"), durable=True)
        assert os.path.exists(f"{directory.database}-wal")
        store.close()
        second.close()

    def test_no_place(self) -> None:
        """
        Where nothing can be written it says so.
        """
        with pytest.raises(Unusable):
            Store(OutboxDirectory("/proc/no/such/place"), ["a"], MIB).open()


class OwnershipTests:
    """
    Whose outbox it is.
    """

    def test_one_run(self, tmp_path: Path) -> None:
        """
        Processes of one run share it, those of another can't have it until all of them have ended.
        """
        directory = OutboxDirectory(str(tmp_path))
        first, second = Ownership(directory, "run"), Ownership(directory, "run")
        other = Ownership(directory, "other")
        first.take()
        second.take()
        with pytest.raises(InUse, match=r"notifications\.outbox\.path"):
            other.take()
        first.release()
        with pytest.raises(InUse):
            other.take()
        second.release()
        other.take()
        other.release()

    def test_renewed(self, tmp_path: Path) -> None:
        """
        Whose directory was removed has it again in the new one.
        """
        directory = OutboxDirectory(str(tmp_path / "outbox"))
        directory.make()
        first, other = Ownership(directory, "run"), Ownership(directory, "other")
        first.take()
        shutil.rmtree(directory.path)
        directory.make()
        first.renew()
        with pytest.raises(InUse):
            other.take()
        first.release()

    def test_is_locked(self, tmp_path: Path) -> None:
        """
        Whether somebody holds a lock can be asked without leaving one.
        """
        path = str(tmp_path / "lock")
        assert not is_locked(path)
        file = open_lock(path)
        assert not is_locked(path)
        assert locked(file)
        assert is_locked(path)
        os.close(file)
        assert not is_locked(path)


class LockTests:
    """
    Files that are locks.
    """

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_made_by_root(self, tmp_path: Path) -> None:
        """
        One that root has made, who only looked, is no obstacle for the user of the registry.
        """
        os.chown(tmp_path, 65534, 65534)
        directory = OutboxDirectory(str(tmp_path))
        assert DeadLetters(directory).take(lambda _: True, lambda _: None) == 0
        assert os.stat(directory.dead_lock).st_uid == 65534


class DeadLettersTests:
    """
    What was given up.
    """

    def test_written_and_taken(self, tmp_path: Path) -> None:
        """
        There is one for each endpoint that never got an event; those that are taken are gone.
        """
        letters = DeadLetters(OutboxDirectory(str(tmp_path)))
        letters.add(
            [
                Excess(1, 5.0, b'{"x":"\\u00e4"}', ("a", "b"), "maxage"),
                Excess(2, 6.0, b"{}", (), "maxage"),
            ]
        )
        assert [(each.endpoint, each.event) for each in letters] == [
            ("a", {"x": "ä"}),
            ("b", {"x": "ä"}),
        ]
        taken: list[DeadLetter] = []
        assert letters.take(lambda each: each.endpoint == "a", taken.extend) == 1
        assert taken[0].entry(9.0) == Entry(b'{"x":"\\u00e4"}', 9.0, "a")
        assert [each.endpoint for each in letters] == ["b"]

    def test_taken_in_part(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        If they can't be used to the end, those that were used are gone, and the others stay.
        """
        monkeypatch.setattr("txregistry.notifications.deadletters._AT_ONCE", 2)
        letters = DeadLetters(OutboxDirectory(str(tmp_path)))
        for number in range(8):
            names = ("a",) if number % 2 else ("b",)
            letters.add([Excess(number, 1.0, b"%d" % number, names, "maxage")])
        taken: list[object] = []

        def use(some: list[DeadLetter]) -> None:
            if taken:
                raise Unusable("no room")
            taken.extend(each.event for each in some)

        with pytest.raises(Unusable):
            letters.take(lambda each: each.endpoint == "a", use)
        assert taken == [1, 3]
        assert [each.event for each in letters] == [0, 2, 4, 5, 6, 7]

    def test_in_memory(self, tmp_path: Path) -> None:
        """
        Where the directory is in memory they take little of it.
        """
        letters = DeadLetters(OutboxDirectory(str(tmp_path), in_memory=True))
        payload = b'"%s"' % (b"x" * 100_000)
        for number in range(100):
            letters.add([Excess(number, 1.0, payload, ("a",), "maxsize")])
        files = list(tmp_path.glob("dead-letters.jsonl*"))
        assert sum(each.stat().st_size for each in files) < 2.5 * MOST_IN_MEMORY

    def test_names_are_synced(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The directory is synced when the file is new, and when it is another's name: its bytes alone
        would not survive a power cut.
        """
        synced: list[list[str]] = []

        def sync(path: str) -> None:
            synced.append(sorted(name for name in os.listdir(path) if "jsonl" in name))
            sync_directory(path)

        monkeypatch.setattr("txregistry.notifications.deadletters.sync_directory", sync)
        letters = DeadLetters(OutboxDirectory(str(tmp_path)))
        excess = [Excess(1, 1.0, b"{}", ("a",), "maxsize")]
        letters.add(excess)
        assert synced == [["dead-letters.jsonl"]]
        letters.add(excess)
        assert len(synced) == 1
        monkeypatch.setattr(letters, "_most", 10)
        letters.add(excess)
        assert synced[1:] == [["dead-letters.jsonl.1"]]
        letters.take(lambda _: True, lambda _: None)
        assert synced[2:] == [["dead-letters.jsonl", "dead-letters.jsonl.1"]]
        assert os.listdir(tmp_path).count("dead-letters.jsonl.1") == 0

    def test_all_or_nothing(self, tmp_path: Path) -> None:
        """
        What can't be written to its end is not there: no half lines, and no line twice.
        """
        letters = DeadLetters(OutboxDirectory(str(tmp_path)))
        letters.add([Excess(1, 1.0, b'"first"', ("a",), "maxsize")])
        before = (tmp_path / "dead-letters.jsonl").read_bytes()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
        try:
            with pytest.raises(OSError, match="large"):
                letters.add([Excess(2, 1.0, b'"more"', ("a",), "maxsize")] * 1000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, former)
        assert (tmp_path / "dead-letters.jsonl").read_bytes() == before
        letters.add([Excess(3, 1.0, b'"last"', ("a",), "maxsize")])
        assert [each.event for each in letters] == ["first", "last"]

    def test_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        When the file is large another begins, and one older one is kept.
        """
        monkeypatch.setattr("txregistry.notifications.deadletters.MOST", 1000)
        letters = DeadLetters(OutboxDirectory(str(tmp_path)))
        for number in range(100):
            letters.add([Excess(number, 1.0, b"{}", ("a",), "maxsize")])
        assert sum(file.stat().st_size for file in tmp_path.glob("dead-letters.jsonl*")) < 2200
        assert 10 < len(list(letters)) < 40
