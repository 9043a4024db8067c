"""
The disk fails: calls of the daemon are made to fail, one kind after the other.

Nothing is acknowledged that isn't so, nothing wrong is served, and when the calls succeed
again so do the requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon
from tests.proofs.client import Answer, Client, ConnectionBroken, Remote, image
from tests.proofs.content import KIB, MIB, Content
from tests.proofs.ledger import Kind, Ledger, Recorder, Thing, blob, inspect, tag
from tests.proofs.tracing import injecting, strace

Scale = Callable[[int, int], int]
Figure = Callable[[str, object], None]

CONFIG = Content(9, 300)
LAYER = Content(90, 200 * KIB)

#: What fails, and how.
FAILURES = [
    # When everything could not be synced by one call, each thing is synced by itself from then on.
    ("fsync,fdatasync,syncfs", "EIO"),
    ("rename,renameat,renameat2,link,linkat", "EIO"),
    ("rename,renameat,renameat2,link,linkat", "ENOSPC"),
    ("mkdir,mkdirat", "ENOSPC"),
    ("unlink,unlinkat,rmdir", "EIO"),
    ("openat", "EIO"),
    ("openat", "EMFILE"),
]


class Failed(Exception):
    """
    A request was answered with a 5xx, as is right.
    """


def failing_well(answer: Answer) -> Answer:
    """
    Let successes pass.

    :raises Failed: the registry says that it failed.
    """
    if answer.status >= 500:
        (error,) = answer.json()["errors"]
        assert error["code"] in ("UNKNOWN", "UNAVAILABLE")
        assert "storage" in error["message"], error
        raise Failed
    return answer


class FaultyClient(Client):
    """
    A client that takes a 5xx for an outcome, not for a mistake.
    """

    def request(self, *args: object, **options: object) -> Answer:
        return failing_well(super().request(*args, **options))  # type: ignore[arg-type]


@pytest.fixture
def faulty_daemon(component: Callable[..., Path], watched_daemon: Daemon) -> Daemon:
    """
    A daemon whose calls can be made to fail; its log may say so.
    """
    component("strace")
    watched_daemon.tolerant = True
    return watched_daemon


class BrokenDiskTests:
    """
    Calls that fail.
    """

    @pytest.fixture
    def recorder(self, faulty_daemon: Daemon) -> Iterator[Recorder]:
        """
        A repository that has an image already.
        """
        with FaultyClient(faulty_daemon.host) as client:
            recorder = Recorder(Remote(client, "broken/disk"), Ledger())
            recorder.push(CONFIG.digest, lambda: recorder.remote.push(CONFIG))
            recorder.push(LAYER.digest, lambda: recorder.remote.push(LAYER))
            recorder.put_manifest(image(CONFIG, [LAYER]), "latest")
            yield recorder

    @pytest.mark.parametrize(("call", "error"), FAILURES)
    def test_changes(
        self,
        recorder: Recorder,
        faulty_daemon: Daemon,
        tmp_path: Path,
        scale: Scale,
        figure: Figure,
        call: str,
        error: str,
    ) -> None:
        """
        A call fails for the n-th time that a thread makes it, and for good: each request either
        is done or says that it isn't.
        """
        failed = 0
        for number in range(1, scale(3, 25) + 1):
            for when in (f"{number}", f"{number}+"):
                options = injecting(call, error, when)
                with strace(faulty_daemon.pid, tmp_path / "calls", *options):
                    failed += self.do_everything(recorder, number)
                self.settle(recorder)
        assert self.do_everything(recorder, 0) == 0
        self.settle(recorder)
        assert failed > 0
        figure(f"requests that failed with {error} of {call}", failed)

    def do_everything(self, recorder: Recorder, number: int) -> int:
        """
        Push, tag and delete.

        :return: how much failed.
        """
        remote = recorder.remote
        content = Content(900 + number, 100 * KIB)
        one, two = image(CONFIG, [LAYER], note=f"{number}"), image(CONFIG, [], note=f"{number}")
        deeds: list[Callable[[], object]] = [
            lambda: recorder.push(content.digest, lambda: remote.push(content)),
            lambda: recorder.push(content.digest, lambda: remote.push_chunked(content)),
            lambda: recorder.put_manifest(one, "latest"),
            lambda: recorder.put_manifest(two, "latest"),
            lambda: recorder.put_manifest(one, f"n{number}"),
            lambda: self.delete(recorder, tag(remote.name, f"n{number}")),
            lambda: self.delete(recorder, blob(remote.name, content.digest)),
        ]
        failed = 0
        for deed in deeds:
            try:
                deed()
            except Failed:
                failed += 1
        return failed

    def delete(self, recorder: Recorder, thing: Thing) -> None:
        """
        Delete a tag or a blob, if it surely is there.
        """
        if None in recorder.ledger.may(thing):
            return
        delete = recorder.delete_tag if thing.kind is Kind.TAG else recorder.delete_blob
        delete(thing.name)

    def settle(self, recorder: Recorder) -> None:
        """
        See that everything is as it was acknowledged, and after a failure the old or the new.
        """
        inspection = inspect(recorder.remote.client, recorder.ledger.page())
        assert inspection.violations == []
        recorder.ledger.settle(inspection.observed)

    @pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
    def test_writes(
        self, recorder: Recorder, faulty_daemon: Daemon, tmp_path: Path, error: str
    ) -> None:
        """
        Writes to an upload fail: that is said, and the upload goes on afterwards.
        """
        remote, content = recorder.remote, Content(91, 3 * MIB)
        location = remote.append(remote.start(), content, 0, MIB).expect(202).location
        (data,) = faulty_daemon.root.glob("**/_uploads/*/data")
        options = [*injecting("write,pwrite64,writev,pwritev", error, "1+"), "-P", str(data)]
        with (
            strace(faulty_daemon.pid, tmp_path / "calls", *options),
            pytest.raises(Failed),
        ):
            remote.append(location, content, MIB, 2 * MIB)
        status = remote.client.request("GET", location).expect(204)
        assert status.offset == MIB
        remote.commit(status.location, content, MIB).expect(201)
        assert remote.pull(content.digest) == (200, content.digest)

    def test_reads(self, recorder: Recorder, faulty_daemon: Daemon, tmp_path: Path) -> None:
        """
        Reads of a blob fail: what was begun breaks off, and nothing is made up.
        """
        remote = recorder.remote
        content = Content(92, 3 * MIB)
        recorder.push(content.digest, lambda: remote.push(content))
        (data,) = faulty_daemon.root.glob(f"**/{content.digest.partition(':')[2]}/data")
        reading = "read,pread64,preadv,preadv2,readv,sendfile"
        options = [*injecting(reading, "EIO", "1+"), "-P", str(data)]
        with (
            strace(faulty_daemon.pid, tmp_path / "calls", *options),
            pytest.raises((Failed, ConnectionBroken)),
        ):
            remote.pull(content.digest)
        assert remote.pull(content.digest) == (200, content.digest)
