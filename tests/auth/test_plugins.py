"""
An access controller of a plug-in.
"""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from tests.components.table import ROOT
from tests.conftest import MakeDaemon
from tests.daemon import Daemon, DaemonFailed
from tests.workers.kit import eventually
from txregistry.cli import main

PLUGIN = """
from twisted.application.service import Service
from twisted.internet.defer import fail, succeed
from twisted.logger import Logger
from twisted.plugin import IPlugin
from zope.interface import implementer

from txregistry.errors import ConfigurationError, Unauthorized
from txregistry.interfaces import Grant, IAccessController, IAccessControllerFactory
from txregistry.model.access import records

@implementer(IAccessController)
class WordAccess(Service):
    log = Logger()

    def __init__(self, word):
        self.word = word

    def startService(self):
        self.log.warn("the word is asked for")

    def stopService(self):
        self.log.warn("the word is asked for no longer")

    def authorize(self, credentials, accesses):
        if credentials.authorization == f"Word {self.word}":
            return succeed(Grant("whoever", "the word"))
        if credentials.authorization == "Word crash":
            raise KeyError("crash")
        return fail(Unauthorized('Word realm="here"', records(accesses)))

@implementer(IPlugin, IAccessControllerFactory)
class WordFactory:
    name = "word"

    def create(self, reactor, options, attempts):
        if "word" not in options:
            raise ConfigurationError(["auth.word.word: is missing"])
        return WordAccess(options["word"])

word = WordFactory()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where the plug-in is found."""
    plugins = tmp_path / "site" / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "word_plugin.py").write_text(PLUGIN)
    return {"PYTHONPATH": f"{tmp_path / 'site'}:{ROOT}"}


def status(daemon: Daemon, authorization: str) -> int:
    """Ping with an ``Authorization``."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    try:
        connection.request("GET", "/v2/", headers={"Authorization": authorization})
        return connection.getresponse().status
    finally:
        connection.close()


class PluginTests:
    """
    It is chosen by its name, and does what ours do.
    """

    def test_works(self, make_daemon: MakeDaemon, environment: dict[str, str]) -> None:
        """
        It is asked by every request, and is started and stopped.
        """
        daemon = make_daemon(
            configuration={"auth": {"word": {"word": "please"}}}, environment=environment
        )
        assert status(daemon, "Word please") == 200
        assert status(daemon, "Word now") == 401
        assert "the word is asked for no longer" not in daemon.log()
        workers = daemon.configuration["workers"]
        eventually(lambda: daemon.log().count('"the word is asked for"') == workers)
        daemon.terminate()
        assert daemon.log().count("the word is asked for no longer") == workers

    def test_mistake(self, make_daemon: MakeDaemon, environment: dict[str, str]) -> None:
        """
        Its mistakes are no open door.
        """
        daemon = make_daemon(
            configuration={"auth": {"word": {"word": "please"}}}, environment=environment
        )
        daemon.tolerant = True
        assert status(daemon, "Word crash") == 500
        eventually(lambda: "KeyError" in daemon.log())

    def test_options(self, make_daemon: MakeDaemon, environment: dict[str, str]) -> None:
        """
        What it finds wrong keeps the daemon from starting.
        """
        daemon = make_daemon(
            start=False, configuration={"auth": {"word": {}}}, environment=environment
        )
        with pytest.raises(DaemonFailed) as failed:
            daemon.start()
        assert "auth.word.word: is missing" in failed.value.log
        assert "Traceback" not in failed.value.log


class MissingTests:
    """
    One that isn't there.
    """

    def test_refused(self, make_daemon: MakeDaemon) -> None:
        """
        It is not left out: the daemon doesn't start.
        """
        daemon = make_daemon(start=False, configuration={"auth": {"htpaswd": {"path": "/a"}}})
        with pytest.raises(DaemonFailed) as failed:
            daemon.start()
        assert "auth: there is no 'htpaswd'; there is htpasswd, none, silly" in failed.value.log

    def test_checked(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """
        ``check-config`` tells it before.
        """
        path = tmp_path / "config.yml"
        path.write_text("version: 0.1\nstorage: inmemory\nauth: mine\n")
        assert main(["check-config", str(path)]) == 1
        assert "auth: there is no 'mine'; there is " in capsys.readouterr().err
