"""
The page on clients tells the truth about what is tested.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.components.table import ROOT, Component, components

PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
PINNED = [component for component in components().values() if component.go]
USED = {"crane", "oras", "regctl", "cosign", "helm", "buildkitd", "buildctl"}


@pytest.mark.parametrize("component", [c for c in PINNED if c.name in USED], ids=lambda c: c.name)
def test_versions(component: Component) -> None:
    """
    The page names the version that the tests run.
    """
    version = (component.go or "").rpartition("@v")[2]
    assert f" {version}" in PAGE


@pytest.mark.parametrize("number", range(1, 49))
def test_traps(number: int) -> None:
    """
    Each trap has a line that names its test, or says why there is none.
    """
    (row,) = re.findall(rf"^\| {number} \|.*$", PAGE, re.MULTILINE)
    name = f"test_trap_{number:02}"
    there = f"def {name}_" in Path(ROOT / "tests" / "test_traps.py").read_text(encoding="utf-8")
    assert (f"`{name}`" in row) is there
    assert there or "no test" in row
