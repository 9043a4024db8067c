"""
A blob of any size takes the same memory: however it is pushed, and however many pull it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.daemon import Daemon
from tests.proofs.client import Answer, Client, Remote
from tests.proofs.content import GIB, MIB, Content, mebibytes
from tests.proofs.crowd import crowd
from tests.proofs.tree import blob_files, temporaries, uploads

Scale = Callable[[int, int], int]
Figure = Callable[[str, object], None]

LIMIT = 120 * MIB
PULLERS = 8


class LargeBlobTests:
    """
    Memory that doesn't depend on the size of a blob.
    """

    @pytest.mark.parametrize("way", ["one PUT", "one chunked PATCH", "pieces"])
    def test_bounded_memory(
        self, watched_daemon: Daemon, scale: Scale, figure: Figure, way: str
    ) -> None:
        """
        A large blob is pushed, and pulled by eight clients at once, in less than 120 MiB.
        """
        daemon = watched_daemon
        content = Content(4, scale(256 * MIB, 4 * GIB))
        with Client(daemon.host) as client:
            self.push(Remote(client, "large/blob"), content, way, scale(16 * MIB, 64 * MIB))
        pushed = daemon.peak_memory()
        figure(f"peak memory, push of {mebibytes(content.size)} in {way}", mebibytes(pushed))

        tasks = [lambda client: Remote(client, "large/blob").pull(content.digest)] * PULLERS
        assert crowd(daemon.host, tasks) == [(200, content.digest)] * PULLERS
        pulled = daemon.peak_memory()
        figure(f"peak memory, with {PULLERS} pulls at once", mebibytes(pulled))
        assert pulled < LIMIT
        daemon.stop()
        assert blob_files(daemon.root) == {content.digest: content.size}
        assert uploads(daemon.root) == temporaries(daemon.root) == []

    def push(self, remote: Remote, content: Content, way: str, piece: int) -> None:
        """
        Push a blob in one of the three ways.
        """
        ways: dict[str, Callable[[], Answer]] = {
            "one PUT": lambda: remote.push(content),
            "one chunked PATCH": lambda: remote.push_chunked(content),
            "pieces": lambda: remote.push_in_pieces(content, piece),
        }
        answer = ways[way]().expect(201)
        assert answer.headers["docker-content-digest"] == content.digest
