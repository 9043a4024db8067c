"""
Things that are chosen by name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from zope.interface.verify import verifyObject

from tests.components.table import ROOT
from txregistry import factories
from txregistry.errors import ConfigurationError
from txregistry.interfaces import (
    IAccessControllerFactory,
    IStorageDriverFactory,
    IStorageMiddlewareFactory,
)

FIND = """
import sys
from txregistry import factories
from txregistry.errors import ConfigurationError
try:
    print(factories.driver_factory(sys.argv[1]).name)
except ConfigurationError as error:
    print(error)
"""

PLUGIN = """
from twisted.plugin import IPlugin
from zope.interface import implementer
from txregistry.interfaces import IStorageDriverFactory

@implementer(IPlugin, IStorageDriverFactory)
class Factory:
    name = "{name}"

    def create(self, reactor, parameters):
        raise NotImplementedError

{plugin} = Factory()
"""


class PlugIns:
    """
    A directory of plug-ins, and a process that looks for one there.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.plugins = directory / "twisted" / "plugins"
        self.plugins.mkdir(parents=True)

    def add(self, module: str, text: str) -> None:
        """Add a module of plug-ins."""
        (self.plugins / f"{module}.py").write_text(text)

    def find(self, name: str) -> str:
        """:return: the name of the factory that was found, or what was said instead."""
        done = subprocess.run(
            [sys.executable, "-c", FIND, name],
            env={**os.environ, "PYTHONPATH": f"{self.directory}:{ROOT}"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


@pytest.fixture
def plug_ins(tmp_path: Path) -> PlugIns:
    """An empty directory of plug-ins."""
    return PlugIns(tmp_path / "site")


class OursTests:
    """
    What is part of the package.
    """

    @pytest.mark.parametrize("name", ["filesystem", "inmemory"])
    def test_drivers(self, name: str) -> None:
        """Our storage drivers are found under their names."""
        factory = factories.driver_factory(name)
        assert verifyObject(IStorageDriverFactory, factory)
        assert factory.name == name

    @pytest.mark.parametrize("name", ["htpasswd", "none", "silly"])
    def test_access_controllers(self, name: str) -> None:
        """Our access controllers are found under their names."""
        factory = factories.access_controller_factory(name)
        assert verifyObject(IAccessControllerFactory, factory)
        assert factory.name == name

    @pytest.mark.parametrize("name", ["redirect", "rewrite"])
    def test_storage_middleware(self, name: str) -> None:
        """Our storage middleware is found under its names."""
        factory = factories.storage_middleware_factory(name)
        assert verifyObject(IStorageMiddlewareFactory, factory)
        assert factory.name == name

    def test_lazy(self) -> None:
        """Neither a driver nor an access controller is imported before it is chosen."""
        code = (
            "import sys, txregistry.factories; rooms = ('txregistry.drivers', 'txregistry.auth'); "
            "print([name for name in sys.modules if name.startswith(rooms)])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout == "[]\n"


class UnknownTests:
    """
    Names that nobody knows.
    """

    def test_driver(self) -> None:
        """The message names the key, and the names that there are."""
        with pytest.raises(ConfigurationError) as raised:
            factories.driver_factory("flesystem")
        assert str(raised.value).startswith("storage: there is no 'flesystem'; there is ")
        assert "filesystem, inmemory" in str(raised.value)

    def test_others(self) -> None:
        """So it is for access controllers, and for middleware of every kind."""
        for find, key in (
            (factories.access_controller_factory, "auth"),
            (factories.storage_middleware_factory, "middleware.storage"),
            (factories.registry_middleware_factory, "middleware.registry"),
            (factories.repository_middleware_factory, "middleware.repository"),
        ):
            with pytest.raises(ConfigurationError, match=rf"^{key}: there is no 'nothing'; "):
                find("nothing")


class OthersTests:
    """
    What plug-ins offer.
    """

    def test_found(self, plug_ins: PlugIns) -> None:
        """A plug-in is found, and named among what there is."""
        plug_ins.add("mine", PLUGIN.format(name="mine", plugin="mine"))
        assert plug_ins.find("mine") == "mine"
        assert plug_ins.find("others") == (
            "storage: there is no 'others'; there is filesystem, inmemory, mine"
        )

    def test_ours_first(self, plug_ins: PlugIns) -> None:
        """Nobody takes the place of what is ours, nor is he asked for it."""
        plug_ins.add("fake", PLUGIN.format(name="filesystem", plugin="fake"))
        plug_ins.add("broken", "raise SystemExit")
        assert plug_ins.find("filesystem") == "filesystem"

    def test_twice(self, plug_ins: PlugIns) -> None:
        """Who offers a name that somebody else offers isn't preferred by chance."""
        plug_ins.add("one", PLUGIN.format(name="mine", plugin="first"))
        plug_ins.add("two", PLUGIN.format(name="mine", plugin="second"))
        assert plug_ins.find("mine") == (
            "storage: 'mine' is offered more than once: "
            "by twisted.plugins.one.first and twisted.plugins.two.second"
        )

    def test_broken_module(self, plug_ins: PlugIns) -> None:
        """A plug-in that can't be imported is named, with the reason; others are not harmed."""
        plug_ins.add("broken", "import a_module_that_is_not_there")
        plug_ins.add("sound", PLUGIN.format(name="sound", plugin="sound"))
        assert plug_ins.find("sound") == "sound"
        assert plug_ins.find("mine") == (
            "storage: there is no 'mine'; there is filesystem, inmemory, sound; "
            "the plug-in twisted.plugins.broken can't be loaded: "
            "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"
        )

    def test_broken_later(self, plug_ins: PlugIns) -> None:
        """A plug-in that breaks after it was first found is named, too."""
        plug_ins.add("mine", "from other import mine")
        other = plug_ins.directory / "other.py"
        other.write_text(PLUGIN.format(name="mine", plugin="mine"))
        assert plug_ins.find("mine") == "mine"
        other.unlink()
        assert plug_ins.find("mine") == (
            "storage: there is no 'mine'; there is filesystem, inmemory; "
            "the plug-in twisted.plugins.mine.mine can't be loaded: "
            "ModuleNotFoundError: No module named 'other'"
        )
