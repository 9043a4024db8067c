"""
How many files and connections the process may have open.
"""

from __future__ import annotations

import resource
from contextlib import suppress


def raise_open_files() -> int:
    """
    Take as many as the system lets an unprivileged process have: shells hand out 1024, for the
    sake of programs that a larger number breaks.

    :return: how many that is.
    """
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        least = most
    return least
