"""
The daemon as it is built from a configuration.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest
from twisted.application.service import Application
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import ILogObserver

from txregistry import configuration, factories
from txregistry.errors import ConfigurationError
from txregistry.interfaces import IRegistry
from txregistry.model.access import Requester
from txregistry.model.name import parse_name
from txregistry.service.daemon import RegistryService, build_service
from txregistry.service.purging import Purging
from txregistry.service.registry import build_driver, build_registry
from txregistry.storage.switches import ReadOnlyRegistry, UndeletableRegistry

INMEMORY = "version: 0.1\nstorage: {inmemory: {}}\n"


def loaded(text: str = INMEMORY) -> configuration.Loaded:
    """A configuration."""
    return configuration.parse(text, {})


def a_service(text: str = INMEMORY) -> RegistryService:
    """The whole daemon."""
    from twisted.internet import reactor

    return build_service(reactor, loaded(text), {}, io.StringIO(), io.StringIO())


def a_registry(text: str) -> IRegistry:
    """Only the registry, on a driver of its own."""
    from twisted.internet import reactor

    settings = loaded(text).configuration
    driver = build_driver(reactor, settings)
    return build_registry(reactor, settings, driver)


class BuildRegistryTests:
    """What stands around the registry."""

    def test_deletes_are_off_unless_enabled(self) -> None:
        """Without ``storage.delete.enabled`` nothing can be deleted."""
        assert isinstance(a_registry(INMEMORY), UndeletableRegistry)
        enabled = "version: 0.1\nstorage: {inmemory: {}, delete: {enabled: true}}\n"
        assert not isinstance(a_registry(enabled), UndeletableRegistry)

    def test_read_only(self) -> None:
        """``storage.maintenance.readonly`` makes the registry read-only."""
        text = "version: 0.1\nstorage: {inmemory: {}, maintenance: {readonly: {enabled: true}}}\n"
        assert isinstance(a_registry(text), ReadOnlyRegistry)

    def test_middleware_wraps_in_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each repository middleware wraps what those before it made; a disabled one doesn't."""
        seen: list[str] = []
        monkeypatch.setattr(
            factories, "repository_middleware_factory", lambda name: Recording(name, seen)
        )
        registry = a_registry(
            INMEMORY
            + "middleware:\n  repository:\n"
            + "    - {name: inner}\n    - {name: off, disabled: true}\n    - {name: outer}\n"
        )
        registry.repository(parse_name("a"), Requester())
        assert seen == ["inner", "outer"]

    def test_unknown_middleware(self) -> None:
        """Middleware that nobody offers is an error that names its key."""
        text = INMEMORY + "middleware: {registry: [{name: nobody}]}\n"
        with pytest.raises(ConfigurationError, match=r"middleware\.registry: .*'nobody'"):
            a_registry(text)


class Recording:
    """A repository middleware that notes when it wraps."""

    def __init__(self, name: str, seen: list[str]) -> None:
        self.name = name
        self._seen = seen

    def create(self, reactor: Any, options: Mapping[str, Any]) -> Any:
        def wrap(repository: Any, requester: Requester) -> Any:
            self._seen.append(self.name)
            return repository

        return wrap


class RegistryServiceTests:
    """Beginning and end."""

    def test_log_of_twistd(self) -> None:
        """Joining twistd's application makes our log its log."""
        application = Application("txregistry")
        a_service().setServiceParent(application)
        assert application.getComponent(ILogObserver) is not None

    async def test_serves_between_start_and_stop(self) -> None:
        """It listens after its start, tells where, and not after its stop."""
        text = INMEMORY + "http: {addr: '127.0.0.1:0'}\n"
        running = a_service(text)
        running.privilegedStartService()
        running.startService()
        await running.stopService()
        assert not running.running

    def test_port_taken(self, capfd: pytest.CaptureFixture[str]) -> None:
        """A port that is taken ends it with one line that names the address."""
        import socket

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            running = a_service(INMEMORY + f"http: {{addr: '{address}'}}\n")
            with pytest.raises(SystemExit):
                running.privilegedStartService()
        (line,) = capfd.readouterr().err.splitlines()
        assert address in line


class CountingPurger:
    """A purger that counts its runs, and fails or waits as it is told."""

    def __init__(self) -> None:
        self.runs = 0
        self.outcome: Deferred[Any] | None = None

    def purge(self) -> Deferred[Any]:
        self.runs += 1
        return self.outcome or succeed("nothing")


class PurgingTests:
    """When uploads are purged."""

    def test_runs_again_and_again(self) -> None:
        """The first run comes within the interval, the next ones an interval later each."""
        clock, purger = Clock(), CountingPurger()
        purging = Purging(clock, purger, 100)  # type: ignore[arg-type]  # a fake
        purging.startService()
        clock.advance(100)
        assert purger.runs == 1
        clock.advance(100)
        assert purger.runs == 2
        purging.stopService()
        assert clock.getDelayedCalls() == []

    def test_goes_on_after_a_failure(self, logged_failures: list[Any]) -> None:
        """A run that fails is logged, and the next one comes all the same."""
        clock, purger = Clock(), CountingPurger()
        purging = Purging(clock, purger, 100)  # type: ignore[arg-type]  # a fake
        purging.startService()
        purger.outcome = Deferred()
        clock.advance(100)
        failing, purger.outcome = purger.outcome, None
        failing.errback(OSError("broken"))
        assert len(logged_failures) == 1
        logged_failures.clear()
        clock.advance(100)
        assert purger.runs == 2
        purging.stopService()

    def test_stop_cancels_a_run(self) -> None:
        """Stopping breaks a run off and plans nothing more."""
        clock, purger = Clock(), CountingPurger()
        purging = Purging(clock, purger, 100)  # type: ignore[arg-type]  # a fake
        purging.startService()
        purger.outcome = Deferred()
        clock.advance(100)
        purging.stopService()
        assert purger.outcome.called
        assert clock.getDelayedCalls() == []
