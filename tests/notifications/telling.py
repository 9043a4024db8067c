"""
A served registry that tells what happens, into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from tests.notifications.memory import MemorySink
from tests.wire.harness import Served
from txregistry.deferreds import InlineThreads
from txregistry.interfaces import IMetrics, INote, IRegistry, ISink
from txregistry.model.digest import Digest
from txregistry.model.event import Event, Source, decode
from txregistry.notifications.listening.layers import LayerTypes
from txregistry.notifications.listening.recorder import Recorder
from txregistry.notifications.listening.registry import ListeningRegistry
from txregistry.notifications.listening.report import Telling

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


@implementer(ISink)
class StrictSink(MemorySink):
    """
    A sink that wants what it is promised: at least one event; and, of one that it might have taken
    as a note, that the note would have told the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self._noted: list[Event] = []

    def write(self, events: Sequence[Event]) -> Deferred[None]:
        assert events
        if self._noted:
            assert [evolve(event, id="") for event in events] == self._noted
            self._noted.clear()
        return super().write(events)

    def note(self, encoded: Callable[[], Sequence[bytes]]) -> INote | None:
        payloads = encoded()
        assert [decode(each) for each in payloads] == [decode(each) for each in payloads]
        self._noted = [evolve(decode(each), id="") for each in payloads]
        return None


class FakeRequest:
    """
    A request that is served when a test says so.

    :param method: of it.
    """

    def __init__(self, method: str) -> None:
        self._method = method
        self.served: list[Callable[[], None]] = []

    def method(self) -> str:
        return self._method

    def origin(self) -> tuple[str, str, str]:
        return "192.0.2.1:1", "fake", self._method

    def manifest_url(self, name: str, digest: Digest) -> str:
        return f"m:{name}/{digest}"

    def blob_url(self, name: str, digest: Digest) -> str:
        return f"b:{name}/{digest}"

    def when_served(self, call: Callable[[], None]) -> None:
        self.served.append(call)


@frozen
class Told:
    """
    A registry, and what is told of it.

    :param bare: the registry of which nothing is told.
    """

    served: Served
    sink: MemorySink
    bare: IRegistry

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
    sink = sink or StrictSink()
    how = telling(sink, metrics, layers, references=references, pulls=pulls)

    bare: list[IRegistry] = []

    def wrap(registry: IRegistry) -> IRegistry:
        bare.append(registry)
        return ListeningRegistry(registry, how)

    return Told(Served(wrap=wrap, **served), sink, *bare)
