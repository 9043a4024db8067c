"""
A served registry that tells what happens, into memory.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from tests.wire.harness import Served
from txregistry.deferreds import InlineThreads
from txregistry.interfaces import IMetrics, IRegistry, ISink
from txregistry.model.event import Event, Source
from txregistry.notifications.listening.layers import LayerTypes
from txregistry.notifications.listening.recorder import Recorder
from txregistry.notifications.listening.registry import ListeningRegistry
from txregistry.notifications.listening.report import Telling
from txregistry.notifications.memory import MemorySink

SOURCE = Source("here:5000", "instance")
NOW = 1_764_000_000_000_000_001


def telling(
    sink: ISink, metrics: IMetrics | None = None, layers: LayerTypes | None = None, **options: Any
) -> Telling:
    """
    How it is told, at one moment in Newfoundland.
    """
    recorder = Recorder(sink, SOURCE, metrics, now=lambda: NOW, offset=lambda _: -12_600)
    return Telling(recorder, InlineThreads(), layers=layers, **options)


@frozen
class Told:
    """
    A registry, and what is told of it.
    """

    served: Served
    sink: MemorySink

    def taken(self) -> list[Event]:
        """
        The events since the last time.
        """
        return list(self.sink.take(1000))

    def told(self) -> list[tuple[str, ...]]:
        """
        What they say: the action, the kind, and by what it can be known.
        """
        return [
            (
                event.action.value,
                event.target.kind.value,
                *([event.target.tag] if event.target.tag else []),
                *([str(event.target.digest)] if event.target.digest else []),
            )
            for event in self.taken()
        ]


def make_told(
    sink: MemorySink | None = None,
    *,
    references: bool = False,
    pulls: bool = True,
    layers: LayerTypes | None = None,
    metrics: IMetrics | None = None,
    **served: Any,
) -> Told:
    """
    Make a registry.

    :param served: as for :class:`Served`.
    """
    sink = sink or MemorySink()
    how = telling(sink, metrics, layers, references=references, pulls=pulls)

    def wrap(registry: IRegistry) -> IRegistry:
        return ListeningRegistry(registry, how)

    return Told(Served(wrap=wrap, **served), sink)
