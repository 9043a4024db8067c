"""
What is installed, and what is said about it.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import PathDistribution, packages_distributions
from pathlib import Path

import pytest

from tests.components.table import ROOT
from txregistry import __version__

TWISTD = "import sys; from twisted.scripts.twistd import run; sys.exit(run())"


def run(*command: str | Path, directory: Path) -> str:
    """
    Run a program that must succeed, and return what it printed.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=directory, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dependencies() -> dict[str, set[str]]:
    """
    The packages that ``setup.py`` names, by extra; what is always needed is below ``""``.
    """
    names: dict[str, set[str]] = {"": set()}
    distribution = next(
        PathDistribution(folder) for folder in ROOT.glob("*.egg-info") if folder.is_dir()
    )
    for requirement in distribution.requires or []:
        name = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra == ['\"](\w+)['\"]", requirement)
        assert name is not None
        names.setdefault(extra[1] if extra else "", set()).add(name[0].lower())
    return names


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A wheel of this source.
    """
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("txregistry", "twisted"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "dropin.cache")
        )
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source, directory=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """
    The Python of an environment in which the wheel is installed, and the dependencies of this one
    can be seen, but not this checkout.
    """
    home = wheel.parent / "environment"
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    site = Path(
        run(python, "-c", "import site; print(site.getsitepackages()[0])", directory=home).strip()
    )
    ours = [path for path in sys.path if path.endswith("site-packages")]
    site.joinpath("dependencies.pth").write_text("\n".join(ours) + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    # It sees the package in our own environment, which must not be touched.
    run(*pip, "install", "--no-deps", "--no-index", "--ignore-installed", wheel, directory=home)
    return python


class WheelTests:
    """
    What is in the wheel.
    """

    def test_contents(self, wheel: Path) -> None:
        """
        The wheel has the package with its types and the plug-in, and adds nothing else to Twisted.
        """
        names = zipfile.ZipFile(wheel).namelist()
        assert "txregistry/py.typed" in names
        assert "txregistry/errors.py" in names
        assert any(name.endswith("LICENSE") for name in names)
        assert [n for n in names if n.startswith("twisted/")] == [
            "twisted/plugins/txregistry_plugin.py"
        ]
        assert {name.split("/")[0] for name in names} == {
            "twisted",
            "txregistry",
            f"txregistry-{__version__}.dist-info",
        }

    def test_plugin_and_command(self, installed: Path) -> None:
        """
        Where the wheel is installed, twistd lists the registry, and there is a command.
        """
        elsewhere = installed.parent
        where = run(
            installed, "-c", "import txregistry; print(txregistry.__file__)", directory=elsewhere
        )
        assert Path(where.strip()).is_relative_to(elsewhere.parent)
        assert re.search(
            r"^ +txregistry ",
            run(installed, "-c", TWISTD, "--help", directory=elsewhere),
            re.MULTILINE,
        )
        assert (elsewhere / "txregistry").exists()


class CheckoutTests:
    """
    What an editable installation of this checkout gives.
    """

    def test_plugin(self, tmp_path: Path) -> None:
        """
        twistd lists the registry wherever it is called.
        """
        twistd = Path(sys.executable).with_name("twistd")
        assert re.search(r"^ +txregistry ", run(twistd, "--help", directory=tmp_path), re.MULTILINE)

    def test_plugin_is_light(self, tmp_path: Path) -> None:
        """
        Listing the plug-ins imports nothing of the package, for twistd lists them all.
        """
        code = (
            "import sys\n"
            "from twisted.application.service import IServiceMaker\n"
            "from twisted.plugin import getPlugins\n"
            "assert 'txregistry' in [maker.tapname for maker in getPlugins(IServiceMaker)]\n"
            "print([name for name in sys.modules if name.split('.')[0] == 'txregistry'])\n"
        )
        assert run(sys.executable, "-c", code, directory=tmp_path).strip() == "[]"


class MetadataTests:
    """
    What setup.py says.
    """

    def test_metadata_has_one_place(self) -> None:
        """
        pyproject.toml has the build system and tool tables only.
        """
        tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        assert set(tables) == {"build-system", "tool"}
        assert "setuptools" not in tables["tool"]

    def test_all_is_everything_optional(self) -> None:
        """
        ``dev`` has what all extras have, ``all`` too.
        """
        extras = dependencies()
        assert extras.get("all", set()) <= extras["dev"]
        others = [names for extra, names in extras.items() if extra not in ("", "dev")]
        assert extras["dev"] == set.union(*others)

    def test_imports_are_declared(self) -> None:
        """
        Each package that the code imports is named in setup.py.
        """
        extras = dependencies()
        distributions = packages_distributions()
        unknown = set()
        for file in sorted((ROOT / "txregistry").rglob("*.py")):
            name = str(file.relative_to(ROOT))
            declared = extras[""] | extras.get("all", set())
            if name.startswith("txregistry/testing/"):
                declared |= extras["testing"]
            for top in imported(file) - sys.stdlib_module_names - {"txregistry"}:
                if not declared & {found.lower() for found in distributions.get(top, ())}:
                    unknown.add(f"{name}: {top}")
        assert unknown == set()

    def test_dependencies_are_explained(self) -> None:
        """
        docs/dependencies.md has each package that setup.py names.
        """
        text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
        for name in set.union(*dependencies().values()):
            assert re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text), name


def imported(file: Path) -> set[str]:
    """
    The top-level names that a module imports.
    """
    tops: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            tops |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            tops.add((node.module or "").split(".")[0])
    return tops


class MakefileTests:
    """
    The commands that the documentation speaks of.
    """

    @pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
    def test_targets_exist(self, page: str) -> None:
        """
        Each ``make TARGET`` of a page is a target of the Makefile.
        """
        targets = set(
            re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        )
        text = (ROOT / page).read_text(encoding="utf-8")
        spoken = set(re.findall(r"(?:`|\$ )make (\w+)", text))
        assert spoken
        assert spoken <= targets
