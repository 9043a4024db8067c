"""
Starts and ends what is measured.
"""

from __future__ import annotations

import hashlib
import http.client
import subprocess
import time
from pathlib import Path

from benchmarks import layouts, processes
from benchmarks.sizes import MIB
from benchmarks.targets import Place, Target, environment_of
from benchmarks.trees import blob_path
from tests.daemon import free_port

START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.002


class ServerFailed(Exception):
    """
    A server didn't start, or ended before its time.
    """


class Server:
    """
    One target, running.

    :param directory: for its configuration and its log.
    :param root: of its storage, a tree of distribution's; if the target has another kind, that
        is made of it.
    """

    def __init__(self, target: Target, directory: Path, root: Path) -> None:
        self.target = target
        self.root = root
        self._storage = layouts.converted(root) if target.has_layouts else root
        self.port = free_port()
        self._log = directory / "log"
        self._place = Place(directory=directory, root=self._storage, port=self.port)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """
        Start it and wait until it answers.

        :return: seconds until it did.
        :raises ServerFailed: it didn't.
        """
        self._place.directory.mkdir(parents=True, exist_ok=True)
        self._storage.mkdir(parents=True, exist_ok=True)
        command = self.target.command(self._place)
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._place.directory,
                env=environment_of(self.target),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() - began > START_SECONDS:
                self.stop()
                raise ServerFailed(f"{self.target.name} didn't start:\n{self.log()}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began

    def stop(self) -> None:
        """
        End it.
        """
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def check_blob(self, repository: str, digest: str) -> None:
        """
        Pull a blob and look at its bytes.

        :raises ServerFailed: it gives others, or none.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        hashed = hashlib.sha256()
        try:
            connection.request("GET", f"/v2/{repository}/blobs/{digest}")
            response = connection.getresponse()
            while piece := response.read(MIB):
                hashed.update(piece)
        except (OSError, http.client.HTTPException) as trouble:
            raise ServerFailed(f"{self.target.name} gave no blob: {trouble!r}") from trouble
        finally:
            connection.close()
        if response.status != 200 or digest != f"sha256:{hashed.hexdigest()}":
            raise ServerFailed(f"{self.target.name} gave other bytes than those of {digest}")

    def remove_blob(self, repository: str, digest: str) -> None:
        """
        Remove the bytes of a blob that nobody will ask for any more, behind its back.
        """
        path = blob_path(self.root, digest)
        if self.target.has_layouts:
            path = layouts.blob_path(self._storage, repository, digest)
        path.unlink(missing_ok=True)

    def log(self) -> str:
        """
        The end of what it wrote.
        """
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def pids(self) -> list[int]:
        """
        Its processes.
        """
        return [] if self._process is None else processes.family(self._process.pid)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status in (200, 401)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
