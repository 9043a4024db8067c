"""
What processes cost: processor time and memory, as Linux tells it.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import frozen

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
KIB = 1024


def _stat(pid: int) -> list[str] | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()  # what the program is called may hold anything


def family(pid: int) -> list[int]:
    """
    A process and all that come from it.
    """
    children: dict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))) is not None:
            children[int(stat[1])].append(int(entry.name))
    found = [pid]
    for parent in found:
        found += children[parent]
    return found


def cpu_times(pids: Iterable[int]) -> dict[int, float]:
    """
    Seconds of processor time that each process took so far, in user mode and in the kernel.
    """
    stats = {pid: stat for pid in pids if (stat := _stat(pid)) is not None}
    return {pid: (int(stat[11]) + int(stat[12])) / TICKS for pid, stat in stats.items()}


def cpu_since(before: Mapping[int, float], pids: Iterable[int]) -> float:
    """
    Seconds of processor time that processes took since :func:`cpu_times` was asked.
    """
    return sum(now - before.get(pid, 0.0) for pid, now in cpu_times(pids).items())


@frozen
class Memory:
    """
    Memory of processes, in bytes.

    :param resident: the sum of what each has resident; what they share is counted in each.
    :param proportional: the same with what they share divided among them (PSS).
    :param peak: the sum of the most that each ever had resident.
    """

    resident: int
    proportional: int
    peak: int


def memory(pids: Iterable[int]) -> Memory:
    """
    How much memory processes have.
    """
    resident = proportional = peak = 0
    for pid in pids:
        resident += _field(pid, "status", "VmRSS")
        peak += _field(pid, "status", "VmHWM")
        proportional += _field(pid, "smaps_rollup", "Pss")
    return Memory(resident, proportional, peak)


def forget_peaks(pids: Iterable[int]) -> None:
    """
    Let the peaks begin anew.
    """
    for pid in pids:
        try:
            (PROC / str(pid) / "clear_refs").write_text("5", encoding="ascii")
        except OSError:
            continue  # gone, or somebody else's: its peak is that of its whole life


def _field(pid: int, file: str, name: str) -> int:
    try:
        text = (PROC / str(pid) / file).read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return 0 if found is None else int(found[1]) * KIB
