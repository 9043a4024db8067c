"""
The directory of one run: what its processes share.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping

from txregistry.service.context import EPOCHS, WorkerContext
from txregistry.web.shares import Shares


class RunDirectory:
    """
    Makes it, in memory where that can be had, for nobody else to look into.

    :param environ: may tell where such directories are made.
    :param count: of workers.
    :param shared: whether all of them accept from one socket.
    :ivar path: where it is.
    :ivar shares_path: of :class:`~txregistry.web.shares.Shares`, or ``""``.
    """

    def __init__(self, environ: Mapping[str, str], count: int, shared: bool) -> None:
        self.path = tempfile.mkdtemp(prefix="txregistry-", dir=_place(environ))
        self._count = count
        self._epochs_path = f"{self.path}/epochs"
        self.shares_path = f"{self.path}/shares" if shared else ""
        with open(self._epochs_path, "xb") as epochs:
            epochs.truncate(8 * EPOCHS)
        if shared:
            Shares.make(self.shares_path, count)

    def context(self, index: int) -> WorkerContext:
        """:return: what a process is told of it."""
        return WorkerContext(
            index=index,
            count=self._count,
            run_directory=self.path,
            epochs_path=self._epochs_path,
            shares_path=self.shares_path,
        )


def remove(path: str) -> None:
    """Remove one, unless somebody else has."""
    shutil.rmtree(path, ignore_errors=True)


def _place(environ: Mapping[str, str]) -> str | None:
    """
    :return: where to make it: ``RUNTIME_DIRECTORY`` is systemd's for the service,
        ``XDG_RUNTIME_DIR`` the user's.  ``None`` is where temporary files are.
    """
    for place in (environ.get("RUNTIME_DIRECTORY"), environ.get("XDG_RUNTIME_DIR"), "/dev/shm"):  # noqa: S108 - mkdtemp is safe there
        if place and os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):
            return place
    return None
