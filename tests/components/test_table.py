"""
The table of real programs.
"""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from tests.components import table
from tests.components.table import Component, components


class TableTests:
    """
    What is in it, and where it looks.
    """

    def test_each_can_be_had_in_one_way(self) -> None:
        """
        Each component is either in Debian's packages or built from one version of a Go package.
        """
        for component in components().values():
            assert bool(component.apt) != bool(component.go), component
            if component.go is not None:
                assert re.fullmatch(r"[\w./-]+@v\d+\.\d+\.\d+(-[\w.]+)*", component.go)

    def test_needs_are_in_the_table(self) -> None:
        """
        A component needs only what is in the table before it.
        """
        seen: set[str] = set()
        for component in components().values():
            assert seen.issuperset(component.needs), component
            seen.add(component.name)

    def test_common_name_is_not_looked_for_elsewhere(self) -> None:
        """
        A program of a common name counts only if we built it.
        """
        common = Component(name="sh", program="sh", purpose="is everywhere")
        assert common.path() is not None
        assert attrs.evolve(common, own=True).path() is None

    def test_other_version_is_not_current(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        What was built is current until the table names another version.
        """
        monkeypatch.setattr(table, "OWN", tmp_path / "bin")
        (tmp_path / "bin").mkdir()
        built = Component(name="x", program="x", purpose="", go="example.org/x@v1.0.0")
        assert not built.is_current()
        (tmp_path / "bin" / "x").touch()
        assert not built.is_current()
        built.stamp()
        assert built.is_current()
        assert not attrs.evolve(built, go="example.org/x@v1.0.1").is_current()
