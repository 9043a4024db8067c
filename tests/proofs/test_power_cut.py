"""
The power is cut: in whatever state the disk may then be, the daemon starts, everything that
was acknowledged is whole, everything deleted is gone, and nothing wrong is ever served.

The system calls of a daemon are recorded once, while a client pushes, tags and deletes.  The
model of :mod:`tests.proofs.disk` says which states they allow at each moment; each is laid
into a directory and a daemon is asked for everything.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.daemon import Daemon
from tests.proofs.client import MANIFEST, Client, Remote, image
from tests.proofs.content import KIB, MIB, Content, sha256
from tests.proofs.disk import (
    Directory,
    Disk,
    File,
    Operation,
    Survivors,
    Tree,
    Write,
    closed,
    outcomes,
    tree_of,
)
from tests.proofs.ledger import (
    Expectation,
    Ledger,
    Recorder,
    blob,
    inspect,
    referrer,
)
from tests.proofs.tracing import RECORDING, WITHOUT_SYNCFS, Call, calls, strace

Scale = Callable[[Any, Any], Any]
Figure = Callable[[str, object], None]

REPOSITORY = "power/cut"
CONFIG = Content(7, 300)
LAYERS = [Content(700 + i, size) for i, size in enumerate((30 * KIB, 90 * KIB, 40_001))]
#: So large that the hash of what it has so far is kept beside it.
UNFINISHED = Content(710, 6 * MIB)
SENT = UNFINISHED.size - MIB
BOOT = Path("/proc/sys/kernel/random/boot_id")


@attrs.define
class Recording:
    """
    A daemon's system calls, and what it had promised meanwhile.

    :param trace: the calls.
    :param pages: what held while each request was under way.
    :param payloads: the manifests that were pushed, by their digests.
    :param upload: the URL of the upload that was left unfinished.
    :param root: the directory that the calls were about.
    :param before: what lay there before.
    """

    trace: list[Call]
    pages: list[Expectation]
    payloads: dict[str, bytes]
    upload: str
    root: Path
    before: Tree

    def disk(self, leave_out: Callable[[Call], bool] | None = None) -> Disk:
        """
        The model of the disk.

        :param leave_out: the calls that the daemon is to have forgotten.
        """
        disk = Disk(self.root, self.before)
        for call in self.trace:
            if leave_out is None or not leave_out(call):
                disk.feed(call)
        return disk


class Story:
    """
    What the client does while the daemon is watched.
    """

    def __init__(self, address: str) -> None:
        self.ledger = Ledger()
        self.pages: list[Expectation] = []
        self.client = Client(address, before=self.note)
        self.remote = Remote(self.client, REPOSITORY)
        self.recorder = Recorder(self.remote, self.ledger)
        self.payloads: dict[str, bytes] = {}
        self.upload = ""

    def note(self) -> None:
        """
        Note what holds while the next request is under way.
        """
        self.pages.append(self.ledger.page())

    def tell(self) -> None:
        """
        Push blobs in all ways, push and tag manifests, move tags, delete everything once.
        """
        remote, record = self.remote, self.recorder
        one, two, three = LAYERS
        record.push(CONFIG.digest, lambda: remote.push(CONFIG))
        record.push(one.digest, lambda: remote.push(one))
        record.push(two.digest, lambda: remote.push_chunked(two))
        record.push(three.digest, lambda: remote.push_in_pieces(three, 16 * KIB))
        first = self.put(image(CONFIG, [one, two]), "latest")
        self.put(image(CONFIG, [one], note="untagged"))
        self.upload = remote.append(remote.start(), UNFINISHED, 0, SENT).expect(202).location
        second = self.put(image(CONFIG, [three]), "latest")
        self.put(image(CONFIG, [one, two]), "old")
        self.put_referrer(second, "signature")
        attestation = self.put_referrer(second, "attestation")
        self.mount(two, "power/mounted")
        record.delete_tag("old")
        record.delete_manifest(first)
        record.delete_manifest(attestation)
        record.delete_blob(one.digest)
        record.push(one.digest, lambda: remote.push_chunked(one))
        record.delete_blob(three.digest)
        self.client.request("DELETE", remote.start()).expect(204)
        self.put(image(CONFIG, [one, two]), "latest")
        self.note()

    def put(self, payload: bytes, name: str | None = None) -> str:
        """
        Push a manifest, by a tag or by its digest.
        """
        digest = self.recorder.put_manifest(payload, name)
        self.payloads[digest] = payload
        return digest

    def put_referrer(self, subject: str, kind: str) -> str:
        """
        Push a manifest that refers to another.
        """
        described = {"mediaType": MANIFEST, "digest": subject, "size": 1}
        document = json.loads(image(CONFIG, [], note=kind)) | {"subject": described}
        payload = json.dumps(document).encode()
        digest = sha256(payload)
        with self.ledger.changing((referrer(REPOSITORY, subject, digest), digest)):
            return self.put(payload)

    def mount(self, content: Content, repository: str) -> None:
        """
        Let another repository have a blob too.
        """
        target = f"/v2/{repository}/blobs/uploads/?mount={content.digest}&from={REPOSITORY}"
        with self.ledger.changing((blob(repository, content.digest), content.digest)):
            self.client.request("POST", target).expect(201)


@pytest.fixture(scope="module", params=[(), WITHOUT_SYNCFS], ids=["at once", "each by itself"])
def recorded(
    request: pytest.FixtureRequest,
    component: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Recording:
    """
    The system calls of a daemon while it was told the story: once where everything can be synced
    by one call, if this file system can, and once where that fails.
    """
    component("strace")
    directory = tmp_path_factory.mktemp("recorded")
    root = directory / "storage"
    root.mkdir()
    daemon = Daemon(directory, root=root, configuration={"workers": 1}).start()
    try:
        story = Story(daemon.host)
        os.sync()  # while much is to be written, nobody asks for all of it
        before = tree_of(root)
        with strace(daemon.pid, directory / "calls", *RECORDING, *request.param), story.client:
            story.tell()
        after = tree_of(root)
    finally:
        daemon.stop()
    trace = calls(directory / "calls")
    result = Recording(
        trace=trace,
        pages=story.pages,
        payloads=story.payloads,
        upload=story.upload,
        root=root,
        before=before,
    )
    model = result.disk()
    assert len(model.answers) == len(story.pages) - 1
    end = trace[-1].end
    assert model.tree(end, dict.fromkeys(model.pending(end))) == after
    return result


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """
    A directory in memory, where there is one: states are many, and need no disk.
    """
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    directory = memory / f"txregistry-{os.getpid()}"
    directory.mkdir()
    yield directory
    shutil.rmtree(directory)


@attrs.frozen
class State:
    """
    A state of the disk after the power was cut.

    :param answers: how many responses had begun to be sent.
    :param survivors: what made it to the disk of what wasn't durable.
    """

    disk: Disk = attrs.field(repr=False)
    moment: int
    answers: int
    survivors: Survivors = attrs.field(repr=False)

    @property
    def tree(self) -> Tree:
        """
        What lies there.  Not kept: there are many states, and it may be large.
        """
        return self.disk.tree(self.moment, self.survivors)


def unfinished(pending: list[Operation]) -> list[Operation]:
    """
    What is not durable of the larger pieces of the upload that was left unfinished.
    """
    whole = UNFINISHED.whole()
    return [
        change
        for change in pending
        if isinstance(change, Write)
        and len(change.data) > 100 * KIB
        and whole.startswith(change.data, change.offset)
    ]


def states(disk: Disk, chance: random.Random, recent: int, share: float = 1.0) -> Iterator[State]:
    """
    The states that a disk may be in, at each moment, none of them twice.

    :param share: how many of them to choose by chance.
    """
    seen = set()
    for moment in sorted(disk.moments):
        answers = sum(answer <= moment for answer in disk.answers)
        for survivors in outcomes(disk.pending(moment), chance, recent):
            if chance.random() >= share:
                continue
            state = State(disk, moment, answers, survivors)
            identity = hash((answers, frozenset(state.tree.items())))
            if identity not in seen:
                seen.add(identity)
                yield state


class Court:
    """
    Lays states into the directory of a daemon and sees what it makes of them.

    :ivar honest: whether the states are such as may be, so that the daemon has no reason to
        complain.
    """

    honest = True

    def __init__(self, recorded: Recording, daemon: Daemon) -> None:
        self.recorded = recorded
        self.daemon = daemon
        self.contents = {content.digest: content for content in (CONFIG, *LAYERS)}
        # When there is power again the machine starts: what it was called before means nothing.
        boot = BOOT.read_bytes().strip() if BOOT.exists() else b""
        self.boots = boot, boot[::-1]

    def judge(self, state: State) -> list[str]:
        """
        Ask the daemon for everything, then do everything again.

        :return: what is wrong.
        """
        self.lay(state.tree)
        expectation = self.recorded.pages[state.answers]
        with Client(self.daemon.host) as client:
            wrong = inspect(client, expectation).violations
            wrong += self.continue_upload(client)
            wrong += self.repeat(client)
        return [f"line {state.moment}, {state.answers} answers: {text}" for text in wrong]

    def lay(self, tree: Tree) -> None:
        """
        Put a state in the place of the one before.
        """
        root = self.daemon.root
        fresh = root.with_name("fresh")
        fresh.mkdir()
        for path, data in tree.items():
            if data is None:
                (fresh / path).mkdir()
            else:
                (fresh / path).write_bytes(data.replace(*self.boots))
        if root.exists():
            root.rename(root.with_name("judged"))
            shutil.rmtree(root.with_name("judged"))
        fresh.rename(root)

    def continue_upload(self, client: Client) -> list[str]:
        """
        Go on with the unfinished upload.  It need not have survived, but what comes of it must be
        right.
        """
        remote = Remote(client, REPOSITORY)
        status = client.request("GET", self.recorded.upload)
        if status.status == 404:
            return []
        if status.status != 204 or status.offset > SENT:
            return [f"unfinished upload: {status}"]
        committed = remote.commit(status.location, UNFINISHED, status.offset)
        pulled = remote.pull(UNFINISHED.digest)
        expected = {201: (200, UNFINISHED.digest), 400: (404, pulled[1])}
        if pulled != expected.get(committed.status):
            return [f"unfinished upload with {status.offset} bytes: {committed}, then {pulled}"]
        return []

    def repeat(self, client: Client) -> list[str]:
        """
        Push everything that was ever pushed again: it must be there afterwards.
        """
        remote = Remote(client, REPOSITORY)
        wrong = []
        for content in self.contents.values():
            pushed = remote.push(content).status
            if (pushed, *remote.pull(content.digest)) != (201, 200, content.digest):
                wrong.append(f"blob {content.digest}: can't be pushed again")
        for digest, payload in self.recorded.payloads.items():
            pushed = remote.put_manifest(digest, payload).status
            pulled = remote.get_manifest(digest)
            if (pushed, pulled.status, pulled.body) != (201, 200, payload):
                wrong.append(f"manifest {digest}: can't be pushed again: {pushed}, {pulled}")
        return wrong


@pytest.fixture
def court(recorded: Recording, scratch: Path, tmp_path: Path) -> Iterator[Court]:
    """
    A court with a running daemon.
    """
    root = scratch / "storage"
    root.mkdir()
    daemon = Daemon(tmp_path / "judge", root=root).start()
    court = Court(recorded, daemon)
    yield court
    daemon.stop()
    assert not court.honest or daemon.troubles() == []


class PowerCutTests:
    """
    What was acknowledged survives.
    """

    @pytest.mark.timeout(240)
    def test_states(self, court: Court, recorded: Recording, scale: Scale, figure: Figure) -> None:
        """
        In every state that a power cut may leave, everything acknowledged is whole, what was
        deleted is gone, and everything can be done again.
        """
        disk = recorded.disk()
        chance = random.Random(7)
        judged, wrong = 0, []
        for state in states(disk, chance, scale(2, 8), scale(0.05, 1.0)):
            judged += 1
            wrong += court.judge(state)
        assert wrong == []
        figure("system calls recorded", len(recorded.trace))
        figure("syncs of everything", sum(call.name == "syncfs" for call in recorded.trace))
        figure("moments at which the power is cut", len(disk.moments))
        figure("states judged, all different", judged)

    def test_starts(self, court: Court, recorded: Recording, scale: Scale, figure: Figure) -> None:
        """
        In every such state the daemon starts.
        """
        disk, count = recorded.disk(), scale(6, 100)
        possible = list(states(disk, random.Random(8), 1, scale(0.03, 0.5)))
        started = random.Random(8).sample(possible, count)
        for state in started:
            court.daemon.stop()
            court.lay(state.tree)
            court.daemon.start()
            assert court.judge(state) == []
        figure("starts in such states", len(started))


class JudgeTests:
    """
    The proof finds what it looks for: the daemon is made to forget a kind of syncing.
    """

    @pytest.mark.parametrize("kind", ["files", "directories", "blob directories"])
    def test_forgotten(self, court: Court, recorded: Recording, kind: str) -> None:
        """
        Without syncing files, or directories, something acknowledged is lost; so it is without
        syncing all at once, where that was done.
        """
        honest = recorded.disk()
        at_once = any(call.name == "syncfs" and call.result == 0 for call in recorded.trace)

        def forgotten(call: Call) -> bool:
            if at_once:
                return call.name == "syncfs"
            node = honest.synced.get(call)
            if node is None or kind == "files":
                return isinstance(node, File)
            name = call.descriptors[0][1]
            return isinstance(node, Directory) and (kind == "directories" or "/blobs/" in name)

        court.honest = False
        disk = recorded.disk(leave_out=forgotten)
        possible = states(disk, random.Random(9), 0)
        assert any(court.judge(state) for state in possible)

    @pytest.mark.skipif(not BOOT.exists(), reason="a system without /proc")
    def test_same_boot(self, court: Court, recorded: Recording) -> None:
        """
        An upload lost some of its bytes, and what the daemon knows of its hash survived: that
        isn't believed.  If it were, a blob would come of it that isn't what its digest says.
        """
        disk = recorded.disk()
        # The last at which there is something to lose: where all is synced at once, that ends soon.
        moment = max(m for m in disk.moments if unfinished(disk.pending(m)))
        pending = disk.pending(moment)
        lost = unfinished(pending)[0]
        survivors = closed(pending, {c: None for c in pending if c is not lost})
        state = State(disk, moment, sum(answer <= moment for answer in disk.answers), survivors)
        assert court.judge(state) == []
        court.boots = b"", b""
        assert court.judge(state) != []
