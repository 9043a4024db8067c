"""
How events come out of the journal and into the outbox.
"""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.notifications.test_store import payloads_of
from txregistry.notifications import intake as intake_module
from txregistry.notifications import segment as segment_module
from txregistry.notifications.boot import boot_id
from txregistry.notifications.database import MOST_ASIDE, Unusable
from txregistry.notifications.directory import OutboxDirectory
from txregistry.notifications.entries import Entry
from txregistry.notifications.intake import ASIDE, Intake
from txregistry.notifications.journal import Journal
from txregistry.notifications.segment import Reader, head_of, segments_in
from txregistry.notifications.store import Store

MIB = 1024 * 1024
FORKED = get_context("fork")


class Kit:
    """
    An outbox, and processes that write to its journal.
    """

    def __init__(self, tmp_path: Path) -> None:
        self.directory = OutboxDirectory(str(tmp_path / "outbox"))
        self.lost: list[str] = []
        self.store = Store(self.directory, ["a"], 64 * MIB, self.lost.append)
        self.store.open()
        self.intake = Intake(self.store)
        self._made: list[Journal] = []

    def journal(self, maxsize: int = 64 * MIB) -> Journal:
        """
        :return: another process's.
        """
        self._made.append(Journal(self.directory, maxsize))
        return self._made[-1]

    def segments(self) -> list[Path]:
        """
        :return: those that there are.
        """
        return [Path(self.directory.journal, name) for name in segments_in(self.directory.journal)]

    def told(self) -> list[bytes | None]:
        """
        :return: what the endpoint is told.
        """
        return payloads_of(self.store)

    def end(self) -> None:
        """
        End all processes.
        """
        for each in self._made:
            each.close()
        self.intake.close()
        self.store.close()


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    """
    An outbox.
    """
    made = Kit(tmp_path)
    yield made
    made.end()


def put(journal: Journal, *payloads: bytes) -> None:
    """
    Write events at once.
    """
    journal.append([Entry(payload, 1.5) for payload in payloads], durable=False)


