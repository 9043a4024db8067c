"""
The load generator: builds the program in ``load/`` and runs it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from attrs import frozen

SOURCES = Path(__file__).with_name("load")
RUN_SECONDS = 900
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra")


class LoadFailed(Exception):
    """
    A registry answered otherwise than it must, or the program couldn't be built.
    """


@frozen(kw_only=True)
class Times:
    """
    How long something took, in seconds.
    """

    mean: float
    p50: float
    p99: float
    max: float


@frozen(kw_only=True)
class Load:
    """
    What one run of the generator saw.

    :param seconds: from the first request to the last answer.
    :param jobs: done to their ends.
    :param received: bytes in bodies of answers.
    :param sent: bytes in bodies of requests.
    :param reconnects: how often a server wanted a connection closed.
    :param cpu: seconds of processor time of the generator itself.
    """

    seconds: float
    jobs: int
    requests: int
    received: int
    sent: int
    reconnects: int
    cpu: float
    request_times: Times
    job_times: Times


def compiler() -> str | None:
    """
    Where a C compiler is.
    """
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def build(directory: Path) -> Path:
    """
    Build the program.

    :return: where it is.
    :raises LoadFailed: there is no compiler, or it failed.
    """
    cc = compiler()
    if cc is None:
        raise LoadFailed("there is no C compiler (on Debian: apt-get install gcc libc6-dev)")
    program = directory / "load"
    command = [cc, *FLAGS, "-o", str(program), *map(str, sorted(SOURCES.glob("*.c")))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadFailed(done.stderr)
    return program


@frozen
class Generator:
    """
    Runs the program.

    :param program: where it is.
    """

    program: Path

    def run(
        self,
        port: int,
        plan: Path,
        *,
        clients: int = 1,
        seconds: float = 0,
        drops: bool = False,
    ) -> Load:
        """
        Do what a plan says.

        :param clients: connections, each of which does one job after the other.
        :param seconds: how long to begin anew when all are done; 0: each job is done once.
        :param drops: bodies of answers aren't copied out of the kernel.
        :raises LoadFailed: an answer was wrong, or there was none.
        """
        with self.start(port, plan, clients=clients, seconds=seconds, drops=drops) as process:
            try:
                return finish(process)
            finally:
                process.kill()

    def start(
        self,
        port: int,
        plan: Path,
        *,
        clients: int = 1,
        seconds: float = 0,
        rate: float = 0,
        pause: float = 0,
        drops: bool = False,
    ) -> subprocess.Popen[str]:
        """
        Begin to do what a plan says.

        :param rate: bytes per second that each connection reads; 0: what comes.
        :param pause: seconds between two jobs of a connection.
        :return: the process, for :func:`finish`; SIGTERM lets it report early.
        """
        options = {"-p": port, "-c": clients, "-s": seconds, "-r": rate, "-i": pause}
        words = [str(word) for option in options.items() for word in option]
        return subprocess.Popen(
            [str(self.program), *words, *(["-d"] if drops else []), str(plan)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def finish(process: subprocess.Popen[str]) -> Load:
    """
    Wait for a run's end.

    :raises LoadFailed: an answer was wrong, or there was none in time.
    """
    try:
        output, trouble = process.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        raise LoadFailed(f"not done within {RUN_SECONDS} s") from None
    if process.returncode:
        raise LoadFailed(trouble.strip() or f"the generator ended with {process.returncode}")
    told: dict[str, Any] = json.loads(output)
    for name in ("request_times", "job_times"):
        told[name] = Times(**told[name])
    return Load(**told)
