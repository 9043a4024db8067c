"""
The processors that there are to work with.
"""

from __future__ import annotations

import os


def processors() -> int:
    """
    :return: how many this process may use: a CPU set of the container or of the service counts.
    """
    return len(os.sched_getaffinity(0))
