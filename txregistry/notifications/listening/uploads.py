"""
Uploads of which it is told when they have become blobs.
"""

from __future__ import annotations

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.interfaces import IAlongside, IByteStream, IUpload, IUploads
from txregistry.model.byte_range import ContentRange
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import CANONICAL, Digest
from txregistry.model.event import EventAction
from txregistry.notifications.listening.alongside import Told
from txregistry.notifications.listening.report import Report


@implementer(IUploads)
@frozen
class ListeningUploads:
    """
    The uploads of a repository.
    """

    _uploads: IUploads
    _report: Report

    def start(self, algorithm: str = CANONICAL) -> Deferred[IUpload]:
        return self._uploads.start(algorithm).addCallback(ListeningUpload, self._report)

    def resume(self, id: str) -> Deferred[IUpload]:
        return self._uploads.resume(id).addCallback(ListeningUpload, self._report)


@implementer(IUpload)
@frozen
class ListeningUpload:
    """
    One of them.
    """

    _upload: IUpload
    _report: Report

    @property
    def id(self) -> str:
        known: str = self._upload.id
        return known

    @property
    def size(self) -> int:
        size: int = self._upload.size
        return size

    def append(
        self,
        stream: IByteStream,
        content_range: ContentRange | None = None,
        length: int | None = None,
    ) -> Deferred[int]:
        return self._upload.append(stream, content_range, length)

    def commit(
        self,
        digest: Digest,
        stream: IByteStream | None = None,
        content_range: ContentRange | None = None,
        length: int | None = None,
        alongside: IAlongside | None = None,
    ) -> Deferred[Descriptor]:
        return self._upload.commit(
            digest,
            stream,
            content_range,
            length,
            Told(self._pushed, self._report.note_blob, alongside),
        )

    def cancel(self) -> Deferred[None]:
        return self._upload.cancel()

    def _pushed(self, descriptor: Descriptor) -> Deferred[None]:
        return self._report.write(EventAction.PUSH, self._report.targets.blob(descriptor))
