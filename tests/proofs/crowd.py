"""
Many clients at once: each in a thread of its own, all beginning at the same moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.proofs.client import Client

T = TypeVar("T")


def crowd(address: str, tasks: Sequence[Callable[[Client], T]]) -> list[T]:
    """
    Run each task in a thread of its own with a client of its own.

    :param address: of the registry; every client is connected to it before any task begins.
    :return: what the tasks returned, in their order; the first failure is raised.
    """
    barrier = threading.Barrier(len(tasks))

    def run(task: Callable[[Client], T]) -> T:
        with Client(address) as client:
            client.request("GET", "/v2/")
            barrier.wait(60)
            return task(client)

    with ThreadPoolExecutor(len(tasks)) as threads:
        futures = [threads.submit(run, task) for task in tasks]
    return [future.result() for future in futures]
