"""
Making the driver from its parameters.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from twisted.plugin import IPlugin
from zope.interface import implementer

from txregistry.drivers.filesystem import whole
from txregistry.drivers.filesystem.driver import ROOT_KEY, FilesystemDriver
from txregistry.drivers.filesystem.durability import Names
from txregistry.drivers.filesystem.threads import DriverThreads
from txregistry.errors import ConfigurationError, Problem
from txregistry.interfaces import IStorageDriverFactory

_ROOT = "/var/lib/registry"
_THREADS = 100
_FEWEST_THREADS = 25

MOUNTS = "/proc/self/mountinfo"

#: File systems whose answers never wait for another machine.
_LOCAL = {
    *("bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "reiserfs", "xfs", "zfs"),
    *("overlay", "ramfs", "tmpfs"),
}


@implementer(IPlugin, IStorageDriverFactory)
class FilesystemFactory:
    """
    Makes the ``filesystem`` driver of ``rootdirectory`` and ``maxthreads``.
    """

    name = "filesystem"

    def create(self, reactor: Any, parameters: Mapping[str, Any]) -> FilesystemDriver:
        threads = thread_count(parameters.get("maxthreads", _THREADS))
        root = _root_directory(parameters.get("rootdirectory") or _ROOT)
        kind = file_system(root)
        return FilesystemDriver(
            root,
            DriverThreads(reactor, threads, self.name),
            quick=kind in _LOCAL,
            whole=kind in whole.KINDS and whole.is_possible(),
        )


def thread_count(value: object) -> int:
    """
    :raises ConfigurationError: if it is no whole number.
    """
    try:
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            return max(int(value), _FEWEST_THREADS)
    except ValueError:
        pass
    raise _problem("storage.filesystem.maxthreads", f"{value!r} is no whole number")


def _root_directory(value: object) -> str:
    if not isinstance(value, str):
        raise _problem(ROOT_KEY, f"{value!r} is no path")
    root = os.path.abspath(value)
    try:
        _make(root)
        os.listdir(root)
    except OSError as error:
        raise _problem(ROOT_KEY, f"can't use {root}: {error.strerror}") from error
    return root


def _problem(key: str, text: str) -> ConfigurationError:
    return ConfigurationError([Problem(key=key, text=text)])


def _make(root: str) -> None:
    """Make the directory if need be, and let no power cut take it away again."""
    above = root
    while not os.path.exists(above):
        above = os.path.dirname(above)
    names = Names(above)
    names.make_directory(root)
    names.settle(root)


def is_local(directory: str, mounts: str = MOUNTS) -> bool:
    """
    :param mounts: the kernel's table of what is mounted where, as proc_pid_mountinfo(5) has it.
    :return: whether a directory is known to be on a file system of this machine.
    """
    return file_system(directory, mounts) in _LOCAL


def file_system(directory: str, mounts: str = MOUNTS) -> str:
    """
    :return: of which kind the file system is that has a directory; empty if nobody knows.
    """
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as table:
            lines = table.readlines()
    except OSError:
        return ""
    place = os.path.realpath(directory).rstrip("/") + "/"
    best, kind = "", ""
    for line in lines:
        mounted, _, source = line.partition(" - ")
        point = _unescaped(mounted.split(" ")[4]).rstrip("/") + "/"
        # What is mounted later at the same point hides what was mounted before.
        if place.startswith(point) and len(point) >= len(best):
            best, kind = point, source.split(" ")[0]
    return kind


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


#: What the table of drivers names.
factory = FilesystemFactory()
