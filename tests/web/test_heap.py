"""
Memory that the C library keeps.
"""

from __future__ import annotations

import ctypes
import resource

import pytest

from txregistry.web.heap import MIB, keep_heap

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
