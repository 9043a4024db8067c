"""
``txregistry tokenkey``.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from txregistry.cli import main


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "keys.pem"


def said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> list[str]:
    """
    What the command prints.
    """
    assert main(["tokenkey", *map(str, words)]) == 0
    return capsys.readouterr().out.splitlines()


def test_made_and_rotated(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A key is made where there is none; a new one then signs, and the old one still verifies.
    """
    (first,) = said(capsys, path, "--rotate")
    name = first.removesuffix(" ES256 signs")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert said(capsys, path) == [first]
    assert path.read_bytes() == before
    new, old = said(capsys, path, "--rotate")
    assert old == f"{name} ES256 verifies"
    assert new.endswith(" ES256 signs")
    assert new != first


def test_key_set(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The public keys are printed, and nothing of the private ones.
    """
    said(capsys, path, "--rotate")
    (line,) = said(capsys, path, "--jwks")
    (key,) = json.loads(line)["keys"]
    assert set(key) == {"alg", "crv", "kid", "kty", "use", "x", "y"}


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_refused(content: bytes | None, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    What is no file of keys is left alone.
    """
    if content is not None:
        path.write_bytes(content)
        assert main(["tokenkey", str(path), "--rotate"]) == 1
        assert path.read_bytes() == content
    assert main(["tokenkey", str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"txregistry tokenkey: {path}: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Owner and mode stay, so that the registry can still read it when root has put a key in.
    """
    said(capsys, path, "--rotate")
    os.chown(path, 12345, 54321)
    path.chmod(0o640)
    said(capsys, path, "--rotate")
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (12345, 54321, 0o640)
