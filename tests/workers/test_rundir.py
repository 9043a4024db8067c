"""
The directory of one run.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from txregistry.service.context import EPOCHS
from txregistry.workers import rundir
from txregistry.workers.rundir import RunDirectory


def make(place: Path) -> RunDirectory:
    """
    One with two workers.
    """
    return RunDirectory({"XDG_RUNTIME_DIR": str(place)}, 2)


def age(path: Path) -> None:
    """
    Make it look as if it had been made long ago.
    """
    long_ago = time.time() - 3600
    os.utime(path, (long_ago, long_ago))


class RunDirectoryTests:
    """
    What the processes of a run share.
    """

    def test_content(self, tmp_path: Path) -> None:
        """
        It is private, and has what workers are told of.
        """
        made = make(tmp_path)
        context = made.context(1)
        assert stat.S_IMODE(os.stat(made.path).st_mode) == 0o700
        assert Path(context.epochs_path).read_bytes() == bytes(8 * EPOCHS)
        assert Path(context.shares_path).stat().st_size == 32
        assert (context.index, context.count) == (1, 2)
        rundir.remove(made.path)
        assert list(tmp_path.iterdir()) == []

    def test_of_the_service(self, tmp_path: Path) -> None:
        """
        systemd's place comes before the user's, and one that can't be used is passed over.
        """
        environ = {"RUNTIME_DIRECTORY": str(tmp_path), "XDG_RUNTIME_DIR": "/nowhere"}
        assert RunDirectory(environ, 2).path.startswith(str(tmp_path))
        environ = {"RUNTIME_DIRECTORY": "/nowhere", "XDG_RUNTIME_DIR": str(tmp_path)}
        assert RunDirectory(environ, 2).path.startswith(str(tmp_path))

    def test_last(self, tmp_path: Path) -> None:
        """
        The last of those who hold it removes it, and nobody before him.
        """
        path = tmp_path / "run"
        path.mkdir()
        with rundir.held(str(path)):
            with rundir.held(str(path)):
                pass
            (path / "file").touch()
        assert list(tmp_path.iterdir()) == []

    def test_over(self, tmp_path: Path) -> None:
        """
        Nobody can hold it any more, or make anything in it, while it is being removed.
        """
        made = make(tmp_path)
        tried: list[type[BaseException]] = []
        remove = shutil.rmtree

        def look(path: str, ignore_errors: bool) -> None:
            for attempt in (rundir.hold, lambda path: open(f"{path}/more", "xb").close()):
                with pytest.raises(FileNotFoundError) as raised:
                    attempt(made.path)
                tried.append(raised.type)
            remove(path, ignore_errors)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(shutil, "rmtree", look)
            rundir.remove(made.path)
        assert len(tried) == 2
        assert list(tmp_path.iterdir()) == []

    def test_left_behind(self, tmp_path: Path) -> None:
        """
        What a run left all of whose processes were killed is removed by the next; what is in use,
        or was only just made, or is something else, isn't.
        """
        script = "import sys; from tests.workers.test_rundir import *; make(Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
        (left,) = tmp_path.iterdir()
        other = tmp_path / "other"
        other.mkdir()
        (tmp_path / "txregistry-link").symlink_to(other)
        used = Path(make(tmp_path).path)
        assert left.exists()
        for path in (left, other, used):
            age(path)
        young = tmp_path / "txregistry-young"
        young.mkdir()
        make(tmp_path)
        assert not left.exists()
        assert other.exists()
        assert used.exists()
        assert young.exists()
