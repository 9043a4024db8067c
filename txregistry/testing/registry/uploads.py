"""
Uploads: taken in pieces, in order, by one at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from zope.interface.verify import verifyObject

from txregistry.errors import (
    BlobUnknown,
    BlobUploadUnknown,
    ClientDisconnected,
    DigestInvalid,
    RangeInvalid,
    SizeInvalid,
    UploadBusy,
)
from txregistry.interfaces import IRegistry, IRepository, IUpload
from txregistry.model.byte_range import ContentRange
from txregistry.testing.drivers.suite import coroutine_tests
from txregistry.testing.registry.content import (
    BODY,
    OTHER,
    SUM,
    Suite,
    Told,
    opened,
    read_blob,
)
from txregistry.testing.streams import ComingStream, GivenStream

Try = Callable[[], Deferred[Any]]


@coroutine_tests
class UploadContract(Suite):
    """
    What a registry must do with uploads.
    """

    async def test_pieces(self, repository: IRepository) -> None:
        """
        What comes in pieces is one blob; between them the upload is found, with its size.
        """
        upload = await repository.uploads.start()
        verifyObject(IUpload, upload)
        assert upload.size == 0
        for size, piece in ((4, BODY[:4]), (7, BODY[4:7])):
            assert await upload.append(GivenStream(piece[:1], piece[1:]), None, len(piece)) == size
            upload = await repository.uploads.resume(upload.id)
            assert upload.size == size
        descriptor = await upload.commit(SUM, GivenStream(BODY[7:]))
        assert (descriptor.digest, descriptor.size) == (SUM, len(BODY))
        assert await read_blob(repository, SUM) == BODY
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(upload.id)

    async def test_alongside(self, registry: IRegistry, repository: IRepository) -> None:
        """
        Who is to be told of a blob is told when everybody can see it, and the commit waits for him,
        even if whoever commits goes away.
        """
        told = Told(opened(registry).blobs.stat)
        upload = await repository.uploads.start()
        committing = upload.commit(SUM, GivenStream(BODY), alongside=told)
        await told.come()
        assert [(each.digest, each.size) for each in told.of] == [(SUM, len(BODY))]
        assert not committing.called
        committing.cancel()
        assert not committing.called
        told.go_on()
        with pytest.raises(CancelledError):
            await committing
        assert await read_blob(repository, SUM) == BODY

    async def test_nothing_alongside(self, repository: IRepository) -> None:
        """
        Of what comes to nothing nobody is told.
        """
        told = Told(repository.blobs.stat)
        upload = await repository.uploads.start()
        with pytest.raises(DigestInvalid):
            await upload.commit(SUM, GivenStream(b"something else"), alongside=told)
        assert told.of == []

    async def test_whose(self, registry: IRegistry) -> None:
        """
        An upload is found in its repository, by who began it; nobody's by nobody else.
        """
        upload = await opened(registry, actor="ann").uploads.start()
        for stranger in (
            opened(registry, actor="bob"),
            opened(registry),
            opened(registry, OTHER, "ann"),
        ):
            with pytest.raises(BlobUploadUnknown):
                await stranger.uploads.resume(upload.id)
        await opened(registry, actor="ann").uploads.resume(upload.id)
        upload = await opened(registry).uploads.start()
        with pytest.raises(BlobUploadUnknown):
            await opened(registry, actor="bob").uploads.resume(upload.id)
        await opened(registry).uploads.resume(upload.id)

    async def test_out_of_order(self, repository: IRepository) -> None:
        """
        A piece that belongs elsewhere isn't read; the error has the upload as it is.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY[:4]), ContentRange(0, 3), 4)
        stream = GivenStream(b"x")
        late_and_early: list[Try] = [
            lambda: upload.append(stream, ContentRange(5, 5), 1),
            lambda: upload.commit(SUM, stream, ContentRange(3, 3), 1),
        ]
        for refused in late_and_early:
            with pytest.raises(RangeInvalid) as caught:
                await refused()
            assert caught.value.upload.size == 4
        assert stream.reads == 0
        await upload.commit(SUM, GivenStream(BODY[4:]), ContentRange(4, 9), 6)

    async def test_other_length(self, repository: IRepository) -> None:
        """
        If more or fewer bytes come than were announced, it is as if none had come.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY[:4]))
        for stream in (GivenStream(b"12345", b"67"), GivenStream(b"1")):
            with pytest.raises(SizeInvalid):
                await upload.append(stream, ContentRange(4, 9))
        assert (await repository.uploads.resume(upload.id)).size == 4

    async def test_breaks_off(self, repository: IRepository) -> None:
        """
        What came before a stream broke off stays.
        """
        upload = await repository.uploads.start()
        for broken in (upload.append, lambda stream: upload.commit(SUM, stream)):
            with pytest.raises(ClientDisconnected):
                await broken(GivenStream(b"01", error=ClientDisconnected()))
        assert (await repository.uploads.resume(upload.id)).size == 4

    async def test_wrong_digest(self, repository: IRepository) -> None:
        """
        Content that isn't what its digest says is no blob, and its upload is over.
        """
        upload = await repository.uploads.start()
        with pytest.raises(DigestInvalid):
            await upload.commit(SUM, GivenStream(b"something else"))
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(upload.id)
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(SUM)

    async def test_busy(self, repository: IRepository) -> None:
        """
        While one writes others can't.
        """
        upload = await repository.uploads.start()
        stream = ComingStream()
        outcome: list[Any] = []
        writing = upload.append(stream).addBoth(outcome.append)
        stream.feed(BODY[:5])
        await stream.asked()
        other = await repository.uploads.resume(upload.id)
        writes: list[Try] = [
            lambda: other.append(GivenStream(b"x")),
            lambda: other.commit(SUM),
            other.cancel,
        ]
        for refused in writes:
            with pytest.raises(UploadBusy):
                await refused()
        stream.feed(BODY[5:])
        stream.end()
        await writing
        assert outcome == [len(BODY)]
        await upload.commit(SUM)
        assert await read_blob(repository, SUM) == BODY

    async def test_cancel_upload(self, repository: IRepository) -> None:
        """
        What was cancelled is over.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY))
        await upload.cancel()
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(upload.id)
        writes: list[Try] = [
            lambda: upload.append(GivenStream(b"x")),
            lambda: upload.commit(SUM),
        ]
        for late in writes:
            with pytest.raises(BlobUploadUnknown):
                await late()
