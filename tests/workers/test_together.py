"""
Several workers are one registry.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon
from tests.proofs.client import MANIFEST, Answer, Client, Remote, image
from tests.proofs.content import MIB, Content, sha256
from tests.workers.kit import clients_of, eventually, processes
from txregistry.drivers.filesystem.listing import SETTLED

CONFIG = Content(1, 1000)


@pytest.fixture
def remotes(several: Daemon) -> Iterator[list[Remote]]:
    """
    A repository as seen through each of two workers.
    """
    with clients_of(several) as clients:
        yield [Remote(client, "some/where") for client in clients]


def pushed(remote: Remote, note: str = "") -> bytes:
    """
    A manifest of which all blobs are there.
    """
    remote.push(CONFIG).expect(201)
    return image(CONFIG, [], note)


def listed(remote: Remote) -> list[str]:
    """
    The tags.
    """
    answer = remote.client.request("GET", f"{remote.base}/tags/list?n=10").expect(200)
    tags: list[str] = answer.json()["tags"]
    return tags


def read_bytes(pid: int) -> int:
    """
    How many bytes a process has read from files.
    """
    found = re.search(r"^rchar: (\d+)$", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


class UploadTests:
    """
    An upload that one worker begins and others go on with.
    """

    @pytest.mark.parametrize("chunked", [False, True])
    def test_from_one_to_the_other(
        self, several: Daemon, remotes: list[Remote], chunked: bool
    ) -> None:
        """
        What one has received another need not read again to know its hash.
        """
        content = Content(3, 32 * MIB + 1)
        first, second = remotes
        location = first.start()
        third = content.size // 3
        second.append(location, content, 0, third, chunked=chunked).expect(202)
        first.append(location, content, third, 2 * third, chunked=chunked).expect(202)
        pids = [processes(several)[name] for name in ("0", "1")]
        before = [read_bytes(pid) for pid in pids]
        second.commit(location, content, 2 * third).expect(201)
        read = [read_bytes(pid) - was for pid, was in zip(pids, before, strict=True)]
        assert max(read) < MIB
        for remote in remotes:
            assert remote.pull(content.digest) == (200, content.digest)

    def test_state(self, remotes: list[Remote]) -> None:
        """
        Every worker knows how far it is, and who ends it ends it for all.
        """
        first, second = remotes
        content = Content(4, MIB)
        location = first.start()
        first.append(location, content, 0, 1000).expect(202)
        assert second.client.request("GET", location).expect(204).offset == 1000
        second.append(location, content, 0, 1000).expect(416)
        second.client.request("DELETE", location).expect(204)
        first.client.request("GET", location).expect(404)

    def test_both_at_once(self, remotes: list[Remote]) -> None:
        """
        While one worker receives for an upload, the other doesn't.
        """
        first, second = remotes
        location = first.start()
        connection, stream = first.client.connect()
        head = f"PATCH {location} HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 1_000_000)
        # Only then has the first one begun.
        eventually(lambda: second.client.request("GET", location).offset > 0)
        answers = Counter[int]()
        while not answers[409]:
            answer = second.client.request("PATCH", location, body=b"")
            answers[answer.status] += 1
            assert answers.keys() <= {202, 409}
        connection.sendall(b"x" * 1_000_000)
        assert stream.readline().startswith(b"HTTP/1.1 202")


class SeenAtOnceTests:
    """
    What one worker has done, the others know when it has been answered.
    """

    def test_push_and_delete(self, remotes: list[Remote]) -> None:
        """
        Blobs, manifests and tags come and go for all at once.
        """
        layer = Content(5, 5000)
        for here, there in (remotes, remotes[::-1]):
            here.push(layer).expect(201)
            assert there.pull(layer.digest)[0] == 200
            payload = pushed(here)
            digest = here.put_manifest("latest", payload).expect(201).headers[DIGEST]
            assert there.get_manifest("latest").expect(200).body == payload
            assert there.get_manifest(digest).expect(200).body == payload
            here.delete("manifests/latest").expect(202)
            there.get_manifest("latest").expect(404)
            here.delete(f"manifests/{digest}").expect(202)
            there.get_manifest(digest).expect(404)
            here.delete(f"blobs/{layer.digest}").expect(202)
            assert there.pull(layer.digest)[0] == 404
            there.client.request("POST", mount(layer)).expect(202)

    def test_lists(self, remotes: list[Remote], scale: Callable[[int, int], int]) -> None:
        """
        A list that a worker keeps is an old one as soon as another has answered a change.
        """
        payload = pushed(remotes[0])
        remotes[0].put_manifest("always", payload).expect(201)
        for number in range(scale(2, 20)):
            here, there = remotes[:: 1 if number % 2 else -1]
            time.sleep(SETTLED + 0.1)  # from now on what is listed is kept
            for _ in range(2):
                assert [listed(remote) for remote in remotes] == [["always"]] * 2
            here.put_manifest("new", payload).expect(201)
            assert listed(there) == ["always", "new"]
            time.sleep(SETTLED + 0.1)
            for _ in range(2):
                assert [listed(remote) for remote in remotes] == [["always", "new"]] * 2
            here.delete("manifests/new").expect(202)
            assert listed(there) == ["always"]
            assert listed(here) == ["always"]

    def test_tag_moves(self, remotes: list[Remote]) -> None:
        """
        A tag that was moved has moved for all.
        """
        for number in range(20):
            here, there = remotes[:: 1 if number % 2 else -1]
            payload = pushed(here, str(number))
            here.put_manifest("latest", payload).expect(201)
            assert there.get_manifest("latest").expect(200).body == payload


class ConditionTests:
    """
    Conditions hold, whichever workers the rivals are connected to.
    """

    def test_only_the_first(self, several: Daemon, remotes: list[Remote]) -> None:
        """
        Of many who want to be the first to set a tag, one is.
        """
        payloads = [pushed(remotes[0], str(number)) for number in range(16)]
        for tag in ("a", "b", "c"):
            answers = rivals(several, payloads, tag, {"If-None-Match": "*"})
            assert Counter(answer.status for answer in answers) == {201: 1, 412: 15}
            winner = next(answer for answer in answers if answer.status == 201)
            for remote in remotes:
                found = remote.get_manifest(tag).expect(200)
                assert found.headers[DIGEST] == winner.headers[DIGEST]

    def test_no_change_is_lost(self, several: Daemon, remotes: list[Remote]) -> None:
        """
        Of many who move a tag from where they have seen it, one does.
        """
        payloads = [pushed(remotes[0], str(number)) for number in range(16)]
        current = remotes[0].put_manifest("latest", payloads[0]).expect(201).headers[DIGEST]
        for _ in range(3):
            rest = [payload for payload in payloads if sha256(payload) != current]
            answers = rivals(several, rest, "latest", {"If-Match": f'"{current}"'})
            assert Counter(answer.status for answer in answers) == {201: 1, 412: len(rest) - 1}
            current = next(answer.headers[DIGEST] for answer in answers if answer.status == 201)


def rivals(
    daemon: Daemon, payloads: list[bytes], tag: str, headers: dict[str, str]
) -> list[Answer]:
    """
    Push manifests at the same moment, each by a connection of its own.
    """
    answers: list[Answer] = []
    begin = threading.Barrier(len(payloads))

    def push(payload: bytes) -> None:
        with Client(daemon.host) as client:
            client.request("GET", "/v2/")
            begin.wait()
            target = f"/v2/some/where/manifests/{tag}"
            fields = {"Content-Type": MANIFEST, **headers}
            answers.append(client.request("PUT", target, headers=fields, body=payload))

    threads = [threading.Thread(target=push, args=[payload]) for payload in payloads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def mount(content: Content) -> str:
    """
    The target of a mount from the repository.
    """
    return f"/v2/else/where/blobs/uploads/?mount={content.digest}&from=some/where"


DIGEST = "docker-content-digest"
