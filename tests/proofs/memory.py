"""
How much memory a process has.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.proofs.content import KIB


def resident(pid: int) -> int:
    """
    The memory that a process has resident now, in bytes, without pages of files.

    Pages of files are code that was loaded and can be dropped at will: what clients make a
    process hold is anonymous.
    """
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"^RssAnon:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None, status
    return int(found[1]) * KIB
