"""
What every test may use, and what is held against every test.

* ``async def`` tests need no mark and have a time limit; ``clean_reactor`` fails a test that
  left timed calls or sockets behind, ``logged_failures`` one that left errors in the log.
* ``component`` gives real programs, ``daemon`` and ``make_daemon`` real registries.
* ``scale`` and ``figure`` are for proofs that have two sizes: ``make test`` and ``make soak``.
"""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, Protocol, TypeVar

import attrs
import pytest
import pytest_twisted
from hypothesis import HealthCheck, settings
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.components.table import components, missing
from tests.daemon import Daemon

T = TypeVar("T")
CoroutineTest = Coroutine[Deferred[Any], Any, object]

SOAK = os.environ.get("TXREGISTRY_SOAK", "") not in ("", "0")
SOAK_SECONDS = 7200

#: Names of components, divided by commas, whose absence is a failure.  "all" is all of them, and
#: that they can't work on this machine is a failure too.
REQUIRED = os.environ.get("TXREGISTRY_REQUIRE_COMPONENTS", "")

SKIP_WORD = "component: "

# Examples have no deadline: the machine may be busy with somebody else's daemons.
settings.register_profile("everyday", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", settings.get_profile("everyday"), max_examples=5000)
settings.load_profile("soak" if SOAK else "everyday")

# A shell has its background jobs ignore SIGINT, and so would the daemons that are started here.
signal.signal(signal.SIGINT, signal.default_int_handler)

costs = pytest.StashKey[dict[str, list[str]]]()
figures = pytest.StashKey[list[tuple[str, str, str]]]()


# Real programs


def need(name: str, why: str | None = None) -> Path:
    """
    Find a real program, or skip the test that asks; fail it where ``REQUIRED`` says so.

    :param name: as in the table of components.
    :param why: given when the program is there but doesn't work on this machine.
    """
    component = components()[name]
    path = component.path()
    for other in component.needs:
        need(other)
    if path is not None and why is None:
        return path
    text = f"{SKIP_WORD}{name} ({why or component.source()})"
    if REQUIRED == "all" or (why is None and name in REQUIRED.split(",")):
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


@pytest.fixture(scope="session")
def component() -> Callable[..., Path]:
    """
    Gives the path of a real program: ``component("skopeo")``.

    Where it is there but can't work, ``component("dockerd", "why")`` skips in the same way.
    """
    return need


@pytest.fixture
def mount_memory(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """
    Mounts a file system in memory, with options such as ``size=1m``; where that can't be done, the
    test is skipped.
    """
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        path = tmp_path / f"disk{len(mounted)}"
        path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)
        if outcome.returncode != 0:
            pytest.skip(f"a small file system can't be mounted here: {outcome.stderr.strip()}")
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture(autouse=True)
def marked_components(request: pytest.FixtureRequest) -> None:
    """
    Serves the mark ``component("name")``.
    """
    for mark in request.node.iter_markers("component"):
        for name in mark.args:
            need(name)


# Real registries


class MakeDaemon(Protocol):
    """
    Makes and starts a :class:`tests.daemon.Daemon`.
    """

    def __call__(self, *, start: bool = True, **options: Any) -> Daemon: ...


@pytest.fixture
def make_daemon(tmp_path: Path) -> Iterator[MakeDaemon]:
    """
    Makes real daemons, with the arguments of ``Daemon``; afterwards they are ended, and their
    logs must hold no traceback.
    """
    made: list[Daemon] = []

    def make(*, start: bool = True, **options: Any) -> Daemon:
        daemon = Daemon(tmp_path / f"daemon{len(made)}", **options)
        made.append(daemon)
        return daemon.start() if start else daemon

    yield make
    for daemon in made:
        daemon.stop()
    for daemon in made:
        assert daemon.tolerant or not daemon.troubles(), daemon.log()


@pytest.fixture
def daemon(make_daemon: MakeDaemon) -> Daemon:
    """
    A real daemon on an empty directory of its own.
    """
    return make_daemon()


# Two sizes


@pytest.fixture(scope="session")
def scale() -> Callable[[T, T], T]:
    """
    Chooses a figure: ``scale(20, 200)`` is 20 in ``make test`` and 200 in ``make soak``.

    A test that asks for it is part of the soak.
    """

    def choose(small: T, full: T) -> T:
        return full if SOAK else small

    return choose


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """
    Puts something that was measured into the report at the end of the run:
    ``figure("peak memory", "83 MiB")``.
    """

    def record(what: str, value: object) -> None:
        request.config.stash[figures].append((request.node.nodeid, what, str(value)))

    return record


# What is held against every test


@attrs.frozen
class Traces:
    """
    What a test may leave in the reactor: its timed calls and its readers and writers.
    """

    calls: frozenset[Any]
    sockets: frozenset[Any]

    @classmethod
    def now(cls) -> Traces:
        """
        See what is there.
        """
        from twisted.internet import reactor

        selectable: Any = reactor
        return cls(
            frozenset(selectable.getDelayedCalls()),
            frozenset([*selectable.getReaders(), *selectable.getWriters()]),
        )

    def since(self, before: Traces) -> list[str]:
        """
        Say what came since then.
        """
        return sorted(map(repr, [*(self.calls - before.calls), *(self.sockets - before.sockets)]))


@pytest.fixture(autouse=True)
def clean_reactor() -> Iterator[None]:
    """
    Fails a test that left timed calls or sockets in the reactor: the next one would get them.
    """
    from twisted.internet import reactor

    pytest_twisted.blockon(deferLater(reactor, 0))  # it sets itself up in its first turn
    before = Traces.now()
    yield
    for turn in range(20):  # connections that were closed need a turn or two to be gone
        left = Traces.now().since(before)
        if not left:
            return
        pytest_twisted.blockon(deferLater(reactor, 0.005 * turn))
    pytest.fail("left in the reactor: " + ", ".join(left), pytrace=False)


@pytest.fixture(autouse=True)
def logged_failures() -> Iterator[list[Failure]]:
    """
    The failures that were logged while the test ran; one that is still in the list at its end
    fails it, so a test that provokes one takes it out.
    """
    failures: list[Failure] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        if event.get("log_failure") is not None and event["log_level"] >= LogLevel.error:
            failures.append(event["log_failure"])

    globalLogPublisher.addObserver(observe)
    yield failures
    globalLogPublisher.removeObserver(observe)
    if failures:
        texts = "\n".join(failure.getTraceback() for failure in failures)
        pytest.fail(f"logged, and not expected:\n{texts}", pytrace=False)


# Coroutine tests


def limited(test: Callable[..., CoroutineTest], seconds: float) -> Callable[..., CoroutineTest]:
    """
    Give a coroutine test a time limit, and the mark by which pytest-twisted knows it.

    pytest-timeout can't do it: what it raises while the reactor waits, the reactor logs.
    """

    @wraps(test)
    async def run(*args: Any, **kwargs: Any) -> object:
        from twisted.internet import reactor

        outcome = Deferred.fromCoroutine(test(*args, **kwargs))
        outcome.addTimeout(seconds, reactor)
        return await outcome

    return pytest_twisted.ensureDeferred(run)  # type: ignore[no-any-return]  # has no types


def pytest_itemcollected(item: pytest.Item) -> None:
    """
    Let ``async def`` tests need no mark.
    """
    if not isinstance(item, pytest.Function):
        return
    if SOAK:
        item.add_marker(pytest.mark.timeout(SOAK_SECONDS), append=False)
    if "scale" in item.fixturenames:
        item.add_marker("soak")
    mark = item.get_closest_marker("timeout")
    # The rest is for the report, before pytest-timeout comes.
    seconds = float(mark.args[0] if mark else item.config.getini("timeout")) * 0.8
    generated = getattr(item.obj, "hypothesis", None)
    if generated is not None and inspect.iscoroutinefunction(generated.inner_test):
        generated.inner_test = limited(generated.inner_test, seconds)
    elif inspect.iscoroutinefunction(item.obj):
        item.obj = limited(item.obj, seconds)


# The end of the run


def pytest_configure(config: pytest.Config) -> None:
    """
    Prepare for what the end of the run says.
    """
    lists: dict[str, list[str]] = defaultdict(list)
    config.stash[costs] = lists
    config.stash[figures] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """
    Note which tests a missing component cost.
    """
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith(SKIP_WORD):
            name = reason.removeprefix(SKIP_WORD).split(" ", 1)[0]
            item.config.stash[costs][name].append(item.nodeid)
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """
    Say what was measured, and which components are missing and what that cost.
    """
    write = terminalreporter.write_line
    if config.stash[figures]:
        terminalreporter.section("figures")
        for test, what, value in config.stash[figures]:
            write(f"{what}: {value}  [{test}]")
    terminalreporter.section("missing components")
    lost = config.stash[costs]
    absent = {component.name: f"not there: {component.source()}" for component in missing()}
    for name in sorted({*absent, *lost}):
        why = absent.get(name, "there, but not usable here")
        write(f"{name} ({why}), tests that it cost: {len(lost[name])}")
        for test in lost[name]:
            write(f"    {test}")
    if not absent and not lost:
        write("none: every real program is here, and every test that wants one ran")
