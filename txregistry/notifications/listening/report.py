"""
What one request does to one repository.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txregistry.deferreds import Threads, deferred
from txregistry.interfaces import INote, IRepository
from txregistry.model.access import Requester
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.model.event import EventAction, Kind, Member, Target
from txregistry.model.name import RepositoryName
from txregistry.notifications.listening.layers import LayerTypes
from txregistry.notifications.listening.members import READ_AT_ONCE, members
from txregistry.notifications.listening.recorder import Recorder
from txregistry.notifications.listening.targets import Targets


@frozen
class Telling:
    """
    How it is told, for all requests.

    :param recorder: makes and writes events.
    :param threads: where big manifests are read.
    :param references: whether the event of a manifest tells what the manifest names.
    :param layers: the types of blobs, where somebody wants to know them.
    :param pulls: whether anybody wants to know of pulls, which are most of what happens.
    """

    recorder: Recorder
    threads: Threads
    references: bool = False
    layers: LayerTypes | None = None
    pulls: bool = True

    @deferred
    async def named_by(self, payload: bytes) -> tuple[Member, ...]:
        """:return: what a manifest names, if that shall be told."""
        if not self.references:
            return ()
        if len(payload) <= READ_AT_ONCE:
            return members(payload)
        return await self.threads.run(members, payload)

    def learn(self, digest: Digest, payload: bytes) -> None:
        """
        Look into a manifest for the types of blobs, if somebody wants to know them.

        :param digest: of it.
        """
        if self.layers is not None:
            self.layers.learn(digest, payload)


@frozen
class Pulled:
    """
    Something that a request has been given.

    :param tag: by which it was asked for, ``""`` where it was by digest.
    """

    kind: Kind
    descriptor: Descriptor
    tag: str = ""


class Report:
    """
    Tells what is done, and what was pulled when it has been served.

    :param requester: whose request it is.
    :param repository: to look into its manifests.

    :ivar telling: how it is told.
    """

    __slots__ = ("_name", "_pulled", "_repository", "_requester", "telling")

    log = Logger()

    def __init__(self, telling: Telling, requester: Requester, repository: IRepository) -> None:
        self.telling = telling
        self._name: RepositoryName = repository.name
        self._requester = requester
        self._repository = repository
        self._pulled: dict[Digest, Pulled] = {}

    @property
    def targets(self) -> Targets:
        """Describes what it is about."""
        return Targets(self._name, self._requester.request, self.telling.layers)

    def write(self, action: EventAction, *targets: Target) -> Deferred[None]:
        """
        Tell what has been done.

        :return: fires when the sink has it; never fails.
        """
        return self.telling.recorder.record(self._requester, action, targets)

    def note_blob(self, descriptor: Descriptor) -> INote | None:
        """
        :return: what tells of the push of a blob when it is written, if that can be.
        """
        return self._note([self._plain(EventAction.PUSH, Kind.BLOB, descriptor)])

    def note_manifest(self, descriptor: Descriptor, tags: Sequence[str]) -> INote | None:
        """
        :param tags: there is an event for each.
        :return: what tells of the push of a manifest when it is written, if that can be.
        """
        return self._note(
            [self._plain(EventAction.PUSH, Kind.MANIFEST, descriptor, tag) for tag in tags or ("",)]
        )

    def _note(self, targets: Sequence[Sequence[str]]) -> INote | None:
        recorder, requester, alone = self.telling.recorder, self._requester, len(targets) == 1

        def encoded() -> list[bytes]:
            return [recorder.encode(requester, target, alone=alone) for target in targets]

        return recorder.sink.note(encoded)

    def pulled(self, kind: Kind, descriptor: Descriptor, tag: str = "") -> None:
        """
        Note what the request has been given.  It is pulled when the answer has gone out; what it
        was given twice, as facts and as content, it pulls once.
        """
        if not self.telling.pulls or descriptor.digest in self._pulled:
            return
        request = self._requester.request
        if not self._pulled and request is not None:
            request.when_served(self._served)
        self._pulled[descriptor.digest] = Pulled(kind, descriptor, tag)
        if request is None:
            self._tell_pulled()

    def _served(self) -> None:
        request = self._requester.request
        if request is not None and request.method() in ("GET", "HEAD"):
            self._tell_pulled()

    def _tell_pulled(self) -> None:
        """Nobody waits for it."""
        pulled, self._pulled = list(self._pulled.values()), {}
        if self.telling.references:
            self._look_up_and_tell(pulled)
            return
        recorder, alone = self.telling.recorder, len(pulled) == 1
        for each in pulled:
            target = self._plain(EventAction.PULL, each.kind, each.descriptor, each.tag)
            recorder.leave(self._requester, target, alone=alone)

    def _plain(
        self, action: EventAction, kind: Kind, descriptor: Descriptor, tag: str = ""
    ) -> tuple[str, ...]:
        """:return: what happens, and to what, as ``encode_plain`` has it."""
        request, layers, digest = self._requester.request, self.telling.layers, descriptor.digest
        url = layer_type = ""
        if kind is Kind.BLOB:
            url = request.blob_url(self._name, digest) if request is not None else ""
            layer_type = layers.of(digest) if layers is not None else ""
        elif request is not None:
            url = request.manifest_url(self._name, digest)
        facts = str(digest), descriptor.media_type, str(descriptor.size), url, tag, layer_type
        return action, kind, self._name, *facts

    @deferred
    async def _look_up_and_tell(self, pulled: list[Pulled]) -> None:
        targets = [self._target(each, await self._named_by(each)) for each in pulled]
        await self.write(EventAction.PULL, *targets)

    async def _named_by(self, pulled: Pulled) -> tuple[Member, ...]:
        if pulled.kind is not Kind.MANIFEST:
            return ()
        try:
            manifest = await self._repository.manifests.get(pulled.descriptor.digest)
            return await self.telling.named_by(manifest.payload)
        except Exception:  # noqa: BLE001 - it was served, and that is what the event is about
            self.log.failure("an event goes without what its manifest names")
            return ()

    def _target(self, pulled: Pulled, references: tuple[Member, ...] = ()) -> Target:
        if pulled.kind is Kind.BLOB:
            return self.targets.blob(pulled.descriptor)
        return self.targets.manifest(pulled.descriptor, pulled.tag, references)
