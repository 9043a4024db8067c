"""
Counters in memory, and the text in which Prometheus reads them
(https://prometheus.io/docs/instrumenting/exposition_formats/).

They are those of one process.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from zope.interface import implementer

from txregistry.interfaces import IMetrics

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds up to which it is counted how often something took no longer."""

Labels: TypeAlias = tuple[tuple[str, str], ...]


class _Durations:
    """
    How often something took how long.
    """

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


@implementer(IMetrics)
class Metrics:
    """
    Remembers what it is told.
    """

    def __init__(self) -> None:
        self._counts: dict[str, dict[Labels, int]] = {}
        self._levels: dict[str, dict[Labels, float]] = {}
        self._durations: dict[str, dict[Labels, _Durations]] = {}

    def count(self, name: str, labels: Mapping[str, str], by: int = 1) -> None:
        series = self._counts.setdefault(name, {})
        key = _key(labels)
        series[key] = series.get(key, 0) + by

    def level(self, name: str, labels: Mapping[str, str], value: float) -> None:
        self._levels.setdefault(name, {})[_key(labels)] = value

    def observe(self, name: str, labels: Mapping[str, str], seconds: float) -> None:
        self._durations.setdefault(name, {}).setdefault(_key(labels), _Durations()).add(seconds)

    def counted(self, name: str, **labels: str) -> int:
        """:return: how often something happened."""
        return self._counts.get(name, {}).get(_key(labels), 0)

    def text(self) -> str:
        """:return: everything, as Prometheus reads it."""
        lines = [
            *_simple(self._counts, "counter"),
            *_simple(self._levels, "gauge"),
            *_histograms(self._durations),
        ]
        return "".join(f"{line}\n" for line in lines)


def _key(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _simple(series: Mapping[str, Mapping[Labels, float]], type: str) -> Iterator[str]:
    for name in sorted(series):
        yield f"# TYPE {name} {type}"
        for labels, value in sorted(series[name].items()):
            yield f"{name}{_shown(labels)} {_number(value)}"


def _histograms(series: Mapping[str, Mapping[Labels, _Durations]]) -> Iterator[str]:
    for name in sorted(series):
        yield f"# TYPE {name} histogram"
        for labels, durations in sorted(series[name].items(), key=lambda item: item[0]):
            so_far = 0
            for bound, count in zip((*BOUNDS, "+Inf"), durations.counts, strict=True):
                so_far += count
                yield f"{name}_bucket{_shown((*labels, ('le', str(bound))))} {so_far}"
            yield f"{name}_sum{_shown(labels)} {durations.total!r}"
            yield f"{name}_count{_shown(labels)} {so_far}"


def _shown(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
