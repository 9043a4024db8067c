"""
Anything in any order: what the registry answers is what a simple model says, after every step
nothing half done can be seen, and a new registry on the same tree answers the same.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.storage.kit import (
    Made,
    Shop,
    files,
    image,
    index,
    open_shop,
    read_blob,
)
from txregistry.deferreds import deferred
from txregistry.errors import (
    BlobUnknown,
    BlobUploadUnknown,
    ClientDisconnected,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestUnknown,
    NameUnknown,
    NoSpace,
    PathNotFound,
    PreconditionFailed,
    RangeInvalid,
    RegistryError,
    StorageFailure,
    StorageFull,
)
from txregistry.interfaces import IRepository, TagCondition
from txregistry.model.byte_range import ContentRange
from txregistry.model.digest import Digest
from txregistry.model.name import Tag
from txregistry.storage import paths
from txregistry.testing.streams import GivenStream

NAMES = ("a", "a-b", "a/b", "c")
CONTENTS = (b"", b"{}", b"0123456789", b"layer" * 100)
ALGORITHMS = ("sha256", "sha512")
IMAGES = (image(CONTENTS[2]), image(CONTENTS[2], CONTENTS[3]), image(algorithm="sha512"))
INDEXES = (index(IMAGES[0].descriptor), index(IMAGES[0].descriptor, IMAGES[1].descriptor))
SUBJECTS = (IMAGES[0], INDEXES[0])
REFERRERS = tuple(
    index(subject=subject.descriptor, artifactType=f"a/{number}")
    for subject in SUBJECTS
    for number in range(2)
)
MANIFESTS = (*IMAGES, *INDEXES, *REFERRERS)
TAGS = ("latest", "v1", "V1")

WRITES = (
    "put_content",
    "move",
    "writer",
    "writer.write",
    "writer.commit",
)

names = st.sampled_from(NAMES)
contents = st.sampled_from(CONTENTS)
algorithms = st.sampled_from(ALGORITHMS)
manifests = st.sampled_from(MANIFESTS)
tags = st.sampled_from(TAGS).map(Tag)
troubles = st.one_of(
    st.tuples(
        st.sampled_from(["get_content", "stat", "list", "children", "children_of", *WRITES]),
        st.builds(StorageFailure, st.just("/x"), st.just("Input/output error")),
    ),
    st.tuples(st.sampled_from(WRITES), st.builds(NoSpace, st.just("/x"))),
)


@define
class Model:
    """
    What a repository should have.
    """

    blobs: dict[Digest, bytes] = field(factory=dict)
    manifests: dict[Digest, Made] = field(factory=dict)
    tags: dict[Tag, Digest] = field(factory=dict)
    known: bool = False


@define
class Unfinished:
    """
    An upload.
    """

    name: str
    actor: str
    id: str
    content: bytes = b""
    over: bool = False


def now(waiting: Deferred[Any]) -> Any:
    """:return: the outcome, which in memory is there at once."""
    outcome: list[Any] = []
    waiting.addBoth(outcome.append)
    assert outcome, "it waits for something"
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
    return outcome[0]


def error_of(waiting: Deferred[Any]) -> type[Exception] | None:
    """:return: what it failed with."""
    try:
        now(waiting)
    except RegistryError as error:
        return type(error)
    return None


@deferred
async def exists(shop: Shop, path: str) -> bool:
    """:return: whether there is something at a path."""
    try:
        await shop.driver.stat(path)
    except PathNotFound:
        return False
    return True


reading = deferred(read_blob)
all_files = deferred(files)


class Everything(RuleBasedStateMachine):
    """
    A registry, and what it should be.
    """

    uploads = Bundle("uploads")

    @initialize()
    def open(self) -> None:
        """Begin with nothing."""
        self.shop = open_shop()
        self.model: dict[str, Model] = defaultdict(Model)
        self.ended: list[Unfinished] = []

    def repository(self, name: str, actor: str = "") -> IRepository:
        """Open a repository."""
        return self.shop.repository(name, actor)

    # blobs and uploads

    @rule(target=uploads, name=names, actor=st.sampled_from(["", "ann"]), algorithm=algorithms)
    def start(self, name: str, actor: str, algorithm: str) -> Unfinished:
        """Begin an upload."""
        upload = now(self.repository(name, actor).uploads.start(algorithm))
        return Unfinished(name, actor, upload.id)

    def resumed(self, upload: Unfinished, actor: str) -> Any:
        """:return: an upload, or ``None`` if it must not be found."""
        resuming = self.repository(upload.name, actor).uploads.resume(upload.id)
        if upload.over or upload.actor != actor:
            assert error_of(resuming) is BlobUploadUnknown
            return None
        found = now(resuming)
        assert found.size == len(upload.content)
        return found

    @rule(
        upload=uploads,
        actor=st.sampled_from(["", "ann", "bob"]),
        piece=st.sampled_from(["first", "rest", "half"]),
        content=contents,
        breaks=st.booleans(),
        offset=st.none() | st.sampled_from([0, 3]),
    )
    def append(
        self,
        upload: Unfinished,
        actor: str,
        piece: str,
        content: bytes,
        breaks: bool,
        offset: int | None,
    ) -> None:
        """Send a piece, perhaps to a wrong place, perhaps broken off."""
        found = self.resumed(upload, actor)
        if found is None:
            return
        size = len(upload.content)
        data = {"first": content[:3], "rest": content[size:], "half": content[size : size + 7]}[
            piece
        ]
        error = ClientDisconnected() if breaks else None
        stream = GivenStream(*([data] if data else []), error=error)
        content_range = None
        if offset is not None and data:
            first = size + offset
            content_range = ContentRange(first, first + len(data) - 1)
        try:
            now(found.append(stream, content_range))
        except RangeInvalid:
            assert offset
            return
        except ClientDisconnected:
            assert breaks
        upload.content += data
        assert found.size == len(upload.content)

    @rule(
        upload=uploads, actor=st.sampled_from(["", "ann"]), content=contents, algorithm=algorithms
    )
    def commit(self, upload: Unfinished, actor: str, content: bytes, algorithm: str) -> None:
        """Commit an upload, with what may be the rest of it."""
        found = self.resumed(upload, actor)
        if found is None:
            return
        rest = content[len(upload.content) :]
        digest = Digest.of(content, algorithm)
        error = error_of(found.commit(digest, GivenStream(rest) if rest else None))
        self.end(upload)
        if upload.content + rest == content:
            assert error is None
            self.model[upload.name].blobs[digest] = content
        else:
            assert error is DigestInvalid

    def end(self, upload: Unfinished) -> None:
        """Note that there is no such upload any more."""
        upload.over = True
        self.ended.append(upload)

    @rule(upload=uploads, actor=st.sampled_from(["", "ann"]))
    def cancel(self, upload: Unfinished, actor: str) -> None:
        """Cancel an upload."""
        found = self.resumed(upload, actor)
        if found is not None:
            now(found.cancel())
            self.end(upload)
            assert self.resumed(upload, actor) is None

    @rule(name=names, content=contents, algorithm=algorithms)
    def push_blob(self, name: str, content: bytes, algorithm: str) -> None:
        """Push a blob whole."""
        upload = now(self.repository(name).uploads.start(algorithm))
        digest = Digest.of(content, algorithm)
        now(upload.commit(digest, GivenStream(content) if content else None))
        self.model[name].blobs[digest] = content

    @rule(name=names, source=names, content=contents, algorithm=algorithms)
    def mount(self, name: str, source: str, content: bytes, algorithm: str) -> None:
        """Mount a blob."""
        digest = Digest.of(content, algorithm)
        error = error_of(self.repository(name).blobs.mount(digest, source))
        if digest in self.model[source].blobs:
            assert error is None
            self.model[name].blobs[digest] = content
        else:
            assert error is BlobUnknown

    @rule(name=names, content=contents, algorithm=algorithms)
    def mount_from_anywhere(self, name: str, content: bytes, algorithm: str) -> None:
        """Mount a blob from where it is known to be."""
        digest = Digest.of(content, algorithm)
        for source in now(self.shop.registry.holders(digest)):
            self.mount(name, source, content, algorithm)

    @rule(name=names, content=contents, algorithm=algorithms)
    def delete_blob(self, name: str, content: bytes, algorithm: str) -> None:
        """Delete a blob."""
        digest = Digest.of(content, algorithm)
        error = error_of(self.repository(name).blobs.delete(digest))
        known = self.model[name].blobs.pop(digest, None) is not None
        assert error is (None if known else BlobUnknown)

    # manifests and tags

    def missing(self, name: str, what: Made) -> set[Digest]:
        """:return: what must be there for a manifest to be taken, and isn't."""
        model = self.model[name]
        blobs = {blob.descriptor.digest for blob in what.manifest.blobs}
        children = {child.descriptor.digest for child in what.manifest.children}
        return (blobs - model.blobs.keys()) | (children - model.manifests.keys())

    @rule(
        name=names,
        what=manifests,
        tags=st.lists(tags, max_size=3, unique=True),
        condition=st.sampled_from([None, "absent", "present", "match", "none_match"]),
    )
    def push(self, name: str, what: Made, tags: list[Tag], condition: str | None) -> None:
        """Push a manifest."""
        model = self.model[name]
        wanted = {
            None: None,
            "absent": TagCondition(absent=True),
            "present": TagCondition(match_any=True),
            "match": TagCondition(match=(str(what.digest),)),
            "none_match": TagCondition(none_match=(str(what.digest),)),
        }[condition]
        error = error_of(
            self.repository(name).manifests.put(
                what.manifest, what.payload, what.digest, tags, wanted
            )
        )
        current = [model.tags.get(tag) for tag in tags]
        fails = {
            None: False,
            "absent": any(current),
            "present": not all(current),
            "match": any(digest != what.digest for digest in current),
            "none_match": any(digest == what.digest for digest in current),
        }[condition]
        if self.missing(name, what):
            assert error is ManifestBlobUnknown
        elif fails:
            assert error is PreconditionFailed
        else:
            assert error is None
            model.known = True
            model.manifests[what.digest] = what
            model.tags.update(dict.fromkeys(tags, what.digest))

    @rule(name=names)
    def push_all(self, name: str) -> None:
        """Push what some of the others need."""
        for content in CONTENTS:
            self.push_blob(name, content, "sha256")
        self.push(name, IMAGES[0], [], None)

    @rule(name=names, what=manifests)
    def delete(self, name: str, what: Made) -> None:
        """Delete a manifest."""
        model = self.model[name]
        error = error_of(self.repository(name).manifests.delete(what.digest))
        known = model.manifests.pop(what.digest, None) is not None
        assert error is (None if known else ManifestUnknown)
        model.tags = {tag: named for tag, named in model.tags.items() if named != what.digest}

    @rule(name=names, tag=tags)
    def untag(self, name: str, tag: Tag) -> None:
        """Delete a tag."""
        error = error_of(self.repository(name).tags.delete(tag))
        known = self.model[name].tags.pop(tag, None) is not None
        assert error is (None if known else ManifestUnknown)

    # trouble

    @rule(
        name=names,
        what=manifests,
        tags=st.lists(tags, max_size=3, unique=True),
        trouble=troubles,
    )
    def push_in_trouble(
        self, name: str, what: Made, tags: list[Tag], trouble: tuple[str, Exception]
    ) -> None:
        """Push a manifest to a storage that fails somewhere: no tag moves, or all do."""
        if self.missing(name, what):
            return
        self.shop.driver.fail(*trouble)
        model, repository = self.model[name], self.repository(name)
        try:
            now(repository.manifests.put(what.manifest, what.payload, what.digest, tags))
        except (StorageFull, StorageFailure):
            pass
        else:
            model.tags.update(dict.fromkeys(tags, what.digest))
        self.restart()
        if error_of(self.repository(name).manifests.get(what.digest)) is None:
            model.manifests[what.digest] = what
        model.known |= now(exists(self.shop, f"{paths.REPOSITORIES}/{name}/{paths.MANIFESTS}"))

    @rule(name=names, content=contents, trouble=troubles)
    def push_blob_in_trouble(
        self, name: str, content: bytes, trouble: tuple[str, Exception]
    ) -> None:
        """Push a blob to a storage that fails somewhere: it is there or it isn't."""
        self.shop.driver.fail(*trouble)
        digest = Digest.of(content)
        try:
            upload = now(self.repository(name).uploads.start())
            now(upload.commit(digest, GivenStream(content) if content else None))
        except (StorageFull, StorageFailure):
            pass
        else:
            self.model[name].blobs[digest] = content
        self.restart()
        if error_of(self.repository(name).blobs.stat(digest)) is None:
            self.model[name].blobs[digest] = content

    @rule()
    def restart(self) -> None:
        """Forget what is remembered: so too that ids of uploads are used, on the first day."""
        self.shop = open_shop(driver=self.shop.driver.driver)
        for upload in self.ended:
            upload.over, upload.content = False, b""
        self.ended.clear()

    # what is always so

    @invariant()
    def blobs_are_right(self) -> None:
        """Every blob is there or isn't, with its content."""
        for name in NAMES:
            repository = self.repository(name)
            for content in CONTENTS:
                for algorithm in ALGORITHMS:
                    digest = Digest.of(content, algorithm)
                    if digest in self.model[name].blobs:
                        assert now(reading(repository, digest)) == content
                        assert now(repository.blobs.stat(digest)).size == len(content)
                    else:
                        assert error_of(repository.blobs.stat(digest)) is BlobUnknown

    @invariant()
    def manifests_are_right(self) -> None:
        """Every manifest is there or isn't, with its content."""
        for name in NAMES:
            manifests = self.repository(name).manifests
            for what in MANIFESTS:
                if what.digest in self.model[name].manifests:
                    assert now(manifests.get(what.digest)).payload == what.payload
                    assert now(manifests.stat(what.digest)).digest == what.digest
                else:
                    assert error_of(manifests.get(what.digest)) is ManifestUnknown

    @invariant()
    def tags_are_right(self) -> None:
        """Every tag names what it should, and what it names is there."""
        for name in NAMES:
            repository, model = self.repository(name), self.model[name]
            for tag in map(Tag, TAGS):
                if tag in model.tags:
                    assert now(repository.tags.get(tag)) == model.tags[tag]
                    assert now(repository.manifests.get(tag)).descriptor.digest == model.tags[tag]
                else:
                    assert error_of(repository.manifests.get(tag)) is ManifestUnknown
            if model.known:
                assert now(repository.tags.page()).items == tuple(sorted(model.tags))
            else:
                assert error_of(repository.tags.page()) is NameUnknown

    @invariant()
    def referrers_are_right(self) -> None:
        """Every referrer that is there is listed."""
        for name in NAMES:
            for subject in SUBJECTS:
                expected = sorted(
                    str(digest)
                    for digest, what in self.model[name].manifests.items()
                    if what.manifest.subject and what.manifest.subject.digest == subject.digest
                )
                page = now(self.repository(name).referrers.page(subject.digest, 10))
                assert [str(entry.descriptor.digest) for entry in page.items] == expected

    @invariant()
    def catalog_is_right(self) -> None:
        """Every repository that has had a manifest is listed."""
        expected = sorted(name for name in NAMES if self.model[name].known)
        assert now(self.shop.registry.page(100)).items == tuple(expected)

    @invariant()
    def content_is_whole(self) -> None:
        """Whatever lies under a digest has that digest."""
        for path, content in now(all_files(self.shop.driver)).items():
            if "/blobs/" in path:
                algorithm, hex_ = path.split("/")[5], path.split("/")[7]
                assert Digest.of(content, algorithm).hex == hex_


EverythingTests = pytest.mark.timeout(600)(Everything.TestCase)
EverythingTests.settings = settings(stateful_step_count=25, max_examples=40)
