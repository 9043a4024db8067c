"""
Ending before anything has begun.
"""

from __future__ import annotations

import sys
from typing import NoReturn


def give_up(reason: str) -> NoReturn:
    """
    End before anything has begun, with a line that says why.

    Not through the log: by now that has ``sys.stderr``, and waits for a reactor that will never
    run.

    :raises SystemExit: always.
    """
    print(f"txregistry: {reason}", file=sys.__stderr__)
    raise SystemExit(1)
