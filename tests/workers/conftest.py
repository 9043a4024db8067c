"""
Real daemons with several workers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeDaemon
from tests.daemon import Daemon, merged
from tests.workers.kit import eventually


@pytest.fixture
def make_several(make_daemon: MakeDaemon, tmp_path: Path) -> MakeDaemon:
    """
    Makes daemons with two workers, or as many as ``configuration`` says.
    """

    def make(*, start: bool = True, **options: Any) -> Daemon:
        options["configuration"] = merged({"workers": 2}, options.get("configuration", {}))
        daemon = make_daemon(start=False, **options)
        daemon.environment["XDG_RUNTIME_DIR"] = str(daemon.directory)
        daemon.directory.mkdir(exist_ok=True)
        if start:
            daemon.start()  # returns when the first worker answers
            eventually(lambda: "listening on" in daemon.log())
        return daemon

    return make


@pytest.fixture
def several(make_several: MakeDaemon) -> Daemon:
    """
    A daemon with two workers.
    """
    return make_several()
