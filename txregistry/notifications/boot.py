"""
Which of the machine's lives this is.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def boot_id() -> str:
    """:return: a name that nobody had before the machine was booted; ``""`` if it can't be told."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""
