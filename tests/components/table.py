"""
The real programs that tests use: where they are, and how to get them.

The table itself is ``components.toml``.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parents[2]

TABLE = Path(__file__).with_name("components.toml")

#: Where ``make test`` puts what it builds itself.
OWN = ROOT / ".components" / "bin"

# What the distribution's packages installed comes before whatever else PATH has under the name.
SEARCHED = [str(OWN), "/usr/bin", "/usr/sbin", "/bin", "/sbin"]


@attrs.frozen(kw_only=True)
class Component:
    """
    A program that tests use.

    :param name: what tests and people call it.
    :param program: the file name of the program.
    :param purpose: what it is here for.
    :param apt: the Debian packages that have it, if any has.
    :param go: the Go package and version that it is built from, if it is.
    :param own: look for it only among what we built: its name says too little.
    :param needs: other components without which it is of no use.
    """

    name: str
    program: str
    purpose: str
    apt: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    go: str | None = None
    own: bool = False
    needs: tuple[str, ...] = attrs.field(default=(), converter=tuple)

    def path(self) -> Path | None:
        """
        Where the program is on this machine.
        """
        folders = str(OWN) if self.own else os.pathsep.join([*SEARCHED, os.environ.get("PATH", "")])
        found = shutil.which(self.program, path=folders)
        return None if found is None else Path(found)

    def is_current(self) -> bool:
        """
        Whether it is here as the table wants it: built from that version, if it is one to build.
        """
        if self.go is None:
            return self.path() is not None
        stamp = self._stamp()
        return (
            (OWN / self.program).exists()
            and stamp.exists()
            and stamp.read_text(encoding="utf-8") == self.go
        )

    def stamp(self) -> None:
        """
        Note which version was built.
        """
        self._stamp().write_text(self.go or "", encoding="utf-8")

    def _stamp(self) -> Path:
        return OWN.parent / f"{self.program}.version"

    def source(self) -> str:
        """
        How to get it, for whoever misses it.
        """
        return f"apt-get install {' '.join(self.apt)}" if self.apt else f"go install {self.go}"


def components() -> dict[str, Component]:
    """
    The whole table, by name.
    """
    entries = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {name: Component(name=name, **entry) for name, entry in entries.items()}


def missing() -> list[Component]:
    """
    What of the table isn't on this machine.
    """
    return [component for component in components().values() if component.path() is None]
