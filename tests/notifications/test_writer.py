"""
Where a process puts its events.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from txregistry.model.event import Event, EventAction, Target, encode
from txregistry.notifications.database import Sealed, Unusable
from txregistry.notifications.deadletters import DeadLetters
from txregistry.notifications.decision import Decision
from txregistry.notifications.directory import OutboxDirectory
from txregistry.notifications.entries import Entry
from txregistry.notifications.ignore import Ignored
from txregistry.notifications.store import Store
from txregistry.notifications.writer import Writer

MIB = 1024 * 1024


def entry(id: str) -> Entry:
    """
    :return: an event that is to be kept.
    """
    return Entry(encode(Event(id, 1, EventAction.PUSH, Target("a/b"))), 1.0)


def told(store: Store) -> list[bytes | None]:
    """
    :return: what an endpoint is to be told.
    """
    return [row.payload for row in store.read("a", 0, 100)]


class WriterTests:
    """
    From memory to a disk.
    """

    @pytest.mark.parametrize("shared", [True, False])
    def test_goes_over(self, tmp_path: Path, shared: bool) -> None:
        """
        All is in the outbox on disk, in its order, when that in memory has been moved there, and
        nothing but that outbox is needed then.
        """
        names = ["a"]
        there = OutboxDirectory(str(tmp_path / "memory"), in_memory=True) if shared else None
        memory = Store(there, names, MIB)
        disk = Store(OutboxDirectory(str(tmp_path / "disk")), names, 2 * MIB)
        switched: list[int] = []
        writer = Writer([memory, disk], {"a": Ignored()}, lambda: switched.append(1))
        assert writer.most == memory.most
        for number in range(3):
            writer.append([entry(str(number))], durable=True)
        assert (told(memory), switched) == ([entry(each).payload for each in "012"], [])
        memory.move(disk)
        for number in range(3, 6):
            writer.append([entry(str(number))], durable=True)
        assert told(disk) == [entry(each).payload for each in "012345"]
        assert switched == [1]
        assert writer.directory == disk.directory
        assert writer.most == disk.most
        disk.close()
        memory.close()

    def test_nothing_to_go_over_to(self, tmp_path: Path) -> None:
        """
        Where there is no other outbox it can't be written.
        """
        memory, other = (Store(None, ["a"], MIB) for _ in range(2))
        memory.move(other)
        with pytest.raises(Sealed):
            Writer([memory], {}).append([entry("0")], durable=True)

    def test_other_fails(self, tmp_path: Path) -> None:
        """
        If the other can't be written, it fails, and is tried again there.
        """
        (tmp_path / "disk").touch()
        memory = Store(None, ["a"], MIB)
        disk = Store(OutboxDirectory(str(tmp_path / "disk")), ["a"], MIB)
        memory.move(Store(None, ["a"], MIB))
        writer = Writer([memory, disk], {})
        for _ in range(2):
            with pytest.raises(Unusable):
                writer.append([entry("0")], durable=True)
        (tmp_path / "disk").unlink()
        writer.append([entry("0")], durable=True)
        assert told(disk) == [entry("0").payload]
        disk.close()

    def test_buries(self, tmp_path: Path) -> None:
        """
        A dead letter is for those who would have been told.
        """
        directory = OutboxDirectory(str(tmp_path))
        ignored = {"a": Ignored(), "b": Ignored(actions=frozenset(["push"])), "c": Ignored()}
        writer = Writer([Store(directory, [*ignored], MIB)], ignored)
        assert writer.bury(entry("0")) == ["a", "c"]
        letters = list(DeadLetters(directory))
        assert [(each.endpoint, each.reason) for each in letters] == [
            ("a", "maxsize"),
            ("c", "maxsize"),
        ]
        assert letters[0].entry(1.0).payload == entry("0").payload


class DecisionTests:
    """
    On disk or in memory.
    """

    @pytest.mark.parametrize("works", [True, False])
    def test_the_first_decides(self, tmp_path: Path, works: bool) -> None:
        """
        The first process tries it, and the others follow, whatever they would find.
        """

        def never() -> bool:
            raise AssertionError

        assert Decision(str(tmp_path)).is_disk(lambda: works) is works
        assert Decision(str(tmp_path)).is_disk(never) is works

    def test_moved(self, tmp_path: Path) -> None:
        """
        When all has been moved to the disk, that is where it is.
        """
        decision = Decision(str(tmp_path))
        assert not decision.is_disk(lambda: False)
        decision.moved()
        assert Decision(str(tmp_path)).is_disk(lambda: False)

    def test_alone(self) -> None:
        """
        A process that is alone needs no file for it.
        """
        assert Decision("").is_disk(lambda: True)
        assert not Decision("").is_disk(lambda: False)
        Decision("").moved()
