"""
distribution itself, the registry whose storage tree ours takes over and gives back.
"""

from __future__ import annotations

import base64
import hmac
import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.daemon import Daemon

SECRET = "the same after each start"
STARTED = "2026-01-01T00:00:00Z"


class Distribution(Daemon):
    """
    A real ``registry`` of distribution, on a storage directory that others may use too.

    :param program: the binary.
    """

    def __init__(self, directory: Path, *, program: Path, root: Path) -> None:
        settings: dict[str, Any] = {
            "http": {"secret": SECRET},
            "compatibility": {"schema1": {"enabled": True}},
            "validation": {"disabled": True},
        }
        super().__init__(directory, root=root, configuration=settings)
        self.program = program

    def command(self) -> list[str]:
        """
        How it is started.
        """
        return [str(self.program), "serve", str(self.configuration_path)]

    def collect_garbage(self, *, untagged: bool) -> None:
        """
        Run its collector, which wants nobody to write meanwhile.

        :param untagged: whether manifests without a tag are garbage.
        """
        options = ["--delete-untagged"] if untagged else []
        command = [str(self.program), "garbage-collect", *options, str(self.configuration_path)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def upload_url(self, name: str, upload: str, offset: int) -> str:
        """
        The URL of an upload as this server would give it: a token in it says, signed, what it
        would have to look up otherwise.

        :param offset: how many bytes the upload has.
        """
        facts = {"Name": name, "UUID": upload, "Offset": offset, "StartedAt": STARTED}
        text = json.dumps(facts, separators=(",", ":")).encode()
        signature = hmac.digest(SECRET.encode(), text, "sha256")
        token = base64.urlsafe_b64encode(signature + text).decode()
        return f"/v2/{name}/blobs/uploads/{upload}?_state={quote(token)}"
