"""
What a daemon without Redis need not have in its memory.
"""

from __future__ import annotations

import subprocess
import sys


class ImportTests:
    """
    Imports.
    """

    def test_no_redis(self) -> None:
        """
        The client of Redis is imported only where Redis is configured.
        """
        code = (
            "import sys, txregistry.service.daemon;"
            "print([name for name in sys.modules if 'redis' in name])"
        )
        command = [sys.executable, "-c", code]
        said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        assert said.strip() == "[]"
