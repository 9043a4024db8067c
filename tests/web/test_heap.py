"""
Memory that the C library keeps.
"""

from __future__ import annotations

import ctypes
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from txregistry.web.heap import KEPT, MIB, keep_heap

TIMES = 200


class KeepHeapTests:
    """
    What is freed and asked for again.
    """

    @pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc's malloc")
    def test_no_new_pages(self) -> None:
        """
        Memory for one large piece after the other costs no new pages.
        """
        keep_heap()
        pieces(2)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        pieces(TIMES)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        assert faults < TIMES * MIB / resource.getpagesize() / 10

    @pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc's malloc")
    def test_threads(self) -> None:
        """
        What is kept is kept once, however many threads there are.
        """
        done = subprocess.run(
            [sys.executable, "-c", f"from {__name__} import in_threads; in_threads()"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(done.stdout) < 2 * KEPT

    def test_elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where the C library can't be told, nothing happens.
        """
        monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
        keep_heap()


def pieces(count: int) -> None:
    """Have two large pieces of memory at a time."""
    last = b""
    for _ in range(count):
        last = bytes(bytearray(MIB))
    assert len(last) == MIB


def in_threads() -> None:
    """Print how much more memory there is after many threads had large pieces, all at a time."""
    keep_heap()
    before = resident()
    gate = threading.Barrier(8)

    def work() -> None:
        gate.wait()
        some = [bytes(bytearray(3 * MIB)) for _ in range(4)]
        gate.wait()
        some.clear()
        gate.wait()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(f"{resident() - before}\n")


def resident() -> int:
    """:return: bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
