"""
The import rule of docs/architecture.md, held by reading every import there is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.components.table import ROOT

PACKAGE = "txregistry"

BASE = frozenset({"errors", "deferreds", "places", "processors", "recent", "remotes"})
VALUES = BASE | {"model"}
CONTRACTS = VALUES | {"interfaces"}
SIBLINGS = frozenset(
    {"drivers", "storage", "cache", "auth", "notifications", "proxy", "web"},
)
BELOW_SERVICE = CONTRACTS | SIBLINGS | {"configuration", "observability", "factories"}
ABOVE_ROOMS = frozenset({"service", "workers"})

#: What each room may import of ours.  A room may always import itself.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "_version": frozenset(),
    "errors": frozenset(),
    "deferreds": frozenset(),
    "places": frozenset(),
    "processors": frozenset(),
    "recent": frozenset(),
    "remotes": frozenset(),
    "model": frozenset({"errors"}),
    "interfaces": frozenset({"model", "errors"}),
    "configuration": frozenset({"errors"}),
    **dict.fromkeys(SIBLINGS, CONTRACTS),
    "observability": CONTRACTS,
    "factories": CONTRACTS,
    "service": BELOW_SERVICE,
    "workers": BELOW_SERVICE | {"service"},
    "testing": BELOW_SERVICE | ABOVE_ROOMS,
    "tap": ABOVE_ROOMS | {"configuration", "errors"},
    "cli": ABOVE_ROOMS | {"configuration", "errors"},
    # The door of the package, and what it is named by.
    "__init__": frozenset({"_version"}),
    "__main__": frozenset({"cli"}),
}

#: Anybody may say which version this is.
FOR_ALL = frozenset({"_version"})

#: Where the process's own reactor may be taken; everybody else is given one.  The contract suites
#: are for drivers of real files and real services, which have real time.
MAY_TAKE_REACTOR = frozenset({"service", "workers", "tap", "cli", "testing"})


@attrs.frozen
class Import:
    """
    That a module imports something.

    :param room: of the module that does.
    :param target: the dotted name of what it imports.
    :param place: file and line.
    """

    room: str
    target: str
    place: str


def room_of(module: str) -> str:
    """
    Name the room that a dotted module name of ours is in.
    """
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def module_name(root: Path, file: Path) -> str:
    """
    The dotted name by which a file is imported.
    """
    parts = [*file.relative_to(root).with_suffix("").parts]
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def absolute(node: ast.ImportFrom, package: str) -> str:
    """
    The dotted name of the module that ``from … import`` is about, dots resolved.
    """
    if node.level == 0:
        return node.module or ""
    parents = package.split(".")
    base = parents[: len(parents) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def imports(root: Path) -> Iterator[Import]:
    """
    Every import of every module, wherever in it it stands: in functions and below
    ``TYPE_CHECKING`` too.

    :param root: the folder that the package is in.
    """
    for file in sorted((root / PACKAGE).rglob("*.py")):
        module = module_name(root, file)
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
            for target in targets(node, package):
                place = f"{file.relative_to(root)}:{getattr(node, 'lineno', 0)}"
                yield Import(room_of(module), target, place)


def targets(node: ast.AST, package: str) -> Iterator[str]:
    """
    The dotted names that one node imports.
    """
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = absolute(node, package)
        yield from (f"{base}.{alias.name}" for alias in node.names)


def violations(root: Path) -> list[str]:
    """
    Every import that the rule forbids, in words.
    """
    return [complaint for found in imports(root) if (complaint := judge(found))]


def judge(found: Import) -> str | None:
    """
    Say what is wrong about an import, if anything is.
    """
    if found.room not in MAY_IMPORT:
        return f"{found.place}: the room {found.room} is not in the plan"
    if is_reactor(found.target) and found.room not in MAY_TAKE_REACTOR:
        return f"{found.place}: takes the global reactor; it must be given one"
    if found.target.split(".")[0] != PACKAGE:
        return None
    room = room_of(found.target)
    if room == found.room or room in MAY_IMPORT[found.room] | FOR_ALL | {"__version__"}:
        return None
    return f"{found.place}: {found.room} must not import {room}"


def is_reactor(target: str) -> bool:
    """
    Whether a dotted name is the reactor of the process.
    """
    return (target + ".").startswith("twisted.internet.reactor.")


def build(root: Path, files: dict[str, str]) -> Path:
    """
    Write a package of a few modules.
    """
    for name, text in files.items():
        file = root / PACKAGE / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


class ArchitectureTests:
    """
    The package as it is.
    """

    def test_imports_go_down(self) -> None:
        """
        No module imports what its room may not, nor the global reactor below the service.
        """
        assert violations(ROOT) == []

    def test_every_room_has_a_door(self) -> None:
        """
        Each folder of the package has an ``__init__.py`` that says what the room is for.
        """
        folders = {file.parent for file in (ROOT / PACKAGE).rglob("*.py")}
        for folder in sorted(folders):
            door = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
            assert ast.get_docstring(door), folder

    def test_every_test_says_what_it_holds(self) -> None:
        """
        Each test has a docstring.
        """
        silent = [
            f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"
            for file in sorted((ROOT / "tests").rglob("test_*.py"))
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.name.startswith("test_")
            and not ast.get_docstring(node)
        ]
        assert silent == []


class RuleTests:
    """
    The rule itself: it sees what it must see.
    """

    @pytest.mark.parametrize(
        ("name", "text", "complaint"),
        [
            ("errors.py", "import txregistry.model.digest", "errors must not import model"),
            ("model/a.py", "from txregistry import interfaces", "model must not import interfaces"),
            ("model/a.py", "from ..web import urls", "model must not import web"),
            ("model/a.py", "from .. import web", "model must not import web"),
            ("drivers/a.py", "def f():\n    import txregistry.storage", "must not import storage"),
            (
                "web/a.py",
                "if TYPE_CHECKING:\n    from txregistry.configuration.http import HTTP",
                "web must not import configuration",
            ),
            ("web/a.py", "from txregistry.storage.paths import blob", "must not import storage"),
            ("service.py", "from txregistry.tap import makeService", "service must not import tap"),
            ("testing/a.py", "from txregistry import cli", "testing must not import cli"),
            ("cli.py", "from txregistry.web import site", "cli must not import web"),
            ("surprise/a.py", "import os", "not in the plan"),
            ("web/a.py", "from twisted.internet import reactor", "global reactor"),
            ("web/a.py", "import twisted.internet.reactor as r", "global reactor"),
            ("web/a.py", "def f():\n    from twisted.internet import reactor", "global reactor"),
        ],
    )
    def test_violation_is_seen(self, tmp_path: Path, name: str, text: str, complaint: str) -> None:
        """
        A forbidden import is found in whatever way and wherever in a module it is written.
        """
        found = violations(build(tmp_path, {name: text}))
        assert len(found) == 1
        assert complaint in found[0]
        assert found[0].startswith(f"{PACKAGE}/{name}:")

    def test_allowed(self, tmp_path: Path) -> None:
        """
        What the rule allows it does not complain about.
        """
        files = {
            "__init__.py": "from txregistry._version import __version__",
            "model/a.py": "from txregistry.errors import DigestInvalid\nfrom . import b",
            "web/a.py": "from txregistry.model import a\nfrom .urls import b\nimport os",
            "service.py": "from twisted.internet import reactor\nfrom txregistry import web",
            "cli.py": "from txregistry import __version__\nfrom txregistry import service",
        }
        assert violations(build(tmp_path, files)) == []
