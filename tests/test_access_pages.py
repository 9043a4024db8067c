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

from tests.auth.htpasswd.kit import line
from tests.components.table import ROOT
from tests.conftest import MakeDaemon
from tests.daemon import Daemon
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


@pytest.mark.parametrize("page", ["htpasswd", "silly"])
def test_curl(page: str, tmp_path: Path, make_daemon: MakeDaemon) -> None:
    """
    With the page's configuration the registry says what the page shows.
    """
    (tmp_path / "htpasswd").write_bytes(line("alice", "secret"))
    (block,) = [text for name, text in configurations() if name == page]
    text = block.replace("/etc/txregistry", str(tmp_path)).replace("/var/lib/registry", "./storage")
    document: dict[str, Any] = yaml.safe_load(text)
    daemon = make_daemon(configuration={"auth": document["auth"]})
    shown = commands(page, "curl")
    assert len(shown) == 2
    for command, output in shown:
        assert _run(daemon, command) == output.strip()


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