class OrderTests:
    """
    The order of events.
    """

    def test_by_moments(self, kit: Kit) -> None:
        """
        Events of several processes are in the order in which they were written, and taken once.
        """
        journals = [kit.journal() for _ in range(5)]
        for number in range(100):
            put(journals[number * 7 % 5], b"%d" % number)
            if number % 30 == 0:
                kit.intake.take()
        kit.intake.take()
        assert kit.told() == [b"%d" % number for number in range(100)]
        assert kit.intake.take().events == 0
        assert kit.store.excess(oldest=2.0)[0].at == 1.5

    def test_in_pieces(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The same if it takes many reads and transactions, and ends before all are taken.
        """
        monkeypatch.setattr(intake_module, "AT_ONCE", 2000)
        monkeypatch.setattr(intake_module, "PIECE", 100)
        monkeypatch.setattr(intake_module, "_LEAST_PIECE", 100)
        journals = [kit.journal() for _ in range(3)]
        for number in range(200):
            put(journals[number % 3], b"%d" % number + bytes(number))
        takes = 1
        while kit.intake.take(seconds=0.0).more:
            takes += 1
        assert takes > 5
        assert [each.rstrip(b"\0") for each in kit.told() if each] == [
            b"%d" % number for number in range(200)
        ]

    def test_later_is_for_the_next_time(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        What is written while it is looked is taken the next time: something that came before it may
        not have been seen.
        """
        first, second = kit.journal(), kit.journal()
        put(first, b"0")
        put(second, b"1")
        real = kit.store.taken_so_far

        def look() -> tuple[str, dict[str, int]]:
            put(second, b"2")
            return real()

        monkeypatch.setattr(kit.store, "taken_so_far", look)
        kit.intake.take()
        assert kit.told() == [b"0", b"1"]
        kit.intake.take()
        assert kit.told() == [b"0", b"1", b"2"]

    def test_earlier_life(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        What was written before the machine was booted comes first, whatever its moments are.
        """
        for boot, later in (("first", 2), ("second", 1)):
            with monkeypatch.context() as patch:
                patch.setattr(segment_module, "boot_id", lambda: boot)  # noqa: B023 - it is called here
                real = time.monotonic_ns
                patch.setattr(time, "monotonic_ns", lambda: real() + later * 10**15)  # noqa: B023 - the same
                journal = kit.journal()
                put(journal, boot.encode())
                journal.close()
        put(kit.journal(), b"third")
        kit.intake.take()
        assert kit.told() == [b"first", b"second", b"third"]

    @pytest.mark.timeout(120)
    def test_causes_come_first(
        self, kit: Kit, scale: Callable[[int, int], int], figure: Callable[[str, object], None]
    ) -> None:
        """
        Of what eight processes write at the same time nothing is lost and nothing comes twice, and
        what was written after something else was comes after it, whoever wrote them.
        """
        each = scale(400, 5000)
        turn, number = FORKED.Lock(), FORKED.Value("q", 0)

        def work(process: int) -> None:
            journal = Journal(kit.directory, MIB)
            done = 0
            while done < each:
                try:
                    with turn:
                        put(journal, b"turn %d" % number.value)
                        number.value += 1
                    put(journal, b"free %d %d" % (process, done))
                    done += 1
                except Unusable:
                    time.sleep(0.001)

        workers = [FORKED.Process(target=work, args=(process,)) for process in range(8)]
        for worker in workers:
            worker.start()
        takes = 0
        while any(worker.is_alive() for worker in workers):
            takes += kit.intake.take().events > 0
        kit.intake.take()
        assert [worker.exitcode for worker in workers] == [0] * 8
        found = [payload for payload in kit.told() if payload]
        turns = [payload for payload in found if payload.startswith(b"turn")]
        assert turns == [b"turn %d" % place for place in range(number.value)]
        for process in range(8):
            free = [payload for payload in found if payload.startswith(b"free %d " % process)]
            assert free == [b"free %d %d" % (process, done) for done in range(each)]
        assert len(found) == number.value + 8 * each
        assert not segments_in(kit.directory.journal)
        figure("events of eight processes, takes", (len(found), takes))


class EndTests:
    """
    The ends of segments.
    """

    def test_removed(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        One to which nobody writes any more is removed when all of it has been taken, and that is
        durable; nothing is remembered of it.
        """
        journal, other = kit.journal(), kit.journal()
        put(journal, b"0")
        put(other, b"1")
        journal.close()
        steps: list[str] = []
        sync, unlink = kit.store.sync, os.unlink

        def note_sync() -> None:
            steps.append("sync")
            sync()

        def note_unlink(path: str) -> None:
            steps.append("unlink")
            unlink(path)

        monkeypatch.setattr(kit.store, "sync", note_sync)
        monkeypatch.setattr(os, "unlink", note_unlink)
        kit.intake.take()
        assert steps == ["sync", "unlink"]
        assert len(kit.segments()) == 1
        assert [*kit.store.taken_so_far()[1]] == [kit.segments()[0].name]

    def test_removed_though_it_took_long(self, kit: Kit) -> None:
        """
        So it is where the time was over when all had been taken.
        """
        journal = kit.journal()
        put(journal, b"0")
        journal.close()
        assert not kit.intake.take(0.0).more
        assert kit.segments() == []

    def test_kept_where_the_outbox_is_not_durable(
        self, kit: Kit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        If the outbox can't be synced the segment stays, and its events don't come twice.
        """

        def fail() -> None:
            raise Unusable("can't sync")

        journal = kit.journal()
        put(journal, b"0")
        journal.close()
        with monkeypatch.context() as patch:
            patch.setattr(kit.store, "sync", fail)
            with pytest.raises(Unusable):
                kit.intake.take()
        assert len(kit.segments()) == 1
        kit.intake.take()
        assert kit.told() == [b"0"]
        assert kit.segments() == []

    @pytest.mark.parametrize("ended", [True, False])
    def test_torn(self, kit: Kit, monkeypatch: pytest.MonkeyPatch, ended: bool) -> None:
        """
        A record that is not there to its end isn't taken, wherever it breaks off: where somebody
        still writes it is when it is whole, and where nobody does it never was kept.
        """
        monkeypatch.setattr(intake_module, "ODD_SECONDS", 0.0)
        journal = kit.journal()
        put(journal, b"0")
        before = kit.segments()[0].stat().st_size
        put(journal, b"1")
        (path,) = kit.segments()
        whole = path.read_bytes()
        for end in range(before, len(whole)):
            os.truncate(path, end)
            kit.intake.take()
            assert kit.told() == [b"0"]
        if ended:
            journal.close()
            kit.intake.take()
            assert (kit.told(), kit.segments()) == ([b"0"], [])
        else:
            path.write_bytes(whole)
            put(journal, b"2")
            kit.intake.take()
            assert kit.told() == [b"0", b"1", b"2"]
        assert kit.lost == []

    def test_unfinished(self, kit: Kit) -> None:
        """
        Segments that were never begun to the end are swept up, and files of others left alone.
        """
        put(kit.journal(), b"0")
        hidden = Path(kit.directory.journal, "." + kit.segments()[0].name)
        other = Path(kit.directory.journal, ".other")
        hidden.write_bytes(b"txreg")
        other.touch()
        kit.intake.take()
        assert not hidden.exists()
        assert other.exists()

    @pytest.mark.parametrize("size", [0, 20, 5000])
    def test_never_written(self, kit: Kit, size: int) -> None:
        """
        One of which a power cut has left nothing but its name and size is removed without a word.
        """
        journal = kit.journal()
        put(journal, b"0")
        journal.close()
        (path,) = kit.segments()
        path.write_bytes(bytes(size))
        kit.intake.take()
        assert (kit.segments(), kit.lost) == ([], [])


class DamageTests:
    """
    Segments that are not what was written.
    """

    def test_flipped(self, kit: Kit) -> None:
        """
        Whichever byte of a record is wrong, all others are delivered; an error says that the file
        is damaged, and it is kept.
        """
        for place in range(100):
            journal = kit.journal()
            put(journal, b"before")
            begin = kit.segments()[0].stat().st_size
            put(journal, b"damaged")
            end = kit.segments()[0].stat().st_size
            put(journal, b"after")
            put(journal, b"last")
            journal.close()
            if begin + place >= end:
                break
            (path,) = kit.segments()
            content = bytearray(path.read_bytes())
            content[begin + place] ^= 0x81
            path.write_bytes(content)
            kit.intake.take()
            assert kit.told()[place * 3 :] == [b"before", b"after", b"last"]
            assert len(kit.lost) == place + 1
            aside = Path(kit.directory.path, ASIDE + path.name)
            assert aside.read_bytes() == content
        assert place > 40
        assert set(kit.lost) == {"damaged"}
        kept = [name for name in os.listdir(kit.directory.path) if name.startswith(ASIDE)]
        assert len(kept) == MOST_ASIDE

    def test_flipped_at_the_end(self, kit: Kit) -> None:
        """
        That the last record is damaged is said, too, where it has its length; where the power went
        since, it may never have been written.
        """
        for life, lost in ((boot_id(), ["damaged"]), ("x" * 36, [])):
            kit.lost.clear()
            journal = kit.journal()
            put(journal, b"before")
            put(journal, b"damaged")
            journal.close()
            (path,) = kit.segments()
            content = path.read_bytes().replace(boot_id().encode(), life.encode())
            path.write_bytes(content.replace(b"damaged", b"demaged"))
            kit.intake.take()
            assert (kit.told()[-1], kit.lost, kit.segments()) == (b"before", lost, [])

    @pytest.mark.parametrize("ended", [True, False])
    def test_unreadable(self, kit: Kit, monkeypatch: pytest.MonkeyPatch, ended: bool) -> None:
        """
        A segment that can't be read holds up no other; it is told once, and taken when it can be.
        """
        bad, good = kit.journal(), kit.journal()
        put(bad, b"0")
        bad_path, *_ = kit.segments()
        if ended:
            bad.close()
        put(good, b"1")
        read = os.pread

        def fail(file: int, number: int, place: int) -> bytes:
            if os.path.sameopenfile(file, known.fileno()):
                raise OSError(errno.EIO, "Input/output error")
            return read(file, number, place)

        with bad_path.open("rb") as known, monkeypatch.context() as patched:
            patched.setattr(os, "pread", fail)
            for _ in range(2):
                kit.intake.take()
            assert (kit.told(), kit.lost) == ([b"1"], ["damaged"])
            assert bad_path.exists()
        kit.intake.take()
        assert kit.told() == [b"1", b"0"]

    def test_something_else(self, kit: Kit) -> None:
        """
        Neither does what has the name of a segment, and is no file of ours.
        """
        journal = kit.journal()
        put(journal, b"0")
        (path,) = kit.segments()
        path.with_name("0" * 20 + "-00000000").symlink_to("/dev/zero")
        path.with_name("0" * 20 + "-00000001").mkdir()
        path.with_name("." + "0" * 20 + "-00000002").symlink_to("/dev/zero")
        kit.intake.take()
        assert kit.told() == [b"0"]
        put(kit.journal(), b"1")
        assert kit.lost == ["damaged", "damaged"]

    def test_flipped_head(self, kit: Kit) -> None:
        """
        Without a head nothing can be read; that is said, and the file is kept.
        """
        journal = kit.journal()
        put(journal, b"0")
        journal.close()
        (path,) = kit.segments()
        path.write_bytes(b"x" + path.read_bytes()[1:])
        kit.intake.take()
        assert kit.lost == ["damaged"]
        assert Path(kit.directory.path, ASIDE + path.name).exists()
        assert kit.segments() == []

    def test_being_written(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where somebody writes it may be just that which is seen: it is damaged only if it still
        looks so later, and then said once.
        """
        journal = kit.journal()
        for payload in (b"0", b"damaged", b"2"):
            put(journal, payload)
        (path,) = kit.segments()
        content = path.read_bytes()
        path.write_bytes(content.replace(b"damaged", b"demaged"))
        kit.intake.take()
        assert (kit.told(), kit.lost) == ([b"0"], [])
        monkeypatch.setattr(intake_module, "ODD_SECONDS", 0.0)
        kit.intake.take()
        put(journal, b"3")
        kit.intake.take()
        assert (kit.told(), kit.lost) == ([b"0", b"2", b"3"], ["damaged"])

    def test_nothing_in_an_event_is_a_record(self, kit: Kit) -> None:
        """
        Who knows how records look and has one in an event is not believed, even where it is
        damaged.
        """
        other = kit.journal()
        put(other, b"forged")
        path = kit.segments()[0]
        forged = path.read_bytes()[65:]
        journal = kit.journal()
        put(journal, b"begin" + forged)
        put(journal, b"after")
        journal.close()
        other.close()
        path.unlink()
        (path,) = kit.segments()
        path.write_bytes(path.read_bytes().replace(b"begin", b"xegin"))
        kit.intake.take()
        assert kit.told() == [b"after"]

    def test_damaged_outbox(self, kit: Kit) -> None:
        """
        Where the outbox has been lost with all that it had taken, what there still is of the
        journal is taken from its beginning.
        """
        put(kit.journal(), b"0")
        kit.intake.take()
        for file in Path(kit.directory.path).glob("events.db*"):
            file.write_bytes(b"nonsense" * 5000)
        kit.store.close()
        kit.intake.take()
        assert kit.told() == [b"0"]
        assert kit.lost == ["damaged"]

    def test_replaced_meanwhile(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Nothing is taken into another outbox than the one that was looked at, and all the next time.
        """
        put(kit.journal(), b"0")
        real = kit.store.taken_so_far

        def look() -> tuple[str, dict[str, int]]:
            found = real()
            for file in Path(kit.directory.path).glob("events.db*"):
                file.unlink()
            kit.store.close()
            return found

        with monkeypatch.context() as patch:
            patch.setattr(kit.store, "taken_so_far", look)
            with pytest.raises(Unusable, match="new outbox"):
                kit.intake.take()
        kit.intake.take()
        assert kit.told() == [b"0"]

    def test_larger_than_the_outbox(self, kit: Kit) -> None:
        """
        What was written when there was more room for events than now is in nobody's way.
        """
        journal = kit.journal()
        put(journal, bytes(5 * MIB))
        put(journal, b"1")
        kit.store.close()
        small = Store(kit.directory, ["a"], MIB)
        Intake(small).take()
        assert [each.reason for each in small.excess(0.0)] == ["maxsize"]
        assert payloads_of(small)[1:] == [b"1"]
        small.close()


class FormTests:
    """
    Outboxes of earlier versions.
    """

    def test_first_form(self, tmp_path: Path) -> None:
        """
        One that knows no journal is read on.
        """
        directory = OutboxDirectory(str(tmp_path / "outbox"))
        directory.make()
        connection = sqlite3.connect(directory.database)
        connection.executescript(
            "CREATE TABLE events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, endpoint TEXT,"
            " payload BLOB NOT NULL);"
            "CREATE TABLE cursors (endpoint TEXT PRIMARY KEY, seq INTEGER NOT NULL,"
            " state TEXT NOT NULL DEFAULT '') WITHOUT ROWID;"
            "CREATE TABLE identity (id TEXT NOT NULL);"
            "INSERT INTO identity VALUES ('its name');"
            "INSERT INTO events (at, payload) VALUES (1, x'30'), (2, x'31');"
            "INSERT INTO cursors (endpoint, seq) VALUES ('a', 1);"
            "PRAGMA user_version = 1;"
        )
        connection.close()
        journal = Journal(directory, MIB)
        put(journal, b"2")
        for endpoints in (None, ["a"]):
            store = Store(directory, endpoints, MIB)
            Intake(store).take()
            assert store.taken_so_far()[0] == "its name"
            assert store.cursors()["a"].seq == 1
            assert payloads_of(store) == [b"0", b"1", b"2"]
            store.close()
        journal.close()


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """
    Do something in a process that is killed before one of the calls that it makes of anything that
    isn't Python.

    :return: whether it was.
    """
    process = os.fork()
    if process == 0:
        left = step

        def count(frame: Any, event: str, argument: Any) -> None:
            nonlocal left
            if event == "c_call":
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.setprofile(count)
            work()
            sys.setprofile(None)
        finally:
            os._exit(0)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


class KillTests:
    """
    Processes that are killed between any two steps.
    """

    @pytest.mark.timeout(120)
    def test_taking(self, kit: Kit, scale: Callable[[int, int], int]) -> None:
        """
        Whenever who takes is killed, each event is taken once, in its order.
        """
        kit.store.close()
        expected: list[bytes] = []

        def take() -> None:
            store = Store(kit.directory, ["a"], 64 * MIB)
            intake = Intake(store)
            intake.take()
            intake.close()
            store.close()

        step, killed = 0, True
        while killed:
            journals = [kit.journal(), kit.journal()]
            for place in range(4):
                expected.append(b"%d %d" % (step, place))
                put(journals[place % 2], expected[-1])
            journals[0].close()
            killed = killed_at(step, take)
            journals[1].close()
            kit.intake.take()
            # A process that was begun afterwards would not have the locks of this one.
            kit.store.close()
            step += scale(7, 1)
        assert step > 100
        assert kit.told() == expected
        assert os.listdir(kit.directory.journal) == []

    @pytest.mark.timeout(120)
    def test_writing(self, kit: Kit, tmp_path: Path, scale: Callable[[int, int], int]) -> None:
        """
        Whenever who writes is killed, what he knew to be written is taken once, in its order, and
        at most one more.
        """
        known = tmp_path / "known"
        step = 0
        while True:
            with known.open("wb", buffering=0) as file:

                def write() -> None:
                    journal = Journal(kit.directory, MIB)
                    for number in range(4):
                        payload = b"%d %d" % (step, number)  # noqa: B023 - it is called here
                        put(journal, payload + bytes(50_000))
                        file.write(payload + b"\n")

                before = len(kit.told())
                killed = killed_at(step, write)
            kit.intake.take()
            found = [each.rstrip(b"\0") for each in kit.told()[before:] if each]
            written = known.read_bytes().splitlines()
            assert found[: len(written)] == written
            assert len(found) <= len(written) + 1
            assert kit.segments() == []
            if not killed:
                break
            step += scale(7, 1)
        assert step > 60
        assert len(written) == 4
        assert kit.lost == []


class SegmentTests:
    """
    Reading one.
    """

    def test_length_that_is_anything(self, kit: Kit) -> None:
        """
        A length that is wrong takes no memory.
        """
        put(kit.journal(), b"0")
        (path,) = kit.segments()
        content = bytearray(path.read_bytes())
        content[65 + 12 : 65 + 16] = b"\xff\xff\xff\xff"
        path.write_bytes(content)
        head = head_of(bytes(content))
        assert head is not None
        odd: list[int] = []

        def goes_on(place: int) -> int | None:
            odd.append(place)
            return None

        assert list(Reader(str(path), head.token).records(0, goes_on)) == []
        assert odd == [65]
