"""
What ``tests/conftest.py`` holds against tests, shown on tests that deserve it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.components.table import ROOT

GUILTY = """
import pytest
from hypothesis import given, strategies
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.logger import Logger


def fail_and_log():
    try:
        raise ValueError("wrong")
    except ValueError:
        Logger().failure("it went")


class ThingTests:
    async def test_good(self):
        await deferLater(reactor, 0)

    async def test_bad(self):
        await deferLater(reactor, 0)
        assert False

    @given(strategies.booleans())
    async def test_bad_example(self, value):
        await deferLater(reactor, 0)
        assert value

    @pytest.mark.timeout(2)
    async def test_hangs(self):
        await Deferred()

    def test_leaves_call(self):
        reactor.callLater(60, print)

    def test_leaves_socket(self):
        reactor.listenTCP(0, Factory(), interface="127.0.0.1")

    def test_logs(self):
        fail_and_log()

    def test_logs_and_says_so(self, logged_failures):
        fail_and_log()
        assert logged_failures.pop().check(ValueError)

    def test_measures(self, scale, figure):
        figure("the answer", scale(42, 4200))

    def test_misses(self, component):
        component("unheard-of")

    @pytest.mark.component("unheard-of")
    def test_misses_by_mark(self):
        pass

    def test_cannot(self, component):
        component("sh", "no room for it")
"""

TABLE = """
[sh]
program = "sh"
purpose = "is everywhere"
apt = ["dash"]

[unheard-of]
program = "unheard-of"
purpose = "is nowhere"
apt = ["unheard-of"]
"""


PLUGIN = """
from pathlib import Path
from tests.components import table

table.TABLE = Path(__file__).with_name("components.toml")
"""


def run(tmp_path: Path, *arguments: str, **environment: str) -> tuple[dict[str, str], str]:
    """
    Run the guilty tests in a process of their own.

    :param arguments: more of them for pytest.
    :return: the outcome of each test, and what was printed.
    """
    files = {"components.toml": TABLE, "conftest.py": PLUGIN, "test_guilty.py": GUILTY}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    ours = {name: text for name, text in os.environ.items() if not name.startswith("TXREGISTRY_")}
    pytest_options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", "pyproject.toml"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-rA", *pytest_options, *arguments, str(tmp_path)],
        cwd=ROOT,
        env={**ours, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    outcomes = re.findall(
        r"^(PASSED|FAILED|ERROR|SKIPPED) \S+::(test_\w+)", done.stdout, re.MULTILINE
    )
    return {name: outcome for outcome, name in outcomes}, done.stdout


@pytest.fixture(scope="module")
def everyday(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], str]:
    """
    The outcomes of an ordinary run.
    """
    return run(tmp_path_factory.mktemp("guilty"))


class EverydayTests:
    """
    An ordinary run.
    """

    @pytest.mark.parametrize(
        ("test", "outcome"),
        [
            ("test_good", "PASSED"),
            ("test_bad", "FAILED"),
            ("test_bad_example", "FAILED"),
            ("test_hangs", "FAILED"),
            ("test_leaves_call", "ERROR"),
            ("test_leaves_socket", "ERROR"),
            ("test_logs", "ERROR"),
            ("test_logs_and_says_so", "PASSED"),
            ("test_measures", "PASSED"),
        ],
    )
    def test_outcome(self, everyday: tuple[dict[str, str], str], test: str, outcome: str) -> None:
        """
        Coroutines really run and end in time, and what a test leaves behind fails it.
        """
        assert everyday[0][test] == outcome

    def test_figures(self, everyday: tuple[dict[str, str], str]) -> None:
        """
        What was measured is printed, at the small size.
        """
        assert re.search(r"^the answer: 42  \[.*test_measures\]$", everyday[1], re.MULTILINE)

    def test_missing_components(self, everyday: tuple[dict[str, str], str]) -> None:
        """
        The end of a run names each missing component and the tests that it cost.
        """
        end = everyday[1].partition("missing components")[2]
        found = re.search(
            r"^unheard-of \(not there: .*\), tests that it cost: 2\n +(.*)\n +(.*)$",
            end,
            re.MULTILINE,
        )
        assert found is not None
        assert found[1].endswith("::test_misses")
        assert found[2].endswith("::test_misses_by_mark")
        assert re.search(
            r"^sh \(there, but not usable here\), tests that it cost: 1$", end, re.MULTILINE
        )


class SettingTests:
    """
    Runs with a setting.
    """

    def test_required(self, tmp_path: Path) -> None:
        """
        A component that is required and missing fails the tests that want it.
        """
        outcomes, text = run(
            tmp_path, "-k", "misses or cannot", TXREGISTRY_REQUIRE_COMPONENTS="skopeo,unheard-of,sh"
        )
        assert outcomes["test_misses"] == "FAILED"
        assert outcomes["test_misses_by_mark"] == "ERROR"
        assert re.search(r"^SKIPPED .*no room for it", text, re.MULTILINE)

    def test_all_required(self, tmp_path: Path) -> None:
        """
        Where everything is required, a component that can't work fails its tests too.
        """
        outcomes, _ = run(tmp_path, "-k", "cannot", TXREGISTRY_REQUIRE_COMPONENTS="all")
        assert outcomes["test_cannot"] == "FAILED"

    def test_soak(self, tmp_path: Path) -> None:
        """
        A soak has the full figures.
        """
        assert "the answer: 4200 " in run(tmp_path, "-m", "soak", TXREGISTRY_SOAK="1")[1]
