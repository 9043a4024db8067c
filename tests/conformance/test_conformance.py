"""
The OCI's own conformance program, with every option on: all of its tests pass, and none is skipped.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml

from tests.clients.programs import run
from tests.conftest import MakeDaemon

#: The program pushes content with parts missing, and layers with URLs of other places.
CONFIGURATION = {
    "validation": {
        "manifests": {
            "blobs": "none",
            "indexes": {"platforms": "none"},
            "urls": {"allow": [".*"]},
        }
    },
}

#: Every option of the program.  What its next version adds isn't here: the test that counts the
#: options in its answer says so.
APIS: dict[str, Any] = {
    "ping": True,
    "pull": True,
    "push": True,
    "blobs": {
        "atomic": True,
        "delete": True,
        "digestHeader": True,
        "mountAnonymous": True,
        "uploadCancel": True,
    },
    "manifests": {"atomic": True, "delete": True, "digestHeader": True, "tagParam": True},
    "tags": {"atomic": True, "delete": True, "list": True},
    "referrer": True,
}
DATA = {
    "image": True,
    "index": True,
    "indexList": True,
    "sparse": True,
    "artifact": True,
    "subject": True,
    "subjectMissing": True,
    "artifactList": True,
    "subjectList": True,
    "dataField": True,
    "nondistributable": True,
    "customFields": True,
    "noLayers": True,
    "emptyBlob": True,
    "sha512": True,
}


@attrs.frozen
class Outcome:
    """
    What the program found.

    :param summary: its results by API and by kind of data, and the options it ran with.
    :param suite: its single tests.
    """

    summary: dict[str, Any]
    suite: ET.Element

    @classmethod
    def read(cls, directory: Path) -> Outcome:
        """
        Read the files that it writes.
        """
        summary = yaml.safe_load((directory / "results.yaml").read_text(encoding="utf-8"))
        suite = ET.parse(directory / "junit.xml").getroot()
        return cls(summary, suite)

    def count(self, what: str) -> int:
        """
        How many tests there were, or failed, or were skipped.
        """
        return int(self.suite.get(what, 0))  # what is none isn't written

    @property
    def passed(self) -> int:
        """
        How many passed.
        """
        others = ("errors", "failures", "skipped", "disabled")
        return self.count("tests") - sum(map(self.count, others))

    def complaints(self) -> str:
        """
        The tests that didn't pass, each with what was expected, the requests and the responses.
        """
        bad = [case for case in self.suite.iter("testcase") if case.get("status") != "passed"]
        texts = [f"{case.get('name')}: {case.get('status')}\n{_said(case)}" for case in bad]
        return "\n\n".join(texts)


def _said(case: ET.Element) -> str:
    return "\n".join(child.text or "" for child in case)


def switches(options: dict[str, Any]) -> list[bool]:
    """
    All switches in a tree of options.
    """
    found: list[bool] = []
    for value in options.values():
        found += switches(value) if isinstance(value, dict) else [value]
    return found


@pytest.mark.component("conformance")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.timeout(300)
def test_conformance(
    make_daemon: MakeDaemon, tmp_path: Path, figure: Callable[[str, object], None], workers: int
) -> None:
    """
    With every option on, every test of the program passes, however many workers there are.
    """
    daemon = make_daemon(configuration={**CONFIGURATION, "workers": workers})
    results = tmp_path / "results"
    options = {
        "registry": daemon.host,
        "tls": "disabled",
        "version": "dev",
        "resultsDir": str(results),
        "apis": APIS,
        "data": DATA,
    }
    file = tmp_path / "options.yaml"
    file.write_text(yaml.safe_dump(options), encoding="utf-8")
    said = run("conformance", environment={"OCI_CONFIGURATION": str(file)}, fails=None)
    assert (results / "junit.xml").exists(), said

    outcome = Outcome.read(results)
    passed = f"{outcome.passed} of {outcome.count('tests')} pass"
    figure(f"OCI conformance, workers: {workers}", passed)
    assert outcome.passed == outcome.count("tests"), outcome.complaints()
    assert outcome.passed > 900, "some of the program's tests didn't run"
    by_name = {**outcome.summary["apis"], **outcome.summary["data"]}
    assert {name: status for name, status in by_name.items() if status != "Pass"} == {}

    ran_with = outcome.summary["config"]
    assert (ran_with["apis"], ran_with["data"]) == (APIS, DATA), "the program has more options"
    assert all(switches(APIS) + switches(DATA))
