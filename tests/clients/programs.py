"""
Running other people's programs: to their end, or beside a test.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.components.table import SEARCHED
from tests.conftest import need

__all__ = ["beside", "run"]

#: Seconds that a client may take for one thing.
TIMEOUT = 60.0


def run(
    *command: str | Path,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    directory: Path | None = None,
    fails: bool | None = False,
) -> str:
    """
    Run a program to its end and return what it printed, errors last.

    :param environment: what to add to this process's environment.
    :param fails: whether it must fail, where ``None`` leaves both open.
    """
    done = subprocess.run(
        [str(word) for word in command],
        input=stdin,
        cwd=directory,
        env=_environment(environment),
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    output = done.stdout.decode() + done.stderr.decode()
    failed = done.returncode != 0
    assert fails in (None, failed), f"{command} ended with {done.returncode}:\n{output}"
    return output


@contextmanager
def beside(
    *command: str | Path,
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """
    Run a daemon beside what follows, and end it afterwards. A component that can't run on this
    machine skips the test, as one that isn't there does.

    :param log: the file that gets its output.
    :param ready: tells whether it serves; it is given :data:`TIMEOUT` seconds.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            env=_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            limit = time.monotonic() + TIMEOUT
            while not ready():
                if process.poll() is not None or time.monotonic() > limit:
                    said = log.read_text(errors="replace").strip().splitlines() or ["nothing"]
                    need(str(command[0]), f"doesn't start here: {said[-1]}")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """
    This process's environment with a PATH that leads to the components, and more variables.
    """
    path = os.pathsep.join([*SEARCHED, os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, **(more or {})}
