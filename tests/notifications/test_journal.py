"""
The journal, as those see it who write to it.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from txregistry.notifications import directory as directory_module
from txregistry.notifications import journal as journal_module
from txregistry.notifications import segment as segment_module
from txregistry.notifications.database import Unusable
from txregistry.notifications.directory import OutboxDirectory, is_locked
from txregistry.notifications.entries import Entry
from txregistry.notifications.intake import Intake
from txregistry.notifications.journal import Journal
from txregistry.notifications.segment import Reader, Record, head_of, segments_in
from txregistry.notifications.store import Store

MIB = 1024 * 1024


@pytest.fixture
def directory(tmp_path: Path) -> OutboxDirectory:
    """
    Of an outbox.
    """
    return OutboxDirectory(str(tmp_path / "outbox"))


@pytest.fixture
def make(directory: OutboxDirectory) -> Iterator[Callable[..., Journal]]:
    """
    Makes journals, as another process would have them.
    """
    made: list[Journal] = []

    def make(maxsize: int = MIB, lost: Callable[[str], None] = lambda _: None) -> Journal:
        made.append(Journal(directory, maxsize, lost))
        return made[-1]

    yield make
    for each in made:
        each.close()


def entries(*payloads: bytes) -> list[Entry]:
    """
    :return: events.
    """
    return [Entry(payload, float(at)) for at, payload in enumerate(payloads)]


def segments(directory: OutboxDirectory) -> list[Path]:
    """
    :return: all of them.
    """
    return [Path(directory.journal, name) for name in segments_in(directory.journal)]


def records(path: Path) -> list[Record]:
    """
    :return: what is in a segment.
    """
    head = head_of(path.read_bytes())
    assert head is not None
    return list(Reader(str(path), head.token).records(0, lambda _: None))


def payloads(directory: OutboxDirectory) -> list[bytes]:
    """
    :return: what is in all segments.
    """
    return [
        entry.payload
        for path in segments(directory)
        for record in records(path)
        for entry in record.entries
    ]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """
    Let no file become larger.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, former)


class WritingTests:
    """
    What is written.
    """

    def test_records(self, directory: OutboxDirectory, make: Callable[..., Journal]) -> None:
        """
        What is written at once is one record, with all that there is to events; later ones have
        later moments.
        """
        journal = make()
        journal.append(entries(b"0", b"", bytes(range(256))), durable=True)
        journal.append(entries(b"1"), durable=False)
        (path,) = segments(directory)
        first, second = records(path)
        assert list(first.entries) == entries(b"0", b"", bytes(range(256)))
        assert list(second.entries) == entries(b"1")
        assert first.moment < second.moment
        assert second.end == path.stat().st_size

    def test_private(self, directory: OutboxDirectory, make: Callable[..., Journal]) -> None:
        """
        Nobody else may read it.
        """
        make().append(entries(b"0"), durable=False)
        assert os.stat(directory.journal).st_mode & 0o77 == 0
        assert segments(directory)[0].stat().st_mode & 0o177 == 0

    def test_for_one(self, make: Callable[..., Journal]) -> None:
        """
        What is for a single endpoint is refused, for nothing would tell which that is.
        """
        with pytest.raises(ValueError, match="all endpoints"):
            make().append([Entry(b"0", 1.0, "a")], durable=False)

    def test_each_its_own(self, directory: OutboxDirectory, make: Callable[..., Journal]) -> None:
        """
        Each process has a segment, and a lock on it for as long as it may write to it.
        """
        first, second = make(), make()
        first.append(entries(b"0"), durable=False)
        second.append(entries(b"1"), durable=False)
        first.append(entries(b"2"), durable=False)
        paths = segments(directory)
        assert payloads(directory) == [b"0", b"2", b"1"]
        assert [is_locked(str(path)) for path in paths] == [True, True]
        first.close()
        assert [is_locked(str(path)) for path in paths] == [False, True]
        first.append(entries(b"3"), durable=False)
        assert len(segments(directory)) == 3

    def test_threads(self, directory: OutboxDirectory, make: Callable[..., Journal]) -> None:
        """
        Threads may write at the same time: all is there, those of a thread in their order, and
        moments never go back.
        """
        journal = make(64 * MIB)

        def work(thread: int) -> None:
            for number in range(300):
                journal.append(entries(b"%d %d" % (thread, number)), durable=number % 100 == 0)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = payloads(directory)
        assert len(found) == 2400
        for own in range(8):
            of_thread = [each for each in found if each.startswith(b"%d " % own)]
            assert of_thread == [b"%d %d" % (own, number) for number in range(300)]
        moments = [record.moment for path in segments(directory) for record in records(path)]
        assert moments == sorted(moments)


