"""
The first two minutes: ``make serve`` in a fresh checkout.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.components.table import ROOT
from tests.daemon import free_port

#: Seconds for a virtual environment and the packages in it.
SET_UP_SECONDS = 400

#: What a user has who has just cloned.
FILES = ("Makefile", "README.md", "LICENSE", "MANIFEST.in", "pyproject.toml", "setup.py")
FOLDERS = ("etc", "twisted", "txregistry")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """
    A checkout in which nothing was made yet.
    """
    folder = tmp_path / "checkout"
    folder.mkdir()
    made = shutil.ignore_patterns("__pycache__", "dropin.cache")
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=made)
    return folder


@pytest.fixture
def served(checkout: Path) -> Iterator[int]:
    """
    The port of a registry that ``make serve`` made and runs.
    """
    port = free_port()
    log = checkout.parent / "log"
    with log.open("wb") as output:
        make = subprocess.Popen(
            ["make", "serve", f"PORT={port}"],
            cwd=checkout,
            env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + SET_UP_SECONDS
        while not answers(port):
            assert make.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself, which was said
            os.killpg(make.pid, signal.SIGTERM)
        make.wait(30)
    assert "Traceback" not in log.read_text()


def answers(port: int) -> bool:
    """
    Whether there is a registry.
    """
    try:
        return exchange(port, "GET", "/v2/")[0] == 200
    except OSError:
        return False


def exchange(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """
    Make one request, and return the status and the body of its answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class MakeServeTests:
    """
    One command in a fresh checkout.
    """

    @pytest.mark.timeout(SET_UP_SECONDS + 100)
    def test_serves(self, served: int, checkout: Path) -> None:
        """
        It makes an environment, and serves a registry that keeps its data in ``var``.
        """
        digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        pushed, _ = exchange(served, "POST", f"/v2/a/blobs/uploads/?digest={digest}", b"hello")
        assert pushed == 201
        assert exchange(served, "GET", f"/v2/a/blobs/{digest}") == (200, b"hello")
        assert (checkout / "var" / "registry" / "docker" / "registry" / "v2" / "blobs").is_dir()
