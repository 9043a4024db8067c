"""
Where the outbox of a process is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.python.failure import Failure

from txregistry.errors import CannotServe
from txregistry.notifications.deadletters import DeadLetters
from txregistry.notifications.directory import OutboxDirectory
from txregistry.notifications.entries import Entry, Excess
from txregistry.notifications.ignore import Ignored
from txregistry.notifications.intake import Intake
from txregistry.notifications.store import Store
from txregistry.service import keeping
from txregistry.service.keeping import Keeping

MIB = 1024 * 1024


class Kit:
    """
    A registry of several processes, or of one, and a place for its outbox that may be blocked.
    """

    def __init__(self, tmp_path: Path, shared: bool) -> None:
        self.place = tmp_path / "parent" / "outbox"
        self.run = tmp_path / "run"
        self.run.mkdir()
        self._shared = shared
        self._made: list[Keeping] = []
        self._stores: list[Store] = []
        self.lost: list[str] = []
        self.switched = 0

    def block(self) -> None:
        """
        Make it impossible to have an outbox on disk.
        """
        self.place.parent.touch()

    def unblock(self) -> None:
        """
        Make it possible.
        """
        self.place.parent.unlink()

    def process(self, run: str = "run") -> Keeping:
        """
        :return: what another process has.
        """
        shared = str(self.run) if self._shared else ""
        made = Keeping(
            str(self.place), run, shared, {"a": Ignored()}, MIB, self.lost.append, self._switch
        )
        self._made.append(made)
        return made

    def opened(self, of: Keeping) -> Store:
        """
        :return: its outbox.
        """
        store = of.open()
        self._stores.append(store)
        return store

    def end(self) -> None:
        """
        End all processes.
        """
        for store in self._stores:
            store.close()
        for made in self._made:
            made.close()

    def _switch(self) -> None:
        self.switched += 1


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    """
    A registry of several processes.
    """
    made = Kit(tmp_path, shared=True)
    yield made
    made.end()


def told(store: Store) -> list[bytes | None]:
    """
    :return: what is in an outbox, when all has been taken into it.
    """
    Intake(store).take()
    return [row.payload for row in store.read("a", 0, 100)]


class KeepingTests:
    """
    All processes keep events in the same place.
    """

    def test_on_disk(self, kit: Kit) -> None:
        """
        Where the disk works all is there.
        """
        first, second = kit.process(), kit.process()
        for each in (first, second):
            kit.opened(each).append([Entry(b"x", 1.0)], durable=True)
            assert not each.in_memory
        assert told(Store(OutboxDirectory(str(kit.place)), None, MIB)) == [b"x", b"x"]

    def test_second_follows_into_memory(self, kit: Kit) -> None:
        """
        If the first process had to keep events in memory the second does, though the disk works by
        then: they are in one outbox.
        """
        kit.block()
        first, second = kit.process(), kit.process()
        store = kit.opened(first)
        kit.unblock()
        other = kit.opened(second)
        assert first.in_memory
        assert second.in_memory
        first.writer(store).append([Entry(b"1", 1.0)], durable=True)
        second.writer(other).append([Entry(b"2", 1.0)], durable=True)
        assert told(store) == [b"1", b"2"]
        assert not kit.place.exists()

    def test_second_waits_for_the_disk(self, kit: Kit) -> None:
        """
        If the first has the disk, the second doesn't go another way when it can't have it: it tries
        again with every write.
        """
        kit.opened(kit.process())
        aside = kit.place.parent.rename(kit.place.parent.with_name("aside"))
        kit.block()
        second = kit.process()
        store = kit.opened(second)
        assert not second.in_memory
        writer = second.writer(store)
        with pytest.raises(Exception, match="outbox"):
            writer.append([Entry(b"1", 1.0)], durable=True)
        kit.unblock()
        aside.rename(kit.place.parent)
        writer.append([Entry(b"1", 1.0)], durable=True)
        assert told(store) == [b"1"]

    @pytest.mark.parametrize("shared", [True, False])
    def test_move(self, tmp_path: Path, shared: bool) -> None:
        """
        When the disk works all moves there, dead letters as well, and whoever writes goes over.
        """
        kit = Kit(tmp_path, shared)
        kit.block()
        delivering = kit.process()
        memory = kit.opened(delivering)
        writing = kit.process() if shared else delivering
        writer = writing.writer(kit.opened(writing) if shared else memory)
        writer.append([Entry(b"1", 1.0)], durable=True)
        if shared:
            DeadLetters(memory.directory).add([Excess(1, 1.0, b"{}", ("a",), "maxsize")])
        assert not delivering.works()
        kit.unblock()
        assert delivering.works()
        assert delivering.move(memory) == 1
        assert not delivering.in_memory
        writer.append([Entry(b"2", 1.0)], durable=True)
        assert kit.switched == 1
        assert not writing.in_memory
        directory = OutboxDirectory(str(kit.place))
        assert told(Store(directory, None, MIB)) == [b"1", b"2"]
        assert len(list(DeadLetters(directory))) == shared
        if shared:
            later = kit.process()
            assert told(kit.opened(later)) == [b"1", b"2"]
            assert not later.in_memory
        kit.end()

    def test_of_another(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Another registry's outbox is refused at the start, and not gone over to later.
        """
        monkeypatch.setattr(keeping, "OWNER_SECONDS", 0.1)
        kit.block()
        ours = kit.process()
        kit.opened(ours)
        kit.unblock()
        other = Keeping(str(kit.place), "other", "", {"a": Ignored()}, MIB, print, print)
        store = other.open()
        assert not ours.works()
        with pytest.raises(CannotServe, match="another registry"):
            Keeping(str(kit.place), "third", "", {"a": Ignored()}, MIB, print, print).open()
        store.close()
        other.close()
        assert ours.works()

    def test_new_endpoint(self, kit: Kit) -> None:
        """
        An endpoint that comes to an outbox isn't told of what had been written by then, though
        nobody had taken it out of the journal.
        """
        first = kit.process()
        first.writer(kit.opened(first)).append([Entry(b"before", 1.0)], durable=True)
        names = {"a": Ignored(), "new": Ignored()}
        second = Keeping(str(kit.place), "run", "", names, MIB, kit.lost.append, print)
        store = second.open()
        second.writer(store).append([Entry(b"after", 1.0)], durable=True)
        assert told(store) == [b"before", b"after"]
        after = store.cursors()["new"].seq
        assert [row.payload for row in store.read("new", after, 100)] == [b"after"]
        store.close()
        second.close()

    def test_damaged_with_a_journal(self, kit: Kit, logged_failures: list[Failure]) -> None:
        """
        Where the outbox is damaged at the start, what is still in the journal is for all.
        """
        first = kit.process()
        first.writer(kit.opened(first)).append([Entry(b"before", 1.0)], durable=True)
        for file in kit.place.glob("events.db*"):
            file.write_bytes(b"nonsense" * 5000)
        store = kit.opened(kit.process())
        assert told(store) == [b"before"]
        assert kit.lost == ["damaged"]

    def test_no_place(self) -> None:
        """
        Where no place is wanted all is in memory, and there it belongs.
        """
        made = Keeping("", "run", "", {"a": Ignored()}, MIB, print, lambda: None)
        store = made.open()
        assert store.directory is None
        assert made.another(store) is store
        assert not made.in_memory