class RoomTests:
    """
    How much there is.
    """

    def test_rotation(self, directory: OutboxDirectory, make: Callable[..., Journal]) -> None:
        """
        A full segment is left, after a sync, for another; the descriptor that may have to be synced
        is always the same, and has no copies.
        """
        journal = make(MIB)
        journal.append(entries(b"first"), durable=False)
        file, number = journal.fileno(), len(os.listdir("/proc/self/fd"))
        while len(segments(directory)) < 3:
            journal.append(entries(bytes(10_000)), durable=False)
        assert journal.fileno() == file
        assert len(os.listdir("/proc/self/fd")) == number
        paths = segments(directory)
        assert [is_locked(str(path)) for path in paths] == [False, False, True]
        assert os.path.samestat(os.fstat(file), paths[2].stat())
        assert all(path.stat().st_size < MIB // 8 + 20_000 for path in paths)

    def test_left_segments_are_synced(
        self,
        directory: OutboxDirectory,
        make: Callable[..., Journal],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """
        What was written to a segment is synced before another is begun, since nobody could do so
        afterwards.
        """
        journal = make(MIB)
        synced: list[tuple[int, int]] = []

        def sync(file: int) -> None:
            synced.append((os.fstat(file).st_ino, len(segments(directory))))

        monkeypatch.setattr(os, "fdatasync", sync)
        for _ in range(15):
            journal.append(entries(bytes(10_000)), durable=False)
        assert synced == [(segments(directory)[0].stat().st_ino, 1)]

    def test_maxsize(self, directory: OutboxDirectory, make: Callable[..., Journal]) -> None:
        """
        Where nobody takes events out there is an end, of which the error tells; when they have been
        taken it goes on.
        """
        journal = make(MIB)
        kept, problem = 0, ""
        while not problem:
            try:
                journal.append(entries(bytes(10_000)), durable=False)
                kept += 1
            except Unusable as error:
                problem = str(error)
        assert "nobody takes them out" in problem
        assert 90 < kept < 110
        assert sum(path.stat().st_size for path in segments(directory)) < MIB * 1.1
        store = Store(directory, ["a"], 4 * MIB)
        assert Intake(store).take().events == kept
        journal.append(entries(b"more"), durable=True)
        assert payloads(directory)[-1:] == [b"more"]
        store.close()

    @pytest.mark.parametrize(
        ("maxsize", "size"), [(MIB, 128 * 1024), (64 * MIB, MIB), (1024 * MIB, 4 * MIB)]
    )
    def test_number(self, make: Callable[..., Journal], maxsize: int, size: int) -> None:
        """
        Segments are so large that there are never very many, and several in a small outbox.
        """
        assert make(maxsize)._full == size

    def test_most(self, directory: OutboxDirectory, make: Callable[..., Journal]) -> None:
        """
        One record may be larger than a segment.
        """
        journal = make(MIB)
        assert journal.most == Store(None, [], MIB).most
        journal.append(entries(bytes(journal.most)), durable=True)
        journal.append(entries(b"1"), durable=True)
        assert [len(each) for each in payloads(directory)] == [journal.most, 1]

    def test_own_segment_in_the_way(
        self, directory: OutboxDirectory, make: Callable[..., Journal]
    ) -> None:
        """
        Who has no room for another segment beside his own lets that be taken: then there is room,
        and nobody misses anything.
        """
        lost: list[str] = []
        journal = make(MIB, lost.append)
        store = Store(directory, ["a"], 4 * MIB)
        for size in (100_000, journal.most):
            journal.append(entries(bytes(size)), durable=True)
        with pytest.raises(Unusable, match="nobody takes them out"):
            journal.append(entries(bytes(journal.most)), durable=True)
        file = journal.fileno()
        assert Intake(store).take().events == 2
        assert segments(directory) == []
        journal.append(entries(bytes(journal.most)), durable=True)
        assert (journal.fileno(), lost) == (file, [])
        assert Intake(store).take().events == 1
        store.close()

    def test_segments_of_others_in_the_way(
        self, directory: OutboxDirectory, make: Callable[..., Journal]
    ) -> None:
        """
        However many processes have a segment that is nearly full, and write nothing, there is room
        when all has been taken.
        """
        store = Store(directory, ["a"], 4 * MIB)
        journals = [make(MIB) for _ in range(10)]
        for journal in journals:
            for _ in range(13):
                journal.append(entries(bytes(10_000)), durable=False)
        for _ in range(30):
            Intake(store).take()
            journals[0].append(entries(bytes(10_000)), durable=False)
        store.close()


class FailureTests:
    """
    What can't be written.
    """

    def test_all_or_none(self, directory: OutboxDirectory, make: Callable[..., Journal]) -> None:
        """
        Of what there is no room for nothing is kept; what comes then is.
        """
        journal = make()
        journal.append(entries(b"0"), durable=False)
        size = segments(directory)[0].stat().st_size
        for limit in (size + 5000, size):
            with largest_file(limit), pytest.raises(Unusable, match=r"can't write to .*outbox"):
                journal.append(entries(b"1" * 4000, b"2" * 4000), durable=False)
            assert segments(directory)[0].stat().st_size == size
        journal.append(entries(b"3"), durable=False)
        assert payloads(directory) == [b"0", b"3"]

    def test_undone_elsewhere(
        self,
        directory: OutboxDirectory,
        make: Callable[..., Journal],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """
        Where a part of a record can't be removed it goes on in another segment.
        """

        def fail(file: int, size: int) -> None:
            raise OSError(5, "Input/output error")

        journal = make()
        journal.append(entries(b"0"), durable=False)
        with largest_file(5000), monkeypatch.context() as patch:
            patch.setattr(os, "ftruncate", fail)
            with pytest.raises(Unusable):
                journal.append(entries(bytes(8000)), durable=False)
        journal.append(entries(b"1"), durable=False)
        assert len(segments(directory)) == 2
        assert payloads(directory) == [b"0", b"1"]

    def test_no_place(self) -> None:
        """
        Where there is no place it says so each time, and leaves nothing open.
        """
        journal = Journal(OutboxDirectory("/proc/no/such/place"), MIB)
        number = len(os.listdir("/proc/self/fd"))
        for _ in range(2):
            with pytest.raises(Unusable, match="/proc/no/such/place"):
                journal.append(entries(b"0"), durable=True)
        assert journal.fileno() == -1
        journal.sync()
        assert len(os.listdir("/proc/self/fd")) == number

    def test_no_room_for_a_head(
        self, directory: OutboxDirectory, make: Callable[..., Journal]
    ) -> None:
        """
        A segment that can't be begun leaves nothing behind.
        """
        journal = make()
        with largest_file(10), pytest.raises(Unusable):
            journal.append(entries(b"0"), durable=False)
        assert os.listdir(directory.journal) == []

    def test_nothing_left_open(
        self,
        directory: OutboxDirectory,
        make: Callable[..., Journal],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """
        A segment whose name can't be synced isn't kept open, and goes with the next look.
        """

        def fail(path: str) -> None:
            raise OSError(24, "Too many open files")

        journal, number = make(), len(os.listdir("/proc/self/fd"))
        with monkeypatch.context() as patch:
            patch.setattr(segment_module, "sync_directory", fail)
            with pytest.raises(Unusable, match="Too many open files"):
                journal.append(entries(b"0"), durable=False)
        assert len(os.listdir("/proc/self/fd")) == number
        assert [is_locked(str(path)) for path in segments(directory)] == [False]

    def test_directory_made_by_others(
        self,
        directory: OutboxDirectory,
        make: Callable[..., Journal],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """
        The name of the journal is synced by each who writes there: who made it may have ended
        before.
        """
        synced: list[str] = []
        os.makedirs(directory.journal)
        monkeypatch.setattr(journal_module, "sync_directory", synced.append)
        make().append(entries(b"0"), durable=True)
        assert synced == [directory.path]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_root(self, directory: OutboxDirectory, make: Callable[..., Journal]) -> None:
        """
        What root writes into the outbox of somebody else is theirs, so that it is in nobody's way
        later.
        """
        os.mkdir(directory.path)
        os.chown(directory.path, 12345, 12345)
        make().append(entries(b"0"), durable=True)
        for path in (Path(directory.journal), *segments(directory)):
            assert path.stat().st_uid == 12345

    def test_swept_up(
        self,
        directory: OutboxDirectory,
        make: Callable[..., Journal],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """
        If somebody sweeps up a segment that is just being begun, another is begun.
        """
        steps: list[str] = []

        def locked(file: int) -> bool:
            hidden = next(Path(directory.journal).glob(".*"))
            steps.append(hidden.name)
            if len(steps) < 3:
                hidden.unlink()
            return len(steps) > 1 and directory_module.locked(file)

        monkeypatch.setattr(segment_module, "locked", locked)
        make().append(entries(b"0"), durable=True)
        assert len(steps) == 3
        assert payloads(directory) == [b"0"]

    def test_sweeping(self, directory: OutboxDirectory, make: Callable[..., Journal]) -> None:
        """
        Whenever somebody looks while segments are begun, none of them is lost.
        """
        store = Store(directory, ["a"], 64 * MIB)
        store.open()
        intake, over = Intake(store), threading.Event()

        def sweep() -> None:
            while not over.is_set():
                intake.take()

        thread = threading.Thread(target=sweep)
        thread.start()
        try:
            for number in range(200):
                journal = make(64 * MIB)
                journal.append(entries(b"%d" % number), durable=False)
                journal.close()
        finally:
            over.set()
            thread.join()
        intake.take()
        rows = store.read("a", 0, 1000)
        assert [row.payload for row in rows] == [b"%d" % number for number in range(200)]
        assert os.listdir(directory.journal) == []
        intake.close()
        store.close()


class VanishedTests:
    """
    Somebody removes something.
    """

    @pytest.fixture(autouse=True)
    def look_always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        It is noticed at once.
        """
        monkeypatch.setattr(journal_module, "LOOK_SECONDS", 0.0)

    def test_directory(self, directory: OutboxDirectory, make: Callable[..., Journal]) -> None:
        """
        All is made anew; one of those who had something there says so.
        """
        lost: list[str] = []
        journals = [make(MIB, lost.append) for _ in range(3)]
        store = Store(directory, ["a"], MIB, lost.append)
        store.open()
        for journal in journals:
            journal.append(entries(b"old"), durable=True)
        for _ in range(3):
            shutil.rmtree(directory.path)
            store._database._looked = 0.0
            for journal in journals[1:]:
                journal.append(entries(b"new"), durable=True)
            assert Intake(store).take().events == 2
            journals[0].append(entries(b"newer"), durable=True)
            assert Intake(store).take().events == 1
        assert lost == ["vanished"] * 3
        store.close()

    def test_directory_missed_by_who_delivers(
        self, directory: OutboxDirectory, make: Callable[..., Journal]
    ) -> None:
        """
        So it is if who delivers is the first to notice.
        """
        lost: list[str] = []
        journal = make(MIB, lost.append)
        store = Store(directory, ["a"], MIB, lost.append)
        store.open()
        journal.append(entries(b"old"), durable=True)
        shutil.rmtree(directory.path)
        store._database._looked = 0.0
        store.open()
        assert lost == ["vanished"]
        journal.append(entries(b"new"), durable=True)
        assert lost == ["vanished"]
        assert Intake(store).take().events == 1
        store.close()

    def test_directory_missed_by_who_has_written_nothing(
        self, directory: OutboxDirectory, make: Callable[..., Journal]
    ) -> None:
        """
        So it is if the first to notice has written nothing yet, but not if there was no outbox.
        """
        lost: list[str] = []
        early = make(MIB, lost.append)
        early.append(entries(b"old"), durable=True)
        assert lost == []
        late = make(MIB, lost.append)
        shutil.rmtree(directory.path)
        late.append(entries(b"new"), durable=True)
        early.append(entries(b"newer"), durable=True)
        assert lost == ["vanished"]

    def test_segment(self, directory: OutboxDirectory, make: Callable[..., Journal]) -> None:
        """
        Who misses nothing but his segment says so.
        """
        lost: list[str] = []
        journal, other = make(MIB, lost.append), make(MIB, lost.append)
        for each in (journal, other):
            each.append(entries(b"old"), durable=True)
        segments(directory)[0].unlink()
        for each in (journal, other):
            each.append(entries(b"new"), durable=True)
        assert lost == ["vanished"]
        assert payloads(directory) == [b"old", b"new", b"new"]

    def test_looked_for_seldom(
        self,
        directory: OutboxDirectory,
        make: Callable[..., Journal],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """
        It isn't looked for with every write.
        """
        monkeypatch.setattr(journal_module, "LOOK_SECONDS", 60.0)
        looks: list[str] = []

        def is_at(file: int, path: str) -> bool:
            looks.append(path)
            return True

        journal = make()
        journal.append(entries(b"0"), durable=False)
        monkeypatch.setattr(journal_module, "is_at", is_at)
        for _ in range(10):
            journal.append(entries(b"0"), durable=False)
        assert looks == []
