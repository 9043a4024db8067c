"""
Settling what somebody else has put there.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from txregistry.deferreds import InlineThreads
from txregistry.drivers.filesystem.driver import FilesystemDriver


class StartedThreads(InlineThreads):
    """Threads as the driver has them, that do all at once."""

    def stop(self) -> None:
        """Nothing to stop."""


async def test_syncs_what_another_process_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file and each name on the way to it are synced, and only once."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"x")
    driver = FilesystemDriver(str(tmp_path), StartedThreads())  # type: ignore[arg-type]  # a fake
    synced: list[str] = []
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    await driver.settle("/a/b/file")
    root = str(tmp_path)
    assert set(synced) == {f"{root}/a/b/file", root, f"{root}/a", f"{root}/a/b"}
    synced.clear()
    await driver.settle("/a/b/file")
    assert synced == []
