"""
What is to be done once for all workers, in a process of its own that serves nobody.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

from twisted.application.service import MultiService

from txregistry.configuration import Loaded
from txregistry.deferreds import deferred
from txregistry.drivers.base import CheckedDriver
from txregistry.observability.metrics import Metrics
from txregistry.service.context import WorkerContext
from txregistry.service.logs import Logs, build_logs
from txregistry.service.notifications import Part, build_notifying
from txregistry.service.purging import build_purging
from txregistry.service.registry import build_driver, build_storage

NAME = "background"
"""What it is called in logs."""


class BackgroundService(MultiService):
    """
    The whole of it.

    :param driver: the storage driver itself, without middleware.
    :param logs: where it is told what happens.
    :ivar logs: the same.
    """

    def __init__(self, driver: CheckedDriver, logs: Logs) -> None:
        super().__init__()
        self._driver = driver
        self.logs = logs

    def open(self) -> None:
        """
        Have what the work needs.

        :raises CannotServe: if that can't be.
        """
        super().privilegedStartService()

    @deferred
    async def stopService(self) -> None:
        """End it, and the storage at last."""
        await super().stopService()
        await self._driver.close()
        self.logs.flush()


def build_background(
    reactor: Any,
    loaded: Loaded,
    environ: Mapping[str, str],
    stream: TextIO,
    access_stream: TextIO,
    context: WorkerContext,
) -> BackgroundService:
    """
    :param environ: may tell where state is kept.
    :param stream: where the log of events goes.
    :param access_stream: where accesses would be logged.
    :param context: the place of this process among the others.
    :raises ConfigurationError: if a plug-in is missing or finds its parameters wrong.
    """
    configuration = loaded.configuration
    logs = build_logs(reactor, configuration.log, stream, access_stream, NAME)
    checked = build_driver(reactor, configuration)
    driver = build_storage(reactor, configuration, checked)
    service = BackgroundService(checked, logs)
    part = Part.background(context)
    notifying = build_notifying(reactor, configuration, part, environ, Metrics())
    if notifying is not None:
        notifying.setServiceParent(service)
    purging = configuration.storage.maintenance.uploadpurging
    if purging.enabled:
        build_purging(reactor, driver, purging).setServiceParent(service)
    return service
