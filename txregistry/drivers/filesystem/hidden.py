"""
Names that nobody sees.

A file is written under a hidden name and gets its own when it is whole; a directory that is
deleted gets a hidden name before it is emptied.  So readers see all or nothing.  A process that
is killed in between leaves the hidden name behind; walks sweep up what is old.

No repository, tag or digest can be hidden by mistake: hidden directories begin with a dot, and
only files are hidden by their end alone, as distribution names its temporary files.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from contextlib import suppress
from itertools import zip_longest
from uuid import UUID

_HIDDEN = re.compile(r"(?P<file>.*)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp")
_PATH = re.compile(r"[A-Za-z0-9._-]+")
_PATHS = re.compile(r"[A-Za-z0-9._/-]*")

#: How many names are sorted at a time.
PIECE = 4096


def hidden_file(path: str) -> str:
    """:return: a name for a file beside the one that it is going to be."""
    return f"{path}.{_uuid()}.tmp"


def hidden_directory(path: str) -> str:
    """:return: a name for a directory that was at this path."""
    return f"{os.path.dirname(path)}/.{_uuid()}.tmp"


def _uuid() -> UUID:
    """:return: a random one, without asking the kernel: it need not be hard to guess."""
    return UUID(int=random.getrandbits(128), version=4)


def visible(directory: str) -> tuple[list[str], list[str]]:
    """
    List a directory.

    :return: the names that are to be seen, in order; and those that are hidden.  What others
        put there under names that are no paths of ours, as ``lost+found``, is in neither.
    """
    names = in_order(os.listdir(directory))
    text = "/".join(names)
    if _PATHS.fullmatch(text) and ".tmp" not in text:
        return names, []  # mostly; and it takes a tenth of the time
    seen: list[str] = []
    hidden: list[str] = []
    for name in names:
        if _PATH.fullmatch(name):
            (hidden if _is_hidden(directory, name) else seen).append(name)
    return seen, hidden


def in_order(names: list[str], piece: int = PIECE) -> list[str]:
    """
    Sort in small steps: while a hundred thousand names are sorted in one, no other thread runs.

    :param piece: how many names are sorted in the first steps.
    """
    runs = [sorted(names[begin : begin + piece]) for begin in range(0, len(names), piece)]
    while len(runs) > 1:
        # Two that are in order already are put together in a tenth of the time.
        pairs = zip_longest(runs[::2], runs[1::2], fillvalue=())
        runs = [sorted([*one, *other]) for one, other in pairs]
    return runs[0] if runs else []


def _is_hidden(directory: str, name: str) -> bool:
    match = _HIDDEN.fullmatch(name) if name.endswith(".tmp") else None
    if match is None:
        return False
    return not match["file"] or not os.path.isdir(f"{directory}/{name}")


def sweep(path: str, age: float) -> None:
    """
    Remove what was left behind under a hidden name, if it is old enough that nobody works on it.
    What can't be removed stays.

    :param age: in seconds.
    """
    with suppress(OSError):
        if time.time() - os.lstat(path).st_ctime >= age:
            remove(path)


def remove(path: str) -> None:
    """Remove a file, or a tree as far as possible."""
    try:
        _remove_flat(path)
    except NotADirectoryError:
        os.unlink(path)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)


def _remove_flat(directory: str) -> None:
    """Remove a directory that holds no other, as most do that are removed here."""
    for name in os.listdir(directory):
        os.unlink(f"{directory}/{name}")
    os.rmdir(directory)
