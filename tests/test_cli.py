"""
The ``txregistry`` command, as a user runs it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from txregistry._version import __version__

COMMAND = Path(sys.executable).with_name("txregistry")
GOOD = (
    "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root}}}}}\nhttp: {{addr: '{addr}'}}\n"
)


def run(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [COMMAND, *arguments],
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that works."""
    path = tmp_path / "config.yml"
    path.write_text(GOOD.format(root=tmp_path / "storage", addr="127.0.0.1:0"))
    return path


class CommandTests:
    """The command itself."""

    def test_version(self) -> None:
        """``version`` and ``--version`` print it."""
        assert f"txregistry {__version__}" in run("version").stdout
        assert f"txregistry {__version__}" in run("--version").stdout

    def test_help(self) -> None:
        """``--help`` names every command."""
        text = run("--help").stdout
        assert all(command in text for command in ("serve", "check-config", "version"))

    def test_no_command(self) -> None:
        """Without a command it says how it is used, and fails."""
        done = run()
        assert done.returncode == 2
        assert "usage: txregistry" in done.stderr


class CheckConfigTests:
    """``check-config``."""

    def test_good(self, config: Path) -> None:
        """A good configuration is printed whole, defaults included, with status 0."""
        done = run("check-config", str(config))
        assert done.returncode == 0, done.stderr
        assert "draintimeout" in done.stdout

    def test_path_from_environment(self, config: Path) -> None:
        """The file may be named by the environment."""
        environment = {"REGISTRY_CONFIGURATION_PATH": str(config)}
        assert run("check-config", environment=environment).returncode == 0

    def test_no_path(self) -> None:
        """Without a file it says how to name one."""
        done = run("check-config")
        assert done.returncode == 2
        assert "REGISTRY_CONFIGURATION_PATH" in done.stderr

    def test_unknown_key_fails(self, config: Path) -> None:
        """An unknown key makes it fail, with its line and the nearest known name."""
        config.write_text(config.read_text() + "catalog: {maxentires: 5}\n")
        done = run("check-config", str(config))
        assert done.returncode == 1
        assert f"{config}:4" in done.stderr
        assert "maxentries" in done.stderr

    def test_unknown_driver_fails(self, config: Path) -> None:
        """A driver that nobody offers makes it fail, with the names of those that there are."""
        config.write_text("version: 0.1\nstorage: {filesytem: {}}\n")
        done = run("check-config", str(config))
        assert done.returncode == 1
        assert "filesystem" in done.stderr

    def test_warnings_do_not_fail(self, config: Path) -> None:
        """What only has no effect yet is told, and is no failure."""
        config.write_text(config.read_text() + "health: {storagedriver: {enabled: true}}\n")
        done = run("check-config", str(config))
        assert done.returncode == 0
        assert "health" in done.stderr

    def test_secrets_are_masked(self, config: Path) -> None:
        """A secret is nowhere in what it prints."""
        done = run("check-config", str(config), environment={"REGISTRY_HTTP_SECRET": "do-not-tell"})
        assert done.returncode == 0, done.stderr
        assert "do-not-tell" not in done.stdout + done.stderr


class ServeTests:
    """What keeps it from starting is told in one line, without a traceback."""

    def fails(self, config: Path) -> str:
        done = run("serve", str(config))
        assert done.returncode == 1
        assert "Traceback" not in done.stderr + done.stdout
        return done.stderr

    def test_port_taken(self, config: Path, tmp_path: Path) -> None:
        """A port that is taken is named."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            config.write_text(GOOD.format(root=tmp_path / "storage", addr=address))
            assert address in self.fails(config)

    def test_bad_key(self, config: Path) -> None:
        """A bad value is named with its key and line."""
        config.write_text(config.read_text() + "log: {level: loud}\n")
        told = self.fails(config)
        assert "log.level" in told
        assert f"{config}:4" in told

    def test_storage_that_is_no_directory(self, config: Path, tmp_path: Path) -> None:
        """A root directory that can't be one is named."""
        (tmp_path / "storage").write_text("a file")
        assert "storage.filesystem.rootdirectory" in self.fails(config)

    def test_missing_file(self, tmp_path: Path) -> None:
        """A file that isn't there is named."""
        assert "missing.yml" in self.fails(tmp_path / "missing.yml")
