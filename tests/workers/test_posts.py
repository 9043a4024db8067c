"""
Places that are always to be filled.
"""

from __future__ import annotations

import signal
from typing import Any

import pytest
from twisted.internet.task import Clock

from txregistry.workers.backoff import FIRST, WELL
from txregistry.workers.channel import ENDING, FAILED, READY
from txregistry.workers.posts import Post
from txregistry.workers.process import IsTold


class Process:
    """
    A process that does nothing by itself.
    """

    def __init__(self, told: IsTold, clock: Clock, unwatched: bool) -> None:
        self.unwatched = unwatched
        self.pid = 1
        self.started = clock.seconds()
        self.happened: list[Any] = []
        self.told = told

    def watch(self) -> None:
        """
        Note it, or fail.
        """
        if self.unwatched:
            raise OSError(24, "too many open files")
        self.happened.append("watched")

    def say(self, *words: Any) -> None:
        """
        Note it.
        """
        self.happened.append(words)

    def signal(self, number: signal.Signals) -> None:
        """
        Note it.
        """
        self.happened.append(number)

    def does(self, word: str, *more: Any) -> None:
        """
        Say something, or end.
        """
        if word == "end":
            self.told.ended(self, "ended")  # type: ignore[arg-type]  # a fake
        else:
            self.told.said(self, word, *more)  # type: ignore[arg-type]  # a fake


class Place:
    """
    A post, and what has happened at it.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.processes: list[Process] = []
        self.happened: list[str] = []
        self.broken: OSError | None = None
        self.unwatched = False
        self.post = Post(
            "it",
            self.clock,
            self.start,  # type: ignore[arg-type]  # fakes
            lambda: self.happened.append("filled"),
            lambda: self.happened.append("vacated"),
        )

    def start(self, told: IsTold) -> Process:
        """
        Start a process, or fail.
        """
        if self.broken is not None:
            raise self.broken
        self.processes.append(Process(told, self.clock, self.unwatched))
        return self.processes[-1]


@pytest.fixture
def place() -> Place:
    """
    One with a process that serves.
    """
    made = Place()
    made.post.fill()
    made.processes[0].does(READY)
    return made


class PostTests:
    """
    When a process ends, another takes its place.
    """

    def test_ends(self, place: Place) -> None:
        """
        One that ends is replaced after a moment.
        """
        first = place.processes[0]
        first.does("end")
        assert len(place.processes) == 1
        place.clock.advance(FIRST)
        assert len(place.processes) == 2
        place.processes[1].does(READY)
        assert place.happened == ["filled", "vacated", "filled"]

    def test_fails_again_and_again(self, place: Place) -> None:
        """
        The successor of one that fails at once comes later each time, until one was well.
        """
        place.processes[0].does("end")
        place.clock.advance(FIRST)
        place.processes[1].does(FAILED, "no disk")
        place.processes[1].does("end")
        place.clock.advance(FIRST / 2)
        assert len(place.processes) == 2
        place.clock.advance(FIRST * 1.5)
        assert len(place.processes) == 3
        assert place.happened == ["filled", "vacated"]
        place.clock.advance(WELL)
        place.processes[2].does("end")
        place.clock.advance(FIRST)
        assert len(place.processes) == 4

    def test_cannot_be_started(self, place: Place) -> None:
        """
        If the system can't start one, it is tried again.
        """
        place.broken = OSError(11, "no more processes")
        place.processes[0].does("end")
        place.clock.advance(FIRST)
        place.broken = None
        place.clock.advance(2 * FIRST)
        assert len(place.processes) == 2

    def test_cannot_be_watched(self, place: Place) -> None:
        """
        One that was started and can't be watched has one successor, once it has ended.
        """
        place.unwatched = True
        place.processes[0].does("end")
        place.clock.advance(FIRST)
        assert len(place.processes) == 2
        place.unwatched = False
        place.clock.advance(WELL)
        assert len(place.processes) == 2
        place.processes[1].does("end")
        place.clock.advance(WELL)
        assert len(place.processes) == 3
        assert not place.clock.getDelayedCalls()

    def test_leaves(self, place: Place) -> None:
        """
        One that says that it is ending has a successor at once; that it is gone at last changes
        nothing, and what it says meanwhile is of no interest.
        """
        first = place.processes[0]
        first.does(ENDING)
        assert len(place.processes) == 2
        place.processes[1].does(READY)
        place.post.say("cover", 1)
        first.does(READY)
        first.does("end")
        place.clock.advance(WELL)
        assert len(place.processes) == 2
        assert first.happened == ["watched"]
        assert place.processes[1].happened == ["watched", ("cover", 1)]
        assert place.happened == ["filled", "vacated", "filled"]

    def test_stop(self, place: Place) -> None:
        """
        At the end all are asked to end, and none is replaced.
        """
        first = place.processes[0]
        first.does(ENDING)
        second = place.processes[1]
        stopped: list[object] = []
        place.post.stop().addCallback(stopped.append)
        second.does(ENDING)
        second.does("end")
        assert stopped == []
        place.post.kill()
        first.does("end")
        assert stopped == [None]
        assert first.happened == ["watched", signal.SIGTERM, signal.SIGKILL]
        assert len(place.processes) == 2
        assert not place.clock.getDelayedCalls()

    def test_stop_while_waiting(self, place: Place) -> None:
        """
        If there is none just then, it is over at once.
        """
        place.processes[0].does("end")
        assert place.post.stop().called
        assert not place.clock.getDelayedCalls()
