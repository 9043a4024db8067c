"""
``txregistry passwd``.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from txregistry.auth.htpasswd.entries import parse_entries
from txregistry.auth.htpasswd.hashes import cost_of, is_right, new_hash
from txregistry.cli import main

COMMAND = [str(Path(sys.executable).with_name("txregistry")), "passwd"]


def passwd(*words: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """
    Run the command, with something on its standard input.
    """
    return subprocess.run(
        [*COMMAND, *map(str, words)], input=given, capture_output=True, check=False, timeout=60
    )


def hashes(path: Path) -> dict[str, bytes]:
    """The users of a file."""
    return dict(parse_entries(path.read_bytes()).hashes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "htpasswd"


class SetTests:
    """
    A user is given a password.
    """

    def test_added(self, path: Path) -> None:
        """
        The file is made if it is missing, for its owner only.
        """
        done = passwd(path, "joe", "--stdin", given="gehëim\n".encode())
        assert (done.returncode, done.stdout, done.stderr) == (0, b"joe is added\n", b"")
        assert is_right("gehëim".encode(), hashes(path)["joe"], 10)
        assert cost_of(hashes(path)["joe"]) == 10
        assert path.stat().st_mode & 0o7777 == 0o600
        assert os.listdir(path.parent) == ["htpasswd"]

    def test_changed(self, path: Path) -> None:
        """
        Everything else stays as it is: other users, comments, order, mode; a user who was there
        twice is there once.
        """
        ann, joe = new_hash(b"ann", 4), new_hash(b"old", 4)
        before = b"# users\n\nann:%b\n  joe:%b\r\n# more\njoe:plain\nzoe:$apr1$x" % (ann, joe)
        path.write_bytes(before)
        path.chmod(0o640)
        done = passwd(path, "joe", "--stdin", "--cost=5", given=b"new")
        assert done.stdout == b"joe has a new password\n"
        lines = path.read_bytes().splitlines()
        new = lines.pop(3)
        assert lines == [b"# users", b"", b"ann:" + ann, b"# more", b"zoe:$apr1$x"]
        assert new.startswith(b"joe:$2b$05$")
        assert is_right(b"new", hashes(path)["joe"], 5)
        assert path.stat().st_mode & 0o7777 == 0o640

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    def test_owner(self, path: Path) -> None:
        """
        It goes on to belong to whom it belonged to.
        """
        path.touch()
        os.chown(path, 1234, 5678)
        assert passwd(path, "joe", "--stdin", "--cost=5", given=b"x").returncode == 0
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 5678)

    def test_link(self, path: Path) -> None:
        """
        A link stays one, and leads to the new file.
        """
        real = path.with_name("real")
        real.touch()
        path.symlink_to("real")
        assert passwd(path, "joe", "--stdin", "--cost=5", given=b"x").returncode == 0
        assert path.is_symlink()
        assert list(hashes(real)) == ["joe"]

    def test_asked(self, path: Path) -> None:
        """
        On a terminal it is asked for, twice, and not shown.
        """
        shown = on_terminal(path, [b"secret", b"secret"])
        assert b"Password for joe: " in shown
        assert b"joe is added" in shown
        assert b"secret" not in shown
        assert is_right(b"secret", hashes(path)["joe"], 5)

    def test_asked_two(self, path: Path) -> None:
        """
        If the two are not the same nothing is done.
        """
        assert b"the two passwords are not the same" in on_terminal(path, [b"secret", b"Secret"])
        assert not path.exists()

    @pytest.mark.parametrize("key", [b"\x04", b"\x03"], ids=["end", "interrupt"])
    @pytest.mark.parametrize("answers", [[], [b"secret"]])
    def test_asked_in_vain(self, path: Path, answers: list[bytes], key: bytes) -> None:
        """
        Who answers with the end of what he has to say, or breaks it off, changes nothing, and is
        told so.
        """
        shown = on_terminal(path, answers, key)
        assert b"txregistry passwd: nothing is changed, since no password was given" in shown
        assert b"Traceback" not in shown
        assert not path.exists()

    def test_at_once(self, path: Path) -> None:
        """
        Of several that are given at the same time none is lost.
        """
        names = [f"user{number}" for number in range(6)]
        with ThreadPoolExecutor() as pool:
            for done in pool.map(
                lambda name: passwd(path, name, "--stdin", "--cost=5", given=b"x"), names
            ):
                assert done.returncode == 0
        assert sorted(hashes(path)) == names


def on_terminal(path: Path, answers: list[bytes], key: bytes = b"") -> bytes:
    """
    Run the command for Joe on a terminal of its own.

    :param key: pressed after the answers, in the place of another one.
    :return: what was to be seen there.
    """
    child, terminal = pty.fork()
    if not child:
        os.execv(COMMAND[0], [*COMMAND, str(path), "joe", "--cost=5"])
    shown = b""
    typed = [answer + b"\n" for answer in answers]
    for each in [*typed, *([key] if key else []), None]:
        while each is None or not shown.endswith(b": "):
            try:
                shown += os.read(terminal, 1024)
            except OSError:  # it has ended
                break
        if each is not None:
            os.write(terminal, each)
            shown += b"\n"
    os.close(terminal)
    os.waitpid(child, 0)
    return shown


class ListTests:
    """
    Who is in a file.
    """

    def test_listed(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """
        Users are told with what protects them, and no hash is.
        """
        path.write_bytes(b"joe:%b\nold:$apr1$x\n" % new_hash(b"x", 4))
        assert main(["passwd", str(path), "--list"]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "joe: bcrypt, cost 4",
            "old: no bcrypt hash, can't log in",
        ]


class RemoveTests:
    """
    A user is taken out.
    """

    @pytest.mark.parametrize("option", ["--remove", "--delete"])
    def test_removed(self, path: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
        """
        He is taken out wherever he is, the rest stays.
        """
        path.write_bytes(b"# users\njoe:x\nann:y\njoe:z\n")
        assert main(["passwd", str(path), "joe", option]) == 0
        assert capsys.readouterr().out == "joe is removed\n"
        assert path.read_bytes() == b"# users\nann:y\n"


class RefusalTests:
    """
    What can't be done.
    """

    @pytest.mark.parametrize(
        ("words", "given", "reason"),
        [
            (["F"], b"", "name a user, or say --list"),
            (["F", "joe"], b"", "there is no terminal to ask on: say --stdin"),
            (["F", "joe", "--stdin"], b"", "the password is empty"),
            (["F", "joe", "--stdin"], b"\nx", "the password is empty"),
            (["F", "joe", "--stdin"], b"a\0b", "the password has a zero byte in it"),
            (["F", "joe", "--stdin"], b"x" * 73, "the password has 73 bytes; bcrypt would look at"),
            (["F", "a:b", "--stdin"], b"x", "'a:b' can't be a user's name"),
            (["F", "#a", "--stdin"], b"x", "'#a' can't be a user's name"),
            (["F", " a", "--stdin"], b"x", "' a' can't be a user's name"),
            (["F", "a\nb:c", "--stdin"], b"x", r"'a\nb:c' can't be a user's name"),
            (["F", "\udce9", "--stdin"], b"x", r"'\udce9' can't be a user's name"),
            (["F", "", "--stdin"], b"x", "name a user, or say --list"),
            (["F", "nobody", "--remove"], b"", "F has no user 'nobody'"),
            (["missing", "--list"], b"", "missing: No such file or directory"),
            (["missing", "joe", "--remove"], b"", "missing has no user 'joe'"),
            (["none/F", "joe", "--stdin"], b"x", "none/F: No such file or directory"),
            ([".", "joe", "--stdin"], b"x", ".: Is a directory"),
            (["broken", "joe", "--stdin"], b"x", "broken: line 2 is neither "),
        ],
    )
    def test_refused(self, path: Path, words: list[str], given: bytes, reason: str) -> None:
        """
        It is told in one line, and nothing is changed.
        """
        files = {"F": b"ann:x\n", "broken": b"ann:x\nnonsense\n"}
        for name, data in files.items():
            (path.parent / name).write_bytes(data)
        done = subprocess.run(
            [*COMMAND, *words], cwd=path.parent, input=given, capture_output=True, check=False
        )
        assert done.returncode == 1
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith(f"txregistry passwd: {reason}")
        assert {
            name: (path.parent / name).read_bytes() for name in os.listdir(path.parent)
        } == files

    @pytest.mark.parametrize("words", [["--cost=4"], ["--cost=18"], ["--list", "--remove"], []])
    def test_usage(self, words: list[str]) -> None:
        """
        What makes no sense is told with how it is used.
        """
        done = passwd(*(["F", "joe", *words] if words else []))
        assert done.returncode == 2
        assert b"usage: txregistry passwd" in done.stderr
