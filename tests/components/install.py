"""
Gets the real programs that are missing: ``python -m tests.components.install``.

Debian's packages are installed where it runs as root on a Debian; what is written in Go is built
into ``.components/bin`` where there is a Go that is new enough.  What can't be had stays missing:
that is said, and is no error.  Nothing is done, quickly, when all is there.

``python -m tests.components.install NAMES`` gets only those that are named.

``python -m tests.components.install --required`` gets nothing, and prints the names of those that
can be had on this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.components.table import OWN, Component, components

#: The oldest Go that builds everything here.
GO_VERSION = (1, 25)

#: Seconds that one build may take.
BUILD_SECONDS = 1500

#: The file by which Debian's maintainer scripts ask whether they may start a service.
POLICY = Path("/usr/sbin/policy-rc.d")

APT = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]


def say(text: str) -> None:
    """
    Tell whoever waits for this what is being done.
    """
    sys.stdout.write(f"components: {text}\n")
    sys.stdout.flush()


def run(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    directory: str | None = None,
) -> bool:
    """
    Run a program to its end, quietly unless it fails.

    :param environment: what to add to this process's environment.
    :param directory: where to run it, if not here.
    :return: whether it succeeded.
    """
    try:
        ended = subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        say(f"{' '.join(command)}: not done within {BUILD_SECONDS} s")
        return False
    if ended.returncode:
        say(f"{' '.join(command)}: exit status {ended.returncode}")
        say(ended.stdout.decode(errors="replace")[-2000:])
    return ended.returncode == 0


# Debian's packages


def has_apt() -> bool:
    """
    Whether this process may install Debian's packages.
    """
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


@contextmanager
def no_services() -> Iterator[None]:
    """
    Keep Debian's packages from starting the daemons they bring: tests start their own.
    """
    if POLICY.exists():
        yield  # whoever put it there has decided
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def install_packages(wanted: Iterable[Component]) -> None:
    """
    Install the Debian packages of some components, or those of them that there are.
    """
    packages = sorted({package for component in wanted for package in component.apt})
    if not packages:
        return
    if not has_apt():
        say(f"not root on a Debian, so without {', '.join(packages)}")
        return
    say(f"apt-get install {' '.join(packages)}")
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    install = [*APT, "install", "-y", "--no-install-recommends"]
    run([*APT, "update"], environment)
    with no_services():
        if not run([*install, *packages], environment):
            for package in packages:
                run([*install, package], environment)


# Go's


def go() -> str | None:
    """
    Where a Go is that is new enough.
    """
    for name in ("go", "/usr/local/go/bin/go"):
        path = shutil.which(name)
        if path is None:
            continue
        told = subprocess.run([path, "version"], capture_output=True, text=True, check=False)
        found = re.search(r"go(\d+)\.(\d+)", told.stdout)
        if found is not None and (int(found[1]), int(found[2])) >= GO_VERSION:
            return path
    return None


def build(wanted: Iterable[Component]) -> None:
    """
    Build some components, one after the other: each build uses all cores.
    """
    programs = list(wanted)
    if not programs:
        return
    path = go()
    if path is None:
        names = [component.name for component in programs if component.path() is None]
        if names:
            say(f"no Go {'.'.join(map(str, GO_VERSION))} or newer, so without {', '.join(names)}")
        return
    OWN.mkdir(parents=True, exist_ok=True)
    for component in programs:
        say(f"go install {component.go}")
        if build_one(path, component):
            component.stamp()


def build_one(path: str, component: Component) -> bool:
    """
    Build one program into our folder.

    ``go install package@version`` refuses a module whose ``go.mod`` excludes or replaces others,
    so the version is required by a module of our own, made for the moment.

    :param path: of ``go``.
    :return: whether it succeeded.
    """
    assert component.go is not None
    package = component.go.partition("@")[0]
    environment = {"CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=mod -buildvcs=false"}
    output = str(OWN / component.program)
    commands = [
        [path, "mod", "init", "components"],
        [path, "get", component.go],
        [path, "build", "-trimpath", "-ldflags=-s -w", "-o", output, package],
    ]
    with tempfile.TemporaryDirectory() as module:
        return all(run(command, environment, module) for command in commands)


# The command


def obtainable() -> list[Component]:
    """
    The components that can be had on this machine.
    """
    apt, built = has_apt(), go() is not None
    return [c for c in components().values() if (apt and c.apt) or (built and c.go)]


def main(arguments: Sequence[str]) -> int:
    """
    Run the command.

    :return: the exit status.
    """
    if "--required" in arguments:
        sys.stdout.write(",".join(component.name for component in obtainable()) + "\n")
        return 0
    named = [components()[name] for name in arguments] or components().values()
    wanted = [component for component in named if not component.is_current()]
    install_packages(component for component in wanted if component.apt)
    build(component for component in wanted if component.go)
    here = [component.name for component in components().values() if component.path()]
    say(f"here: {', '.join(here)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
