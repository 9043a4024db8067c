"""
Threads in which blobs are hashed.
"""
# Twisted's reactors and pools have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import Any, Final

from twisted.python.threadpool import ThreadPool

from txregistry.deferreds import Threads
from txregistry.processors import processors

NICENESS: Final = 5
"""
How much these threads stand back for others: whoever only asks for something shall not wait for a
processor until a piece of somebody's blob has been hashed.
"""


class _Standing(threading.Thread):
    """
    A thread that stands back.
    """

    def run(self) -> None:
        own = threading.get_native_id()
        with suppress(OSError):  # where it can't, it is as all others
            os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, own) + NICENESS)
        super().run()


class _Pool(ThreadPool):
    threadFactory = _Standing  # noqa: N815 - Twisted's name


def hash_threads(reactor: Any, workers: int) -> Threads:
    """
    :param workers: how many processes hash.
    :return: as many threads as there are processors for each of them: more would hash no faster,
        and keep all others waiting.
    """
    count = max(1, processors() // workers)
    pool = _Pool(0, count, name="hash")
    reactor.callWhenRunning(pool.start)
    reactor.addSystemEventTrigger("after", "shutdown", pool.stop)
    return Threads(reactor, pool)
