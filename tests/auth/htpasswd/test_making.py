"""
A file is made where there is none.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.auth.htpasswd.kit import told
from tests.components.table import ROOT
from txregistry.auth.htpasswd.entries import parse_entries
from txregistry.auth.htpasswd.hashes import is_right
from txregistry.auth.htpasswd.making import make_if_missing

MAKE = """
import sys
from twisted.logger import globalLogPublisher
from txregistry.auth.htpasswd.making import make_if_missing
globalLogPublisher.addObserver(lambda event: print(event["password"]))
sys.stdin.readline()
make_if_missing(sys.argv[1])
"""


class MakeTests:
    """
    What is made.
    """

    def test_made(self, tmp_path: Path) -> None:
        """
        It has one user, whose password is in the log and nowhere else, and only its owner may read
        it.
        """
        path = tmp_path / "auth" / "htpasswd"
        with told() as log:
            make_if_missing(str(path))
            make_if_missing(str(path))
        (line,) = log.lines("warn")
        assert str(path) in line
        password = line.rpartition(" ")[2]
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", password)
        entries = parse_entries(path.read_bytes())
        assert (list(entries.hashes), entries.cost) == (["docker"], 10)
        assert is_right(password.encode(), entries.hashes["docker"], 10)
        assert path.stat().st_mode & 0o7777 == 0o600
        assert path.parent.stat().st_mode & 0o7777 == 0o700
        assert os.listdir(path.parent) == ["htpasswd"]

    @pytest.mark.parametrize("target", ["", "nowhere"])
    def test_there(self, tmp_path: Path, target: str) -> None:
        """
        What is there stays, be it empty, or a link to what isn't there now.
        """
        path = tmp_path / "htpasswd"
        if target:
            path.symlink_to(target)
        else:
            path.touch()
        make_if_missing(str(path))
        assert os.listdir(tmp_path) == ["htpasswd"]
        assert not path.exists() or path.read_bytes() == b""

    def test_together(self, tmp_path: Path) -> None:
        """
        Of several processes one makes it, and the password that is told is the one that holds.
        """
        path = tmp_path / "htpasswd"
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", MAKE, str(path)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        printed = "".join(process.communicate(timeout=60)[0] for process in processes)
        assert [process.returncode for process in processes] == [0] * 4
        entries = parse_entries(path.read_bytes())
        assert is_right(printed.strip().encode(), entries.hashes["docker"], 10)
        assert os.listdir(tmp_path) == ["htpasswd"]
