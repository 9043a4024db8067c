"""
The daemon is killed again and again, at random points of what clients do: what it has
acknowledged is there afterwards, and what it hasn't can be done again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from functools import partial

import attrs
import pytest

from tests.daemon import Daemon
from tests.proofs.client import Client, ConnectionBroken, Remote, image
from tests.proofs.content import KIB, Content
from tests.proofs.ledger import Kind, Ledger, Recorder, inspect

Scale = Callable[[int, int], int]
Figure = Callable[[str, object], None]

WORKERS = 3
PIECE = 192 * KIB
CONFIG = Content(6, 300)
#: Few, so that blobs are deleted and pushed again, and one repository's are another's too.
CONTENTS = [Content(600 + i, i * i * 21_347) for i in range(8)]
TAGS = ["latest", "stable", "v1", "V1", "edge"]


@attrs.define
class Unfinished:
    """
    An upload that was interrupted.

    :ivar location: its URL.
    :ivar content: what it is to become.
    :ivar acknowledged: how many of its bytes were.
    :ivar committing: whether the commit had been sent, so that it may be gone.
    """

    location: str
    content: Content
    acknowledged: int = 0
    committing: bool = False


class Worker:
    """
    A client that does one thing after the other in a repository of its own, until the
    registry breaks off.

    :ivar unfinished: the upload that it was at then.
    """

    def __init__(self, address: str, number: int) -> None:
        self.random = random.Random(number)
        self.client = Client(address)
        self.remote = Remote(self.client, f"kill/worker{number}")
        self.ledger = Ledger()
        self.recorder = Recorder(self.remote, self.ledger)
        self.unfinished: Unfinished | None = None
        self.acknowledged = 0
        self.trouble: BaseException | None = None

    def work(self) -> None:
        """
        Go on until the connection breaks.
        """
        deeds: list[Callable[[], None]] = [
            self.push_whole,
            self.push_pieces,
            self.push_pieces,
            self.push_manifest,
            self.push_manifest,
            self.move_tag,
            self.move_tag,
            self.delete_tag,
            self.delete_manifest,
            self.delete_blob,
        ]
        try:
            self.recorder.push(CONFIG.digest, lambda: self.remote.push(CONFIG))
            while True:
                self.random.choice(deeds)()
                self.acknowledged += 1
        except ConnectionBroken:
            pass
        except OSError:  # couldn't connect again
            pass
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self.trouble = error
        finally:
            self.client.close()

    def push_whole(self) -> None:
        """
        Push a blob in one request.
        """
        content = self.random.choice(CONTENTS)
        self.recorder.push(content.digest, lambda: self.remote.push(content))

    def push_pieces(self) -> None:
        """
        Push a blob in pieces, and remember how far it came.
        """
        content = self.random.choice(CONTENTS)
        self.unfinished = Unfinished(self.remote.start(), content)
        self.go_on(self.unfinished, 0)
        self.unfinished = None

    def go_on(self, upload: Unfinished, start: int) -> None:
        """
        Send the rest of an upload and commit it.
        """
        content = upload.content
        chunked = self.random.random() < 0.5
        for first in range(start, content.size, PIECE):
            end = min(first + PIECE, content.size)
            answer = self.remote.append(upload.location, content, first, end, chunked=chunked)
            answer.expect(202)
            upload.location, upload.acknowledged = answer.location, end
        upload.committing = True
        commit = partial(self.remote.commit, upload.location, content, content.size)
        self.recorder.push(content.digest, commit)

    def push_manifest(self) -> None:
        """
        Push an image, and a tag with it or without.
        """
        there = [thing.name for thing in self.ledger.surely(Kind.BLOB)]
        layers = [content for content in CONTENTS if content.digest in there]
        chosen = self.random.sample(layers, min(2, len(layers)))
        payload = image(CONFIG, chosen, note=str(self.random.randrange(12)))
        self.recorder.put_manifest(payload, self.random.choice([*TAGS, None]))

    def move_tag(self) -> None:
        """
        Push an image, and point a tag at one image and then at the other.
        """
        name = self.random.choice(TAGS)
        for note in ("this", "that"):
            self.recorder.put_manifest(image(CONFIG, [], note=note), name)

    def delete_tag(self) -> None:
        """
        Delete a tag.
        """
        if tags := self.ledger.surely(Kind.TAG):
            self.recorder.delete_tag(self.random.choice(tags).name)

    def delete_manifest(self) -> None:
        """
        Delete an image and its tags.
        """
        if manifests := self.ledger.surely(Kind.MANIFEST):
            self.recorder.delete_manifest(self.random.choice(manifests).name)

    def delete_blob(self) -> None:
        """
        Delete a blob that isn't an image's configuration.
        """
        blobs = [b for b in self.ledger.surely(Kind.BLOB) if b.name != CONFIG.digest]
        if blobs:
            self.recorder.delete_blob(self.random.choice(blobs).name)

    def check(self) -> list[str]:
        """
        See what the registry has after a restart, and finish the interrupted upload.

        :return: what is wrong.
        """
        inspection = inspect(self.client, self.ledger.page())
        self.ledger.settle(inspection.observed)
        wrong = [*inspection.violations]
        if self.unfinished is not None:
            wrong += self.finish(self.unfinished)
            self.unfinished = None
        self.client.close()
        return wrong

    def finish(self, upload: Unfinished) -> list[str]:
        """
        Continue an upload where the registry says it is.

        A commit takes the bytes out of it at some moment: then it is gone, or empty.
        """
        status = self.client.request("GET", upload.location)
        if status.status == 404 and upload.committing:
            self.recorder.push(upload.content.digest, lambda: self.remote.push(upload.content))
        elif status.status != 204:
            return [f"{upload}: status is {status}"]
        elif status.offset < upload.acknowledged and not upload.committing:
            return [f"{upload}: has only {status.offset} bytes"]
        else:
            upload.location = status.location
            self.go_on(upload, status.offset)
        pulled = self.remote.pull(upload.content.digest)
        return [] if pulled == (200, upload.content.digest) else [f"{upload}: became {pulled}"]


class KillTests:
    """
    Nothing that was acknowledged is lost with the process.
    """

    @pytest.mark.timeout(240)
    def test_kill(self, daemon: Daemon, scale: Scale, figure: Figure) -> None:
        """
        Everything acknowledged before a kill is there after it, whole, and everything deleted
        is gone; interrupted uploads are continued.
        """
        chance = random.Random(6)
        kills = scale(20, 200)
        workers = [Worker(daemon.host, number) for number in range(WORKERS)]
        interrupted = 0
        for _ in range(kills):
            threads = [threading.Thread(target=worker.work) for worker in workers]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.01, 0.6))
            daemon.kill()
            for thread in threads:
                thread.join()
            assert [w.trouble for w in workers] == [None] * WORKERS
            interrupted += sum(worker.unfinished is not None for worker in workers)
            daemon.start()
            assert [wrong for worker in workers for wrong in worker.check()] == []
        figure("kills", kills)
        figure("requests acknowledged between them", sum(w.acknowledged for w in workers))
        figure("uploads interrupted and continued", interrupted)
