"""
How many files may be open.
"""

from __future__ import annotations

import resource
import subprocess
import sys


def test_raised_to_what_is_allowed() -> None:
    """A process that was started with few takes as many as it may."""
    program = (
        "import resource\n"
        "from txregistry.service.files import raise_open_files\n"
        "print(raise_open_files(), *resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))

    told = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        preexec_fn=few,
    )
    assert told.stdout.split() == ["300", "300", "300"]
