"""
The disk is full: clients are told so, what was stored stays, and with the space everything
comes back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from tests.daemon import Daemon
from tests.proofs.client import Answer, Client, Remote, image
from tests.proofs.content import KIB, MIB, Content
from tests.proofs.ledger import Ledger, Recorder, inspect

Figure = Callable[[str, object], None]

CONFIG = Content(8, 300)
LAYER = Content(80, MIB)
SMALL = Content(82, 500)
ROOM = 16 * MIB
NAMES = 400


@attrs.frozen
class SmallDisk:
    """
    A file system of its own.
    """

    path: Path

    def fill(self) -> None:
        """
        Leave no byte free.
        """
        with (self.path / "filling").open("wb", buffering=0) as filling:
            for size in (MIB, 4 * KIB, 1):
                try:
                    while filling.write(bytes(size)):
                        pass
                except OSError:
                    pass

    def use_up_names(self) -> None:
        """
        Leave room for no file more.
        """
        try:
            for number in range(NAMES):
                (self.path / f"name{number}").touch()
        except OSError:
            pass

    def clear(self) -> None:
        """
        Give back what was taken.
        """
        for path in [*self.path.glob("name*"), *self.path.glob("filling")]:
            path.unlink()


@pytest.fixture
def small_disk(mount_memory: Callable[[str], Path]) -> SmallDisk:
    """
    A file system of 16 MiB and 400 files in memory.
    """
    return SmallDisk(mount_memory(f"size={ROOM},nr_inodes={NAMES}"))


@pytest.fixture
def full_daemon(small_disk: SmallDisk, make_daemon: Callable[..., Daemon]) -> Daemon:
    """
    A daemon that stores on the small disk, and may log why it can't.
    """
    daemon = make_daemon(root=small_disk.path / "storage")
    daemon.tolerant = True
    return daemon


def refused(answer: Answer) -> bool:
    """
    Whether an answer says that there is no space; if it is neither that nor a success, fail.
    """
    if answer.status < 300:
        return False
    answer.expect(507, 503)
    (error,) = answer.json()["errors"]
    assert error["code"] == "UNAVAILABLE"
    assert "full" in error["message"]
    return True


class FullDiskTests:
    """
    No space left.
    """

    @pytest.fixture
    def recorder(self, full_daemon: Daemon) -> Iterator[Recorder]:
        """
        A repository that has an image already.
        """
        with Client(full_daemon.host) as client:
            recorder = Recorder(Remote(client, "full/disk"), Ledger())
            recorder.push(CONFIG.digest, lambda: recorder.remote.push(CONFIG))
            recorder.push(LAYER.digest, lambda: recorder.remote.push(LAYER))
            recorder.put_manifest(image(CONFIG, [LAYER]), "latest")
            yield recorder

    def check(self, recorder: Recorder) -> None:
        """
        See that everything is as it was acknowledged.
        """
        inspection = inspect(recorder.remote.client, recorder.ledger.page())
        assert inspection.violations == []
        recorder.ledger.settle(inspection.observed)

    def push_until_full(
        self, recorder: Recorder, push: Callable[[Remote, Content], Answer], seed: int
    ) -> list[Content]:
        """
        Push different blobs until there is no space.

        :return: those that were stored.
        """
        stored: list[Content] = []
        for number in range(2 * ROOM // MIB):
            content = Content(seed + number, MIB + number)
            answer = push(recorder.remote, content)
            if refused(answer):
                assert recorder.remote.pull(content.digest)[0] == 404
                return stored
            recorder.push(content.digest, lambda answer=answer: answer)  # type: ignore[misc]
            stored.append(content)
        raise AssertionError("it takes more than the disk has")

    @pytest.mark.parametrize("way", ["PUT", "chunked"])
    def test_blobs(self, recorder: Recorder, figure: Figure, way: str) -> None:
        """
        Blobs are pushed until the disk is full: one is refused, none is harmed, and after
        deletes of uploads there is space again.
        """

        def push(remote: Remote, content: Content) -> Answer:
            location = remote.start()
            if way == "PUT":
                answer = remote.commit(location, content, 0)
            else:
                answer = remote.append(location, content, 0, content.size, chunked=True)
                if answer.status == 202:
                    answer = remote.commit(answer.location, content, content.size)
            if answer.status != 201:
                self.give_up(remote, location)
            return answer

        stored = self.push_until_full(recorder, push, 800)
        figure(f"blobs of {MIB} bytes on a disk of {ROOM}, by {way}", len(stored))
        self.check(recorder)
        small = Content(899, 64 * KIB)
        recorder.push(small.digest, lambda: recorder.remote.push(small))
        self.check(recorder)

    def give_up(self, remote: Remote, location: str) -> None:
        """
        Cancel an upload; the registry may have done it itself.
        """
        remote.client.request("DELETE", location).expect(204, 404)

    def test_larger_than_the_disk(self, recorder: Recorder) -> None:
        """
        A blob that is larger than the whole disk is refused, not cut.
        """
        content = Content(81, 3 * ROOM)
        assert refused(recorder.remote.push(content))
        assert recorder.remote.pull(content.digest)[0] == 404
        self.check(recorder)

    def test_continued(self, recorder: Recorder, small_disk: SmallDisk) -> None:
        """
        An upload that ran out of space is continued when there is space again.
        """
        remote, content = recorder.remote, Content(82, 3 * MIB)
        location = remote.append(remote.start(), content, 0, MIB).expect(202).location
        small_disk.fill()
        assert refused(remote.append(location, content, MIB, 2 * MIB))
        status = remote.client.request("GET", location).expect(204)
        assert MIB <= status.offset < 2 * MIB
        assert refused(remote.append(status.location, content, status.offset, 3 * MIB))
        small_disk.clear()
        status = remote.client.request("GET", location).expect(204)
        answer = remote.append(status.location, content, status.offset, 3 * MIB).expect(202)
        remote.commit(answer.location, content, content.size).expect(201)
        assert remote.pull(content.digest) == (200, content.digest)
        self.check(recorder)

    @pytest.mark.parametrize("what", ["bytes", "names"])
    def test_small_things(self, recorder: Recorder, small_disk: SmallDisk, what: str) -> None:
        """
        With no byte free, or no file, blobs, manifests and tags are refused; what is there is
        served, and can be deleted; with the space all can be pushed.
        """
        remote = recorder.remote
        other = image(CONFIG, [], note="other")
        small_disk.fill() if what == "bytes" else small_disk.use_up_names()
        assert refused(remote.push(SMALL))
        assert refused(remote.append(remote.start(), SMALL, 0, SMALL.size, chunked=True))
        assert refused(remote.put_manifest("latest", other))
        assert refused(remote.put_manifest("new", image(CONFIG, [LAYER])))
        self.check(recorder)
        recorder.delete_tag("latest")
        recorder.delete_blob(LAYER.digest)
        self.check(recorder)
        small_disk.clear()
        recorder.push(LAYER.digest, lambda: remote.push(LAYER))
        recorder.push(SMALL.digest, lambda: remote.push(SMALL))
        recorder.put_manifest(other, "latest")
        recorder.put_manifest(image(CONFIG, [LAYER]), "new")
        self.check(recorder)

    def test_restart(self, recorder: Recorder, small_disk: SmallDisk, full_daemon: Daemon) -> None:
        """
        On a full disk the daemon starts and serves.
        """
        small_disk.fill()
        full_daemon.restart()
        recorder.remote.client.close()
        self.check(recorder)
        assert os.statvfs(small_disk.path).f_bavail == 0
