"""
What a registry has promised, and whether it keeps it.

The ledger knows, for each blob, manifest and tag that a client ever touched, the values that
it may have.  While a request is under way the old value and the new one are both right, and
so they are if no answer ever came; an answer makes one of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum

import attrs

from tests.proofs.client import Answer, Client, Remote
from tests.proofs.content import sha256


class Kind(Enum):
    """
    What is remembered.
    """

    BLOB = "blob"
    MANIFEST = "manifest"
    TAG = "tag"
    REFERRER = "referrer"


@attrs.frozen
class Thing:
    """
    Something that is there or not.

    :param name: the digest of a blob or a manifest, or a tag; of a referrer its subject's
        digest and its own, with a space between.
    """

    kind: Kind
    repository: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.value} {self.repository} {self.name}"


#: The digest of what a thing is, or None where it is not there.
Value = str | None
Change = tuple[Thing, Value]
Expectation = Mapping[Thing, frozenset[Value]]


def blob(repository: str, digest: str) -> Thing:
    """
    A blob of a repository.
    """
    return Thing(Kind.BLOB, repository, digest)


def manifest(repository: str, digest: str) -> Thing:
    """
    A manifest of a repository.
    """
    return Thing(Kind.MANIFEST, repository, digest)


def tag(repository: str, name: str) -> Thing:
    """
    A tag of a repository.
    """
    return Thing(Kind.TAG, repository, name)


def referrer(repository: str, subject: str, digest: str) -> Thing:
    """
    A manifest's entry in the list of those that refer to a subject.
    """
    return Thing(Kind.REFERRER, repository, f"{subject} {digest}")


class Ledger:
    """
    The values that things may have.

    For one thread; clients that work at once on different repositories have one each.
    """

    def __init__(self) -> None:
        self._may: dict[Thing, frozenset[Value]] = {}

    @contextmanager
    def changing(self, *changes: Change) -> Iterator[None]:
        """
        Make a request that changes things: if the block ends well they are changed, if it
        raises they may be.
        """
        for thing, value in changes:
            self._may[thing] = self.may(thing) | {value}
        yield
        for thing, value in changes:
            self._may[thing] = frozenset({value})

    def may(self, thing: Thing) -> frozenset[Value]:
        """
        The values that a thing may have.
        """
        return self._may.get(thing, frozenset({None}))

    def surely(self, kind: Kind) -> list[Thing]:
        """
        The things of a kind that must be there.
        """
        return [
            thing
            for thing, values in self._may.items()
            if thing.kind is kind and None not in values
        ]

    def settle(self, observed: Mapping[Thing, Value]) -> None:
        """
        Hold from now on what was seen.
        """
        for thing, value in observed.items():
            self._may[thing] = frozenset({value})

    def page(self) -> Expectation:
        """
        What holds now, as a copy.
        """
        return dict(self._may)


@attrs.frozen
class Inspection:
    """
    What a registry answered when it was asked for everything.

    :param observed: what each thing is.
    :param violations: what isn't as it may be.
    """

    observed: Mapping[Thing, Value]
    violations: list[str]


def inspect(client: Client, expectation: Expectation) -> Inspection:
    """
    Ask a registry for everything.

    Whatever comes with a 200 must have the digest that it is said to have, and the tags that
    are listed must be those that can be pulled.
    """
    observed: dict[Thing, Value] = {}
    found = []
    for thing, values in expectation.items():
        try:
            value = observe(client, thing)
        except WrongContent as error:
            found.append(f"{thing}: {error}")
            continue
        observed[thing] = value
        if value not in values:
            found.append(f"{thing}: is {value}, may be {sorted(map(str, values))}")
    for repository in {thing.repository for thing in expectation}:
        there = {
            thing.name
            for thing, value in observed.items()
            if thing.kind is Kind.TAG and thing.repository == repository and value is not None
        }
        if (listed := tag_list(client, repository)) != there:
            found.append(f"{repository}: lists {sorted(listed)}, but has {sorted(there)}")
    return Inspection(observed, found)


def tag_list(client: Client, repository: str) -> set[str]:
    """
    The tags that a repository lists; none if there is no such repository.
    """
    answer = client.request("GET", f"/v2/{repository}/tags/list").expect(200, 404)
    return set(answer.json().get("tags") or ())


class WrongContent(Exception):
    """
    The registry answered something that can't be true.
    """


def observe(client: Client, thing: Thing) -> Value:
    """
    Get a thing.

    :return: the digest of what came, or None where it isn't there.
    :raises WrongContent: what came isn't what was asked, or the answer is neither yes nor no.
    """
    remote = Remote(client, thing.repository)
    if thing.kind is Kind.REFERRER:
        return _listed_referrer(client, thing)
    if thing.kind is Kind.BLOB:
        status, digest = remote.pull(thing.name)
        wanted = thing.name
    else:
        answer = remote.get_manifest(thing.name)
        status, digest = answer.status, sha256(answer.body)
        wanted = answer.headers.get("docker-content-digest", "")
        if status == 200 and thing.kind is Kind.MANIFEST and wanted != thing.name:
            raise WrongContent(f"is said to be {wanted}")
    if status == 404:
        return None
    if status != 200:
        raise WrongContent(f"status {status}")
    if digest != wanted:
        raise WrongContent(f"should be {wanted}, what came is {digest}")
    return digest


def _listed_referrer(client: Client, thing: Thing) -> Value:
    subject, digest = thing.name.split(" ")
    answer = client.request("GET", f"/v2/{thing.repository}/referrers/{subject}")
    if answer.status != 200:
        raise WrongContent(f"status {answer.status}")
    listed = [descriptor["digest"] for descriptor in answer.json()["manifests"]]
    return digest if digest in listed else None


class Recorder:
    """
    Makes changes to a repository and writes them into a ledger.

    Anything but the answer that promises success is raised.
    """

    def __init__(self, remote: Remote, ledger: Ledger) -> None:
        self.remote = remote
        self.ledger = ledger
        self.name = remote.name

    def push(self, digest: str, send: Callable[[], Answer]) -> None:
        """
        Push a blob in whatever way.
        """
        with self.ledger.changing((blob(self.name, digest), digest)):
            send().expect(201)

    def put_manifest(self, payload: bytes, name: str | None = None) -> str:
        """
        Push a manifest by a tag, or by its digest.
        """
        digest = sha256(payload)
        changes: list[Change] = [(manifest(self.name, digest), digest)]
        if name is not None:
            changes.append((tag(self.name, name), digest))
        with self.ledger.changing(*changes):
            self.remote.put_manifest(name or digest, payload).expect(201)
        return digest

    def delete_tag(self, name: str) -> None:
        """
        Delete a tag that is there.
        """
        with self.ledger.changing((tag(self.name, name), None)):
            self.remote.delete(f"manifests/{name}").expect(202)

    def delete_manifest(self, digest: str) -> None:
        """
        Delete a manifest that is there, and so the tags that name it and its entry in a
        subject's referrers.
        """
        gone = [
            thing
            for thing, values in self.ledger.page().items()
            if thing.kind in (Kind.TAG, Kind.REFERRER)
            and thing.repository == self.name
            and digest in values
        ]
        changes: list[Change] = [(manifest(self.name, digest), None)]
        changes += [(thing, None) for thing in gone]
        with self.ledger.changing(*changes):
            self.remote.delete(f"manifests/{digest}").expect(202)

    def delete_blob(self, digest: str) -> None:
        """
        Delete a blob that is there.
        """
        with self.ledger.changing((blob(self.name, digest), None)):
            self.remote.delete(f"blobs/{digest}").expect(202)
