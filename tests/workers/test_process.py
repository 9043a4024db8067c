"""
A process, as the supervisor has it.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.workers.test_channel import CONTEXT
from txregistry.workers.channel import Order
from txregistry.workers.process import Surroundings, WorkerProcess


class Exhausted:
    """
    A reactor on a system that has no room for another process.
    """

    def seconds(self) -> float:
        """
        It has a clock.
        """
        return 0

    def spawnProcess(self, *_: Any, **__: Any) -> None:
        """
        It can't.
        """
        raise BlockingIOError(11, "no more processes")


class StartTests:
    """
    The start of one.
    """

    def test_cannot_be(self) -> None:
        """
        Where there can't be another nothing is left open, as it is tried again and again.
        """
        order = Order(text="", source="", reactor="", sockets=0, inboxes=0, context=CONTEXT)
        surroundings = Surroundings(environ={}, log=None)
        told: Any = None
        before = os.listdir("/proc/self/fd")
        with pytest.raises(BlockingIOError) as failed:
            WorkerProcess(Exhausted(), "0", order, [], surroundings, told)
        assert os.listdir("/proc/self/fd") == before
        assert failed.value.errno == 11  # it is kept until now, and with it what it refers to
