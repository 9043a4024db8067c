"""
Many clients push at once: each gets a right answer, and no byte of one gets into another's blob.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

from tests.daemon import Daemon
from tests.proofs.client import Answer, Client, Remote, with_digest
from tests.proofs.content import MIB, Content
from tests.proofs.crowd import crowd
from tests.proofs.tree import blob_files, temporaries, uploads

Scale = Callable[[int, int], int]
Figure = Callable[[str, object], None]

PUSHERS = 16
WRITERS = 8
MEGABYTE = 1_000_000


def push_and_pull(content: Content, name: str, client: Client) -> tuple[int, str]:
    """
    Push a blob, see that the answer names it, and get it.
    """
    remote = Remote(client, name)
    answer = remote.push(content).expect(201)
    assert answer.headers["docker-content-digest"] == content.digest
    assert answer.location == f"/v2/{name}/blobs/{content.digest}"
    return remote.pull(content.digest)


class CrowdTests:
    """
    Pushes that meet.
    """

    def test_same_blob(self, crowded_daemon: Daemon, scale: Scale, figure: Figure) -> None:
        """
        Sixteen clients push one blob at once to four repositories: all succeed, one copy is kept.
        """
        daemon = crowded_daemon
        content = Content(5, scale(8, 100) * MEGABYTE)
        tasks = [partial(push_and_pull, content, f"crowd/same{i % 4}") for i in range(PUSHERS)]
        assert crowd(daemon.host, tasks) == [(200, content.digest)] * PUSHERS
        daemon.stop()
        assert blob_files(daemon.root) == {content.digest: content.size}
        assert uploads(daemon.root) == temporaries(daemon.root) == []
        figure(f"pushes of one {content.size}-byte blob at once", PUSHERS)

    def test_different_blobs(self, crowded_daemon: Daemon, scale: Scale, figure: Figure) -> None:
        """
        Sixteen clients push different blobs at once: each is stored as it was sent.
        """
        daemon = crowded_daemon
        size = scale(8, 100) * MEGABYTE
        contents = [Content(500 + i, size + i) for i in range(PUSHERS)]
        tasks = [partial(push_and_pull, content, "crowd/different") for content in contents]
        assert crowd(daemon.host, tasks) == [(200, content.digest) for content in contents]
        daemon.stop()
        assert blob_files(daemon.root) == {c.digest: c.size for c in contents}
        assert uploads(daemon.root) == temporaries(daemon.root) == []
        figure(f"pushes of different {size}-byte blobs at once", PUSHERS)

    def test_one_upload(self, crowded_daemon: Daemon, scale: Scale, figure: Figure) -> None:
        """
        Eight clients write to one upload at once: each piece is one client's, whole.
        """
        daemon = crowded_daemon
        piece, rounds = scale(1, 12) * MIB + 5, 8
        contents = [Content(50 + i, piece * rounds) for i in range(WRITERS)]
        running = hashlib.sha256()
        with Client(daemon.host) as client:
            remote = Remote(client, "crowd/one")
            location = remote.start()
            for start in range(0, piece * rounds, piece):
                winner = self.compete(daemon, client, location, contents, start, start + piece)
                for part in winner.pieces(start, start + piece):
                    running.update(part)
            digest = "sha256:" + running.hexdigest()
            location = client.request("GET", location).expect(204).location
            client.request("PUT", with_digest(location, digest)).expect(201)
            assert remote.pull(digest) == (200, digest)
        daemon.stop()
        assert blob_files(daemon.root) == {digest: piece * rounds}
        assert uploads(daemon.root) == temporaries(daemon.root) == []
        figure(f"pieces of {piece} bytes that {WRITERS} clients wrote to one upload", rounds)

    def compete(
        self,
        daemon: Daemon,
        client: Client,
        location: str,
        contents: list[Content],
        start: int,
        end: int,
    ) -> Content:
        """
        Let all clients send the same piece of an upload, each with its own bytes.

        :return: whose bytes were taken.
        """
        location = client.request("GET", location).expect(204).location

        def write(content: Content, client: Client) -> Answer:
            return Remote(client, "crowd/one").append(location, content, start, end)

        answers = crowd(daemon.host, [partial(write, content) for content in contents])
        statuses = [answer.status for answer in answers]
        assert statuses.count(202) == 1, statuses
        assert {*statuses} <= {202, 409, 416}
        for answer in answers:
            if answer.status != 202:
                assert answer.codes, answer
        assert client.request("GET", location).expect(204).offset == end
        return contents[statuses.index(202)]

    def test_competing_commits(self, crowded_daemon: Daemon) -> None:
        """
        Eight clients commit one upload at once, each with the bytes of its own: at most one
        blob comes of it, and it is whole.
        """
        daemon = crowded_daemon
        contents = [Content(70 + i, MIB) for i in range(WRITERS)]
        with Client(daemon.host) as client:
            location = Remote(client, "crowd/commits").start()

        def commit(content: Content, client: Client) -> tuple[int, int]:
            remote = Remote(client, "crowd/commits")
            status = remote.commit(location, content, 0).status
            return status, remote.pull(content.digest)[0]

        outcomes = crowd(daemon.host, [partial(commit, content) for content in contents])
        statuses = [status for status, _ in outcomes]
        assert statuses.count(201) == 1, statuses
        assert {*statuses} <= {201, 404, 409, 416}, statuses
        assert all((pulled == 200) == (status == 201) for status, pulled in outcomes), outcomes
        daemon.stop()
        assert [*blob_files(daemon.root).values()] == [MIB]
        assert uploads(daemon.root) == temporaries(daemon.root) == []
