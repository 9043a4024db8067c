"""
What was measured, and how it is kept as JSON.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from benchmarks.targets import Target
from benchmarks.workload import Workload


@frozen(kw_only=True)
class Round:
    """
    One round of one target.

    :param value: in the workload's unit.
    :param cpu: seconds of processor time of all its processes.
    :param peak: the sum of the most memory that each had resident, in bytes.
    :param proportional: memory after the round with what is shared divided, in bytes.
    :param requests: that were answered.
    :param p99: of their times, in seconds.
    :param generator_cpu: seconds of processor time of the load generator.
    :param seconds: that it took, as the generator saw it.
    """

    value: float
    cpu: float
    peak: int
    proportional: int
    requests: int = 0
    p99: float = 0.0
    generator_cpu: float = 0.0
    seconds: float = 0.0

    @property
    def cpu_per_request(self) -> float:
        """
        Seconds of processor time for each request.
        """
        return self.cpu / self.requests if self.requests else 0.0


@frozen(kw_only=True)
class Outcome:
    """
    All rounds of one workload.

    :param rounds: by the name of the target.
    :param failures: why targets have none.
    """

    name: str
    title: str
    unit: str
    more_is_better: bool
    required: Mapping[str, float]
    limit: Mapping[str, float]
    rounds: Mapping[str, list[Round]]
    failures: Mapping[str, str]

    def median(self, target: str, what: str = "value") -> float | None:
        """
        The median of a target's rounds.

        :param what: an attribute of :class:`Round`.
        :return: ``None`` if it wasn't measured.
        """
        rounds = self.rounds.get(target)
        return statistics.median(getattr(r, what) for r in rounds) if rounds else None

    def medians(self) -> dict[str, float]:
        """
        The medians of all that were measured.
        """
        found = {name: self.median(name) for name in self.rounds}
        return {name: value for name, value in found.items() if value is not None}

    def ratio(self, target: str, other: str) -> float | None:
        """
        How many times better a target is than another.
        """
        mine, theirs = self.median(target), self.median(other)
        if not mine or not theirs:
            return None
        return mine / theirs if self.more_is_better else theirs / mine


@frozen(kw_only=True)
class Results:
    """
    A whole run.

    :param machine: what it ran on.
    :param settings: scale, rounds.
    :param targets: what was measured: title, version, durability.
    """

    machine: Mapping[str, str]
    settings: Mapping[str, Any]
    targets: Mapping[str, Mapping[str, str]]
    outcomes: list[Outcome]

    def document(self) -> dict[str, Any]:
        """
        For JSON.
        """
        return asdict(self)


def outcome_of(
    workload: Workload, rounds: Mapping[str, list[Round]], failures: Mapping[str, str]
) -> Outcome:
    """
    Put a workload and its rounds together.
    """
    return Outcome(
        name=workload.name,
        title=workload.title,
        unit=workload.unit,
        more_is_better=workload.more_is_better,
        required=dict(workload.required),
        limit=dict(workload.limit),
        rounds=dict(rounds),
        failures=dict(failures),
    )


def results_from(document: Mapping[str, Any]) -> Results:
    """
    The inverse of :meth:`Results.document`.
    """
    outcomes = [
        Outcome(
            **{
                **outcome,
                "rounds": {n: [Round(**r) for r in rs] for n, rs in outcome["rounds"].items()},
            }
        )
        for outcome in document["outcomes"]
    ]
    return Results(**{**document, "outcomes": outcomes})


def describe_target(target: Target) -> dict[str, str]:
    """
    What a reader of the figures must know of a target.
    """
    return {
        "title": target.title,
        "version": target.version(),
        "durability": target.durability,
    }


def describe_machine(directory: Path) -> dict[str, str]:
    """
    What the figures were measured on.

    :param directory: where the storage lies.
    """
    model = memory = ""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        model = value.strip() if name.strip() == "model name" else model
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    memory = f"{pages / 2**30:.0f} GiB"
    return {
        "processor": model or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": memory,
        "kernel": platform.release(),
        "filesystem": filesystem_of(directory),
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "date": time.strftime("%Y-%m-%d"),
    }


def filesystem_of(directory: Path) -> str:
    """
    The type of the file system that a directory is on.
    """
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, where, type_, *_ = line.split()
        inside = str(directory.resolve()).startswith(where.rstrip("/") + "/") or where == "/"
        if inside and len(where) >= len(best):
            best, kind = where, type_
    return kind
