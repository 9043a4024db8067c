"""
Things that are chosen by name in the configuration, and who makes them.

Ours stand in a table and are imported when they are chosen.  Others' are found through
:mod:`twisted.plugin`: an object in a module of ``twisted.plugins`` that provides the interface
of such a factory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.plugin import getCache
from twisted.python.modules import getModule
from twisted.python.reflect import namedAny
from zope.interface.interface import InterfaceClass

import twisted.plugins
from txregistry.errors import ConfigurationError, Problem
from txregistry.interfaces import (
    IAccessControllerFactory,
    IRegistryMiddlewareFactory,
    IRepositoryMiddlewareFactory,
    IStorageDriverFactory,
    IStorageMiddlewareFactory,
)


def driver_factory(name: str) -> IStorageDriverFactory:
    """
    :param name: a key below ``storage``.
    :raises ConfigurationError: if there is no storage driver of this name, or it can't be loaded.
    """
    factory: IStorageDriverFactory = _DRIVERS.find(name)
    return factory


def access_controller_factory(name: str) -> IAccessControllerFactory:
    """
    :param name: a key below ``auth``.
    :raises ConfigurationError: if there is no access controller of this name, or it can't be
        loaded.
    """
    factory: IAccessControllerFactory = _ACCESS_CONTROLLERS.find(name)
    return factory


def storage_middleware_factory(name: str) -> IStorageMiddlewareFactory:
    """
    :param name: a name in ``middleware.storage``.
    :raises ConfigurationError: if there is no such middleware, or it can't be loaded.
    """
    factory: IStorageMiddlewareFactory = _STORAGE_MIDDLEWARE.find(name)
    return factory


def registry_middleware_factory(name: str) -> IRegistryMiddlewareFactory:
    """
    :param name: a name in ``middleware.registry``.
    :raises ConfigurationError: if there is no such middleware, or it can't be loaded.
    """
    factory: IRegistryMiddlewareFactory = _REGISTRY_MIDDLEWARE.find(name)
    return factory


def repository_middleware_factory(name: str) -> IRepositoryMiddlewareFactory:
    """
    :param name: a name in ``middleware.repository``.
    :raises ConfigurationError: if there is no such middleware, or it can't be loaded.
    """
    factory: IRepositoryMiddlewareFactory = _REPOSITORY_MIDDLEWARE.find(name)
    return factory


@frozen
class _Choice:
    """
    A place in the configuration where something is chosen by name.

    :param key: the place, for messages.
    :param interface: what the factories provide.
    :param ours: where the factory of each name of ours stands.
    """

    key: str
    interface: InterfaceClass
    ours: Mapping[str, str]

    def find(self, name: str) -> Any:
        """:return: the factory of this name."""
        if name in self.ours:
            return namedAny(self.ours[name])
        others = _Others(self.interface)
        homes = sorted(home for home, factory in others.factories.items() if factory.name == name)
        if len(homes) > 1:
            raise self._problem(f"{name!r} is offered more than once: by {' and '.join(homes)}")
        if homes:
            return others.factories[homes[0]]
        known = sorted({*self.ours, *(factory.name for factory in others.factories.values())})
        text = f"there is no {name!r}; there is {', '.join(known) or 'none at all'}"
        raise self._problem("; ".join([text, *others.problems]))

    def _problem(self, text: str) -> ConfigurationError:
        return ConfigurationError([Problem(key=self.key, text=text)])


class _Others:
    """
    What plug-ins offer.

    ``getPlugins`` only logs what is wrong with a plug-in.  Whoever named it in his
    configuration is to be told.

    :ivar factories: them, by the full name of the object.
    :ivar problems: what is wrong with those that can't be used, each a sentence.
    """

    def __init__(self, interface: InterfaceClass) -> None:
        self.factories: dict[str, Any] = {}
        self.problems: list[str] = []
        cache = getCache(twisted.plugins)
        for dropin in cache.values():
            for plugin in dropin.plugins:
                if any(provided.isOrExtends(interface) for provided in plugin.provided):
                    name = f"{dropin.moduleName}.{plugin.name}"
                    if (factory := self._load(name, plugin.load)) is not None:
                        self.factories[name] = factory
        for module in getModule(twisted.plugins.__name__).iterModules():
            if module.name.rpartition(".")[2] not in cache:
                self._load(module.name, module.load)

    def _load(self, name: str, load: Callable[[], Any]) -> Any:
        """:return: what was loaded, or ``None`` after noting why that fails."""
        try:
            return load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - others' code may raise anything
            problem = f"{type(error).__name__}: {error}"
            self.problems.append(f"the plug-in {name} can't be loaded: {problem}")
            return None


_DRIVERS = _Choice(
    "storage",
    IStorageDriverFactory,
    {
        "filesystem": "txregistry.drivers.filesystem.factory.factory",
        "inmemory": "txregistry.drivers.inmemory.factory",
    },
)

_ACCESS_CONTROLLERS = _Choice(
    "auth",
    IAccessControllerFactory,
    {
        "htpasswd": "txregistry.auth.htpasswd.factory.factory",
        "none": "txregistry.auth.open.factory",
        "silly": "txregistry.auth.silly.factory",
        "token": "txregistry.auth.token.factory.factory",
    },
)

_STORAGE_MIDDLEWARE = _Choice(
    "middleware.storage",
    IStorageMiddlewareFactory,
    {
        "redirect": "txregistry.drivers.redirect.factory",
        "rewrite": "txregistry.drivers.rewrite.factory",
    },
)

_REGISTRY_MIDDLEWARE = _Choice("middleware.registry", IRegistryMiddlewareFactory, {})

_REPOSITORY_MIDDLEWARE = _Choice("middleware.repository", IRepositoryMiddlewareFactory, {})
