"""
The power is cut: whatever had been acknowledged by then is still in the outbox.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.conftest import MakeDaemon
from tests.notifications.listener import Listener
from tests.notifications.test_delivery import outbox_of, push, telling
from tests.proofs.tracing import RECORDING, WITHOUT_SYNCFS, Call, calls, strace
from txregistry.model.event import decode
from txregistry.notifications.directory import OutboxDirectory
from txregistry.notifications.intake import Intake
from txregistry.notifications.store import Store

PUSHES = 40


class Disk:
    """
    What files hold of what was written to them, if all that was not synced is gone.

    :param root: of them.
    :param before: their contents at first.
    """

    def __init__(self, root: Path, before: dict[str, bytes]) -> None:
        self._root = root
        self._synced = {name: bytearray(content) for name, content in before.items()}
        self._pending: dict[str, list[tuple[int, int, bytes]]] = {name: [] for name in before}

    def feed(self, call: Call) -> None:
        """
        Do what a call did.
        """
        name = call.descriptors[0][1] if call.descriptors else ""
        if call.name == "syncfs" and call.result == 0:
            for each in self._pending:
                self._sync(each, call)
        if name not in self._synced or call.result < 0:
            return
        if call.name == "pwrite64":
            self._pending[name].append((call.end, call.numbers[-1], call.strings[0]))
        elif call.name == "ftruncate":
            # The worst: it is there before what was written before it.
            del self._synced[name][call.numbers[-1] :]
        elif call.name in ("fsync", "fdatasync"):
            self._sync(name, call)

    def _sync(self, name: str, call: Call) -> None:
        """
        Make durable what had been written when a call began.
        """
        pending = self._pending[name]
        _write(self._synced[name], [each for each in pending if each[0] < call.start])
        self._pending[name] = [each for each in pending if each[0] >= call.start]

    def tags(self, directory: Path, chance: random.Random) -> list[str]:
        """
        :param directory: for files with that content.
        :param chance: of what was not synced, some may be there all the same.
        :return: the tags that events in the outbox tell of, when all has been taken into it.
        """
        shutil.rmtree(directory, ignore_errors=True)
        (directory / "journal").mkdir(parents=True)
        for name, synced in self._synced.items():
            content = bytearray(synced)
            share = chance.random()
            _write(content, [each for each in self._pending[name] if chance.random() < share])
            (directory / Path(name).relative_to(self._root)).write_bytes(content)
        store = Store(OutboxDirectory(str(directory)), ["0"], 256 * 1024 * 1024)
        try:
            Intake(store).take()
            rows = store.read("0", 0, 1000)
        finally:
            store.close()
        return [decode(row.payload).target.tag for row in rows if row.payload]


def _write(file: bytearray, writes: list[tuple[int, int, bytes]]) -> None:
    for _, offset, data in writes:
        file.extend(bytes(max(offset + len(data) - len(file), 0)))
        file[offset : offset + len(data)] = data


@pytest.mark.component("strace")
class PowerCutTests:
    """
    At each moment of a recording.
    """

    @pytest.mark.parametrize("without", [(), WITHOUT_SYNCFS], ids=["at once", "each by itself"])
    def test_acknowledged_is_synced(
        self,
        make_daemon: MakeDaemon,
        listener: Listener,
        tmp_path: Path,
        without: tuple[str, ...],
    ) -> None:
        """
        When a push is acknowledged its event has been synced: nothing but synced bytes is needed to
        read it, and what else of the bytes is there does no harm.
        """
        daemon = make_daemon(configuration={**telling(listener), "workers": 1})
        assert push(daemon.port, "a/b", "first")
        # The first push began a segment of the journal; all that follows here is in that one.
        outbox = outbox_of(daemon)
        files = [outbox / "events.db", outbox / "events.db-wal", *(outbox / "journal").iterdir()]
        disk = Disk(outbox, {str(file): file.read_bytes() for file in files})
        trace = tmp_path / "trace"
        with strace(daemon.pid, trace, *RECORDING, *without):
            for number in range(PUSHES):
                assert push(daemon.port, "a/b", f"t{number}")
        answered, chance = 0, random.Random(1)
        for call in calls(trace):
            if call.name in ("sendto", "write", "writev", "sendmsg") and any(
                text.startswith(b"HTTP/1.1 201 ") for text in call.strings
            ):
                found = disk.tags(tmp_path / "disk", chance)
                # That which is written just now may be there as well, and none is twice.
                expected = ["first", *(f"t{number}" for number in range(answered + 2))]
                assert found in (expected[:-1], expected)
                answered += 1
            disk.feed(call)
        # The end of the last call may be missing in the recording.
        assert answered >= PUSHES - 1
