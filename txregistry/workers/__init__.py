"""
Several processes that serve as one.

A :mod:`~txregistry.workers.supervisor` opens the sockets, keeps a process on each
:mod:`post <txregistry.workers.posts>`, and serves nobody itself.  What a process does that it has
started is in :mod:`~txregistry.workers.worker`; how they speak with each other, in
:mod:`~txregistry.workers.channel`.

The supervisor imports neither the web room nor the storage rules: it is there to stay small, and
nothing that it doesn't do can bring it down.
"""

from __future__ import annotations

from txregistry.configuration import AUTO
from txregistry.processors import processors


def worker_count(workers: int) -> int:
    """
    :param workers: what is configured.
    :return: how many there are to be.
    """
    return processors() if workers == AUTO else workers
