"""
From a configuration to a registry on a storage driver, each with what is wrapped around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from txregistry import factories
from txregistry.cache.registry import Caches, CachingRegistry
from txregistry.configuration import Configuration, Middleware
from txregistry.deferreds import Threads
from txregistry.drivers.base import CheckedDriver
from txregistry.errors import ConfigurationError, Problem
from txregistry.interfaces import ILocks, IRegistry, IStorageDriver
from txregistry.model.manifest import Platform
from txregistry.notifications.listening.registry import ListeningRegistry
from txregistry.notifications.listening.report import Telling
from txregistry.service.context import WorkerContext
from txregistry.service.hashing import hash_threads
from txregistry.storage.ids import SHAPE
from txregistry.storage.registry import Registry
from txregistry.storage.switches import ReadOnlyRegistry, UndeletableRegistry
from txregistry.storage.validation import Required, Validation
from txregistry.storage.wrapping import WrappingRegistry


def utc() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


def missing_plugins(configuration: Configuration) -> tuple[Problem, ...]:
    """
    :return: an error for each driver, access controller or middleware that is configured and can't
        be found.
    """
    middleware = configuration.middleware
    choices: list[tuple[Callable[[str], Any], list[str]]] = [
        (factories.driver_factory, [configuration.storage.driver]),
        (factories.access_controller_factory, [configuration.auth.kind]),
        (factories.storage_middleware_factory, _names(middleware.storage)),
        (factories.registry_middleware_factory, _names(middleware.registry)),
        (factories.repository_middleware_factory, _names(middleware.repository)),
    ]
    problems: list[Problem] = []
    for find, names in choices:
        for name in names:
            try:
                find(name)
            except ConfigurationError as error:
                problems += error.problems
    return tuple(problems)


def build_driver(reactor: Any, configuration: Configuration) -> CheckedDriver:
    """
    :return: the storage driver that is configured.
    :raises ConfigurationError: if there is none of that name, or its parameters are wrong.
    """
    storage = configuration.storage
    factory = factories.driver_factory(storage.driver)
    return CheckedDriver(factory.create(reactor, storage.parameters))


def build_storage(
    reactor: Any, configuration: Configuration, driver: IStorageDriver
) -> IStorageDriver:
    """
    :return: the driver with its middleware around it, in the order configured.
    :raises ConfigurationError: if there is no such middleware, or its options are wrong.
    """
    for middleware in _enabled(configuration.middleware.storage):
        factory = factories.storage_middleware_factory(middleware.name)
        driver = CheckedDriver(factory.create(reactor, driver, middleware.options))
    return driver


def build_registry(
    reactor: Any,
    configuration: Configuration,
    driver: IStorageDriver,
    locks: ILocks | None = None,
    caches: Caches | None = None,
    telling: Telling | None = None,
    context: WorkerContext | None = None,
) -> IRegistry:
    """
    :param driver: where everything is.
    :param locks: where other processes serve the same tree.
    :param caches: what is known without asking the driver, if there is something.
    :param telling: how it is told what happens, if anybody wants to know.
    :param context: the place of this process among several.
    :return: the registry with its switches and middleware around it.
    :raises ConfigurationError: if there is no such middleware, or its options are wrong.
    """
    stored = Registry(
        driver,
        Threads(reactor, reactor.getThreadPool()),
        utc,
        _validation(configuration),
        locks,
        boot_id(),
        None if context is None else context.places("ids", SHAPE),
        hash_threads(reactor, 1 if context is None else context.count),
    )
    registry: IRegistry = stored
    if caches is not None:
        registry = CachingRegistry(stored, stored.contents, caches)
    if not configuration.storage.delete.enabled:
        registry = UndeletableRegistry(registry)
    if configuration.storage.maintenance.readonly.enabled:
        registry = ReadOnlyRegistry(registry)
    for middleware in _enabled(configuration.middleware.registry):
        factory = factories.registry_middleware_factory(middleware.name)
        registry = factory.create(reactor, registry, middleware.options)
    if telling is not None:
        registry = ListeningRegistry(registry, telling)
    wrappers = [
        factories.repository_middleware_factory(middleware.name).create(reactor, middleware.options)
        for middleware in _enabled(configuration.middleware.repository)
    ]
    return WrappingRegistry(registry, wrappers) if wrappers else registry


def boot_id(path: str = "/proc/sys/kernel/random/boot_id") -> str:
    """:return: another text each time the machine has started; ``""`` where nobody knows one."""
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _enabled(middlewares: Sequence[Middleware]) -> list[Middleware]:
    return [middleware for middleware in middlewares if not middleware.disabled]


def _names(middlewares: Sequence[Middleware]) -> list[str]:
    return [middleware.name for middleware in _enabled(middlewares)]


def _validation(configuration: Configuration) -> Validation:
    rules = configuration.validation
    indexes = rules.manifests.indexes
    return Validation(
        disabled=rules.disabled,
        blobs=Required(rules.manifests.blobs),
        platforms=Required(indexes.platforms),
        platform_list=tuple(
            Platform(platform.architecture, platform.os) for platform in indexes.platformlist
        ),
        urls_allow=rules.manifests.urls.allow,
        urls_deny=rules.manifests.urls.deny,
        classes=configuration.policy.repository.classes,
    )
