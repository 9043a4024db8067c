"""
The pages on access control do as they say.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.auth.htpasswd.asking import ask
from tests.auth.htpasswd.kit import line
from tests.components.table import ROOT
from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from txregistry import factories
from txregistry.configuration import parse

PAGES = sorted((ROOT / "docs" / "access").glob("*.md"))


def blocks(page: str, language: str) -> list[str]:
    """:return: the examples in a language on a page."""
    text = (ROOT / "docs" / "access" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def configurations() -> list[tuple[str, str]]:
    """:return: the whole configurations on all pages."""
    return [
        (page.stem, block)
        for page in PAGES
        for block in blocks(page.stem, "yaml")
        if block.startswith("version:")
    ]


def commands(page: str, program: str) -> list[tuple[str, str]]:
    """:return: each command that a page shows of a program, and what it is said to print."""
    return [
        (command, output)
        for block in blocks(page, "console")
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$).*\n)*)", block, re.MULTILINE)
        if command.startswith(program)
    ]


@pytest.mark.parametrize(("page", "text"), configurations())
def test_configuration(page: str, text: str) -> None:
    """
    A configuration on a page is right; nothing in it is odd, but that ``silly`` is for tests.
    """
    warnings = [str(warning) for warning in parse(text, {}).warnings]
    assert [warning for warning in warnings if "is for tests" not in warning] == []


@pytest.mark.parametrize("page", ["htpasswd", "none", "silly"])
def test_curl(page: str, tmp_path: Path, make_daemon: MakeDaemon) -> None:
    """
    With the page's configuration the registry says what the page shows.
    """
    (tmp_path / "htpasswd").write_bytes(line("alice", "secret"))
    block = next(text for name, text in configurations() if name == page)
    text = block.replace("/etc/txregistry", str(tmp_path)).replace("/var/lib/registry", "./storage")
    document: dict[str, Any] = yaml.safe_load(text)
    daemon = make_daemon(configuration={"auth": document["auth"]})
    shown = commands(page, "curl")
    assert len(shown) == 2
    for command, output in shown:
        assert _run(daemon, command) == output.strip()


def test_every_controller_has_a_page() -> None:
    """
    There is a page for each access controller that comes with the registry, with a configuration
    that chooses it.
    """
    for name in factories._ACCESS_CONTROLLERS.ours:
        shown = [text for page, text in configurations() if page == name]
        assert {parse(text, {}).configuration.auth.kind for text in shown} == {name}


def test_none_with_policies(make_daemon: MakeDaemon) -> None:
    """
    With the second configuration of the page on ``none`` everybody pulls, the machine itself
    pushes, and nobody deletes.
    """
    block = [text for name, text in configurations() if name == "none"][1]
    document: dict[str, Any] = yaml.safe_load(block)
    sections = ("http", "auth", "policies")
    daemon = make_daemon(configuration={key: document[key] for key in sections})
    start = "/v2/some/thing/blobs/uploads/"
    manifest = "/v2/some/thing/manifests/latest"
    for source, push in (("127.0.0.1", 202), ("127.0.0.2", 403)):
        assert ask(daemon, target=start, method="POST", source=source).status == push
        assert ask(daemon, target=manifest, source=source).status == 404
        assert ask(daemon, target=manifest, method="DELETE", source=source).status == 403
        assert ask(daemon, target="/v2/_catalog", source=source).status == 200


def _run(daemon: Daemon, command: str) -> str:
    """:return: what a command prints, if it is meant for this registry."""
    assert "http://localhost:5000/" in command
    done = subprocess.run(
        ["bash", "-c", command.replace("http://localhost:5000", daemon.url)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()
