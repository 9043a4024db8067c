"""
Uploads: what they take, what they refuse, what is left when they break.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from twisted.internet.defer import CancelledError, Deferred
from zope.interface.verify import verifyObject

from tests.storage.kit import NAME, Shop, files, fires, open_shop, pieces, read_blob
from txregistry.deferreds import InlineThreads, deferred
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.inmemory import MemoryDriver
from txregistry.errors import (
    BlobUnknown,
    BlobUploadUnknown,
    ClientDisconnected,
    DigestInvalid,
    NoSpace,
    RangeInvalid,
    SizeInvalid,
    StorageFailure,
    StorageFull,
    UploadBusy,
)
from txregistry.interfaces import IRepository, IUpload, IUploads
from txregistry.model.access import Requester
from txregistry.model.byte_range import ContentRange
from txregistry.model.digest import HEX_LENGTHS, Digest
from txregistry.storage import hashing, hashstates, paths
from txregistry.storage.registry import Registry
from txregistry.storage.upload import SMALL
from txregistry.testing.streams import ComingStream, GivenStream

KIB = 1024
BODY = b"0123456789"
SUM = Digest.of(BODY)


def upload_files(content: dict[str, bytes], upload: IUpload) -> dict[str, bytes]:
    """:return: what is in an upload's directory."""
    directory = f"{paths.upload(NAME, upload.id)}/"
    return {
        path.removeprefix(directory): data
        for path, data in content.items()
        if path.startswith(directory)
    }


@deferred
async def changes(shop: Shop, begin: Callable[[], Deferred[Any]]) -> list[tuple[str, str]]:
    """:return: which operations change something while something is done, and where."""
    shop.driver.calls.clear()
    await begin()
    return [
        (call.operation, call.path)
        for call in shop.driver.calls
        if call.operation in ("writer.commit", "move", "put_content", "delete", "writer.close")
    ]


class StartTests:
    """
    Beginning an upload, and finding it again.
    """

    async def test_provides(self, repository: IRepository) -> None:
        """
        They are what the interfaces say.
        """
        verifyObject(IUploads, repository.uploads)
        verifyObject(IUpload, await repository.uploads.start())

    async def test_nothing_stored(self, shop: Shop, repository: IRepository) -> None:
        """
        An upload is named by a UUID that is all there is of it, and it is found.
        """
        upload = await repository.uploads.start()
        assert UUID(upload.id).version == 8
        assert upload.size == 0
        assert await files(shop.driver) == {}
        assert (await repository.uploads.resume(upload.id)).size == 0

    async def test_files(self, shop: Shop, repository: IRepository) -> None:
        """
        When something comes, it has a start time of whole seconds: when it was begun.
        """
        upload = await repository.uploads.start()
        shop.pass_time(hours=1)
        await (await repository.uploads.resume(upload.id)).append(GivenStream(BODY))
        # This driver shows data when it is committed.
        content = upload_files(await files(shop.driver), upload)
        assert content == {"startedat": b"2026-08-18T11:55:22Z"}

    async def test_owner(self, shop: Shop) -> None:
        """
        Nobody finds it but who began it, whether something came or not.
        """
        for began in ("ann", ""):
            upload = await shop.repository(actor=began).uploads.start()
            for piece in (b"", BODY):
                await upload.append(GivenStream(piece))
                found = await shop.repository(actor=began).uploads.resume(upload.id)
                assert found.id == upload.id
                for stranger in {"ann", "bob", ""} - {began}:
                    with pytest.raises(BlobUploadUnknown):
                        await shop.repository(actor=stranger).uploads.resume(upload.id)

    async def test_after_restart(self, shop: Shop, repository: IRepository) -> None:
        """
        After a restart, and where another daemon serves the same tree, it is found too.
        """
        upload = await repository.uploads.start()
        later = open_shop(driver=shop.driver.driver).repository()
        await (await later.uploads.resume(upload.id)).commit(SUM, GivenStream(BODY))
        assert await read_blob(repository, SUM) == BODY

    async def test_old(self, shop: Shop, repository: IRepository) -> None:
        """
        After a day an upload to which nothing came is unknown.
        """
        upload = await repository.uploads.start()
        shop.pass_time(hours=23)
        await repository.uploads.resume(upload.id)
        shop.pass_time(hours=2)
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(upload.id)

    async def test_strange_owner(self, shop: Shop) -> None:
        """
        A user may have any name.
        """
        for actor in ("\udcff", "ü", "a\nb", "\x00"):
            upload = await shop.repository(actor=actor).uploads.start()
            assert (await shop.repository(actor=actor).uploads.resume(upload.id)).id == upload.id

    async def test_distributions(self, shop: Shop, repository: IRepository) -> None:
        """
        An upload that another program began is anybody's.
        """
        theirs = "6f5b0f8e-5b0f-4b8e-9b0f-8e5b0f8e5b0f"
        begun = paths.upload_started_at(NAME, theirs)
        await shop.driver.put_content(begun, b"2026-08-18T11:55:22Z")
        assert (await shop.repository(actor="ann").uploads.resume(theirs)).id == theirs
        assert (await repository.uploads.resume(theirs)).id == theirs

    async def test_another_repository(self, shop: Shop, repository: IRepository) -> None:
        """
        An upload is found in its own repository only.
        """
        upload = await repository.uploads.start()
        with pytest.raises(BlobUploadUnknown):
            await shop.repository("library/else").uploads.resume(upload.id)

    @pytest.mark.parametrize(
        "id", ["", ".", "..", "../x", "a/b", "a\n", "ä", "a=b", "x" * 300, "startedat"]
    )
    async def test_bad_id(self, repository: IRepository, id: str) -> None:
        """
        Whatever stands in a URL, it is an unknown upload at worst.
        """
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(id)

    async def test_full(self, shop: Shop, repository: IRepository) -> None:
        """
        Where there is no room, nothing is left behind.
        """
        shop.driver.fail("put_content", NoSpace("/x"))
        with pytest.raises(StorageFull):
            await repository.uploads.start("sha512")
        assert await files(shop.driver) == {}

    async def test_size_of_another_writer(self, repository: IRepository) -> None:
        """
        A resumed upload knows what came so far.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY))
        assert (await repository.uploads.resume(upload.id)).size == len(BODY)


class AppendTests:
    """
    Bytes come.
    """

    async def test_pieces(self, repository: IRepository) -> None:
        """
        What comes in any pieces is one blob.
        """
        upload = await repository.uploads.start()
        assert await upload.append(GivenStream(b"01", b"234")) == 5
        upload = await repository.uploads.resume(upload.id)
        assert await upload.append(GivenStream(b"56789")) == 10
        assert upload.size == 10
        await upload.commit(SUM)
        assert await read_blob(repository, SUM) == BODY

    async def test_nothing(self, repository: IRepository) -> None:
        """
        An empty piece changes nothing.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(b"01"))
        assert await upload.append(GivenStream(), None, 0) == 2
        assert await upload.append(GivenStream(), ContentRange(7, 9), 0) == 2

    async def test_in_order(self, repository: IRepository) -> None:
        """
        Pieces that say where they belong are taken in their order, whichever way they count.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(b"0123"), ContentRange(0, 3), 4)
        assert await upload.append(GivenStream(b"456789"), ContentRange(4, 10)) == 10

    @pytest.mark.parametrize("first", [0, 3, 5, 100])
    async def test_out_of_order(self, repository: IRepository, first: int) -> None:
        """
        A piece that belongs elsewhere is not even read, and the error tells the real state.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(b"0123"))
        stale = await repository.uploads.resume(upload.id)
        stream = GivenStream(b"ab")
        with pytest.raises(RangeInvalid) as caught:
            await stale.append(stream, ContentRange(first, first + 1), 2)
        assert stream.reads == 0
        assert caught.value.upload.size == 4
        assert caught.value.upload.id == upload.id
        await upload.commit(Digest.of(b"0123"))

    async def test_size_is_looked_up(self, repository: IRepository) -> None:
        """
        An upload that somebody else continued says so.
        """
        upload = await repository.uploads.start()
        await (await repository.uploads.resume(upload.id)).append(GivenStream(b"0123"))
        with pytest.raises(RangeInvalid) as caught:
            await upload.append(GivenStream(b"ab"), ContentRange(0, 1), 2)
        assert caught.value.upload.size == 4

    async def test_announced_length(self, repository: IRepository) -> None:
        """
        A length that is not that of the range is refused before anything is read.
        """
        upload = await repository.uploads.start()
        stream = GivenStream(b"abc")
        with pytest.raises(SizeInvalid):
            await upload.append(stream, ContentRange(0, 9), 3)
        assert stream.reads == 0
        assert (await repository.uploads.resume(upload.id)).size == 0

    @pytest.mark.parametrize(
        "stream",
        [(b"45678", b"9a"), (b"4567",), (), (b"456789abcdef",)],
    )
    async def test_other_length_comes(
        self, shop: Shop, repository: IRepository, stream: tuple[bytes, ...]
    ) -> None:
        """
        If more or fewer bytes come than the range says, it is as if none had come.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(b"0123"))
        with pytest.raises(SizeInvalid):
            await upload.append(GivenStream(*stream), ContentRange(4, 9))
        assert upload.size == 4
        assert (await repository.uploads.resume(upload.id)).size == 4
        await upload.append(GivenStream(b"456789"), ContentRange(4, 9))
        await upload.commit(SUM)

    async def test_too_much_is_not_read(self, repository: IRepository) -> None:
        """
        What comes after too much is not read.
        """
        upload = await repository.uploads.start()
        stream = GivenStream(*(b"x" * 10 for _ in range(1000)))
        with pytest.raises(SizeInvalid):
            await upload.append(stream, ContentRange(0, 24))
        assert stream.reads == 3

    async def test_length_without_range(self, repository: IRepository) -> None:
        """
        A length that was announced must be that of what comes.
        """
        upload = await repository.uploads.start()
        with pytest.raises(SizeInvalid):
            await upload.append(GivenStream(b"abc"), None, 4)
        assert upload.size == 0

    @pytest.mark.parametrize("error", [ClientDisconnected(), RuntimeError("?")])
    async def test_breaks_off(self, repository: IRepository, error: Exception) -> None:
        """
        What came before a stream broke off stays, and can be continued.
        """
        upload = await repository.uploads.start()
        with pytest.raises(type(error)):
            await upload.append(GivenStream(b"0123", b"45", error=error), ContentRange(0, 9))
        assert upload.size == 6
        upload = await repository.uploads.resume(upload.id)
        assert upload.size == 6
        await upload.append(GivenStream(b"6789"), ContentRange(6, 9))
        await upload.commit(SUM)
        assert await read_blob(repository, SUM) == BODY

    async def test_cancelled(self, repository: IRepository) -> None:
        """
        A request that is cancelled leaves what it brought, and lets go of the upload.
        """
        upload = await repository.uploads.start()
        stream = ComingStream()
        appending = upload.append(stream)
        outcome = fires(appending)
        stream.feed(b"0123")
        appending.cancel()
        outcome[0].trap(CancelledError)
        assert not stream.is_read
        upload = await repository.uploads.resume(upload.id)
        assert upload.size == 4
        await upload.commit(SUM, GivenStream(b"456789"))

    async def test_busy(self, repository: IRepository) -> None:
        """
        While one writes, others are refused: bytes of two are never mixed.
        """
        upload = await repository.uploads.start()
        stream = ComingStream()
        outcome = fires(upload.append(stream))
        stream.feed(b"01234")
        other = await repository.uploads.resume(upload.id)
        with pytest.raises(UploadBusy):
            await other.append(GivenStream(b"x"))
        with pytest.raises(UploadBusy):
            await other.commit(SUM)
        with pytest.raises(UploadBusy):
            await other.cancel()
        stream.feed(b"56789")
        stream.end()
        assert outcome == [10]
        await other.commit(SUM)
        assert await read_blob(repository, SUM) == BODY

    async def test_no_room(self, shop: Shop, repository: IRepository) -> None:
        """
        If the storage is full in the midst, the size is right and it can go on later.
        """
        upload = await repository.uploads.start()
        shop.driver.fail("writer.write", NoSpace("/x"))
        with pytest.raises(StorageFull):
            await upload.append(GivenStream(b"0123"))
        assert upload.size == 0
        await upload.append(GivenStream(b"0123"))
        shop.driver.fail("writer.write", NoSpace("/x"))
        with pytest.raises(StorageFull):
            await upload.append(GivenStream(b"45", b"6789"))
        assert (await repository.uploads.resume(upload.id)).size == 4
        await upload.append(GivenStream(b"456789"))
        await upload.commit(SUM)

    async def test_failure(self, shop: Shop, repository: IRepository) -> None:
        """
        A storage that fails is told as such, and lets go of the upload.
        """
        upload = await repository.uploads.start()
        shop.driver.fail("writer.write", StorageFailure("/x", "Input/output error"))
        with pytest.raises(StorageFailure):
            await upload.append(GivenStream(b"0123"))
        await upload.append(GivenStream(BODY))
        await upload.commit(SUM)

    async def test_closing_fails(
        self, shop: Shop, repository: IRepository, logged_failures: list[object]
    ) -> None:
        """
        That an upload could not be closed doesn't hide why it had to be.
        """
        upload = await repository.uploads.start()
        shop.driver.fail("writer.close", StorageFailure("/x", "Input/output error"))
        with pytest.raises(ClientDisconnected):
            await upload.append(GivenStream(b"01", error=ClientDisconnected()))
        assert len(logged_failures) == 1
        logged_failures.clear()

    async def test_not_acknowledged_before_it_is_safe(
        self, shop: Shop, repository: IRepository
    ) -> None:
        """
        If what came can't be made durable, that is an error.
        """
        upload = await repository.uploads.start()
        shop.driver.fail("writer.close", StorageFailure("/x", "Input/output error"))
        with pytest.raises(StorageFailure):
            await upload.append(GivenStream(b"01"))

    async def test_gone(self, shop: Shop, repository: IRepository) -> None:
        """
        What was ended meanwhile can't be continued, and leaves nothing behind.
        """
        upload = await repository.uploads.start()
        await (await repository.uploads.resume(upload.id)).cancel()
        before = await files(shop.driver)
        with pytest.raises(BlobUploadUnknown):
            await upload.append(GivenStream(b"01"))
        with pytest.raises(BlobUploadUnknown):
            await upload.commit(SUM, GivenStream(BODY))
        assert await files(shop.driver) == before

    async def test_ended_while_writing(self, shop: Shop, repository: IRepository) -> None:
        """
        An upload that is purged under a writer is unknown to him in the end.
        """
        upload = await repository.uploads.start()
        stream = ComingStream()
        outcome = fires(upload.append(stream))
        stream.feed(b"01234")
        await shop.driver.delete(paths.upload(NAME, upload.id))
        stream.end()
        outcome[0].trap(BlobUploadUnknown)
        assert await files(shop.driver) == {}


class CommitTests:
    """
    An upload becomes a blob.
    """

    @pytest.mark.parametrize("algorithm", sorted(HEX_LENGTHS))
    @pytest.mark.parametrize("size", [1, 70 * KIB, 200 * KIB])
    async def test_whole(self, repository: IRepository, algorithm: str, size: int) -> None:
        """
        A blob that comes with its digest is kept under that digest.
        """
        content = bytes(range(256)) * (size // 256 + 1)
        digest = Digest.of(content, algorithm)
        upload = await repository.uploads.start()
        descriptor = await upload.commit(digest, GivenStream(*pieces(content, 50_001)))
        assert (descriptor.digest, descriptor.size) == (digest, len(content))
        assert await repository.blobs.stat(digest) == descriptor
        assert await read_blob(repository, digest) == content

    async def test_files(self, shop: Shop, repository: IRepository) -> None:
        """
        What is left is the blob and its link.
        """
        upload = await shop.repository(actor="ann").uploads.start("sha512")
        await upload.commit(SUM, GivenStream(BODY))
        assert await files(shop.driver) == {
            paths.blob(SUM): BODY,
            paths.layer_link(NAME, SUM): str(SUM).encode(),
        }

    async def test_order(self, shop: Shop, repository: IRepository) -> None:
        """
        The bytes are safe before they are moved, and there before they are linked.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY[:3]))
        assert await changes(shop, lambda: upload.commit(SUM, GivenStream(BODY[3:]))) == [
            ("writer.commit", data := paths.upload_data(NAME, upload.id)),
            ("move", data),
            ("put_content", paths.layer_link(NAME, SUM)),
            ("delete", paths.upload(NAME, upload.id)),
            ("writer.close", data),
        ]

    async def test_small(self, shop: Shop, repository: IRepository) -> None:
        """
        What is small and comes in one go is put where it belongs at once, and the upload is over.
        """
        upload = await repository.uploads.start()
        assert await changes(
            shop, lambda: upload.commit(SUM, GivenStream(BODY), None, len(BODY))
        ) == [
            ("put_content", paths.blob(SUM)),
            ("put_content", paths.layer_link(NAME, SUM)),
        ]
        assert await read_blob(repository, SUM) == BODY
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(upload.id)

    async def test_small_of_another_digest(self, shop: Shop, repository: IRepository) -> None:
        """
        If it isn't what its digest says, nothing is stored, and the upload is over.
        """
        upload = await repository.uploads.start()
        with pytest.raises(DigestInvalid) as caught:
            await upload.commit(SUM, GivenStream(b"other"), None, 5)
        assert str(Digest.of(b"other")) in str(caught.value.detail)
        assert await files(shop.driver) == {}
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(upload.id)

    @pytest.mark.parametrize("error", [ClientDisconnected(), NoSpace("/x")])
    async def test_small_breaks_off(
        self, shop: Shop, repository: IRepository, error: Exception
    ) -> None:
        """
        If its client goes away, or there is no room, it can be tried again.
        """
        upload = await repository.uploads.start()
        stream = GivenStream(BODY)
        if isinstance(error, NoSpace):
            shop.driver.fail("put_content", error)
        else:
            stream = GivenStream(BODY[:3], error=error)
        with pytest.raises((StorageFull, ClientDisconnected)):
            await upload.commit(SUM, stream, None, len(BODY))
        assert await files(shop.driver) == {}
        upload = await repository.uploads.resume(upload.id)
        await upload.commit(SUM, GivenStream(BODY), None, len(BODY))
        assert await read_blob(repository, SUM) == BODY

    @pytest.mark.parametrize("length", [len(BODY) - 1, len(BODY) + 1])
    async def test_small_of_another_length(self, repository: IRepository, length: int) -> None:
        """
        More or fewer bytes than were announced are refused.
        """
        upload = await repository.uploads.start()
        with pytest.raises(SizeInvalid):
            await upload.commit(SUM, GivenStream(BODY), None, length)
        await (await repository.uploads.resume(upload.id)).commit(SUM, GivenStream(BODY))

    async def test_not_so_small(self, shop: Shop, repository: IRepository) -> None:
        """
        What is more than should be held in memory goes into a file as it comes.
        """
        content = bytes(SMALL + 1)
        upload = await repository.uploads.start()
        data = paths.upload_data(NAME, upload.id)
        assert ("move", data) in await changes(
            shop,
            lambda: upload.commit(Digest.of(content), GivenStream(content), None, len(content)),
        )

    @pytest.mark.parametrize("algorithm", sorted(HEX_LENGTHS))
    async def test_empty(self, shop: Shop, repository: IRepository, algorithm: str) -> None:
        """
        The blob of no bytes can be pushed, with a body and without, and without a data file.
        """
        digest = Digest.of(b"", algorithm)
        for stream in (None, GivenStream()):
            upload = await repository.uploads.start()
            descriptor = await upload.commit(digest, stream)
            assert descriptor.size == 0
            assert await read_blob(repository, digest) == b""
            assert upload_files(await files(shop.driver), upload) == {}
            await repository.blobs.delete(digest)

    async def test_no_bytes(self, repository: IRepository) -> None:
        """
        No bytes are no blob of another digest.
        """
        upload = await repository.uploads.start()
        with pytest.raises(DigestInvalid):
            await upload.commit(SUM)

    async def test_wrong_digest(self, shop: Shop, repository: IRepository) -> None:
        """
        Content that isn't what its digest says is thrown away, with the upload.
        """
        upload = await repository.uploads.start()
        with pytest.raises(DigestInvalid) as caught:
            await upload.commit(SUM, GivenStream(b"something else"))
        assert caught.value.detail["digest"] == str(SUM)
        assert await files(shop.driver) == {}
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(upload.id)
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(SUM)

    async def test_another_algorithm(self, repository: IRepository) -> None:
        """
        The digest at the end may be of another algorithm than the one that was expected.
        """
        upload = await repository.uploads.start("sha512")
        await upload.append(GivenStream(b"01234"))
        digest = Digest.of(BODY, "sha384")
        await upload.commit(digest, GivenStream(b"56789"))
        assert await read_blob(repository, digest) == BODY

    async def test_out_of_order(self, repository: IRepository) -> None:
        """
        The last piece may be out of order too; the upload stays.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(b"01234"))
        stream = GivenStream(b"x")
        with pytest.raises(RangeInvalid):
            await upload.commit(SUM, stream, ContentRange(6, 9), 4)
        assert stream.reads == 0
        with pytest.raises(SizeInvalid):
            await upload.commit(SUM, GivenStream(b"567"), ContentRange(5, 9))
        await upload.commit(SUM, GivenStream(b"56789"), ContentRange(5, 9), 5)

    async def test_range_without_body(self, repository: IRepository) -> None:
        """
        Some clients send a range with the last request, which has no body: it means nothing.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY))
        await upload.commit(SUM, GivenStream(), ContentRange(0, 9), 0)

    async def test_breaks_off(self, repository: IRepository) -> None:
        """
        If the last piece breaks off, what came stays, and nothing becomes a blob.
        """
        upload = await repository.uploads.start()
        with pytest.raises(ClientDisconnected):
            await upload.commit(SUM, GivenStream(b"0123", error=ClientDisconnected()))
        upload = await repository.uploads.resume(upload.id)
        assert upload.size == 4
        await upload.commit(SUM, GivenStream(b"456789"))

    async def test_there_already(self, shop: Shop, repository: IRepository) -> None:
        """
        What is there already is kept, and the copy dropped.
        """
        await (await repository.uploads.start()).commit(SUM, GivenStream(BODY))
        shop.driver.calls.clear()
        other = shop.repository("library/else")
        await (await other.uploads.start()).commit(SUM, GivenStream(BODY))
        assert shop.driver.count("move") == 0
        assert await read_blob(other, SUM) == BODY
        assert sum(path.endswith("/data") for path in await files(shop.driver)) == 1

    async def test_heals(self, shop: Shop, repository: IRepository) -> None:
        """
        Bytes that were cut off are replaced by those of the next push.
        """
        await (await repository.uploads.start()).commit(SUM, GivenStream(BODY))
        await shop.driver.put_content(paths.blob(SUM), b"012")
        await (await repository.uploads.start()).commit(SUM, GivenStream(BODY))
        assert await read_blob(repository, SUM) == BODY

    async def test_many_at_once(self, repository: IRepository, shop: Shop) -> None:
        """
        Many push the same blob at once: all succeed, and one copy is stored.
        """
        streams = [ComingStream() for _ in range(16)]
        outcomes = [
            fires((await repository.uploads.start()).commit(SUM, stream)) for stream in streams
        ]
        for piece in (b"0123", b"456789", b""):
            for stream in streams:
                stream.feed(piece)
        assert {outcome[0].digest for outcome in outcomes} == {SUM}
        assert list(await files(shop.driver)) == [paths.blob(SUM), paths.layer_link(NAME, SUM)]

    @pytest.mark.parametrize("operation", ["writer.commit", "move"])
    async def test_fails_before(self, shop: Shop, repository: IRepository, operation: str) -> None:
        """
        If the storage fails before the blob is one, the client can try again.
        """
        upload = await repository.uploads.start()
        shop.driver.fail(operation, NoSpace("/x"))
        with pytest.raises(StorageFull):
            await upload.commit(SUM, GivenStream(BODY))
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(SUM)
        upload = await repository.uploads.resume(upload.id)
        assert upload.size == len(BODY)
        await upload.commit(SUM)
        assert await read_blob(repository, SUM) == BODY

    async def test_link_fails(self, shop: Shop, repository: IRepository) -> None:
        """
        If only the link fails, the blob isn't there, and is with the next push.
        """
        upload = await repository.uploads.start()
        shop.driver.fail("put_content", NoSpace("/x"), paths.layer_link(NAME, SUM))
        with pytest.raises(StorageFull):
            await upload.commit(SUM, GivenStream(BODY))
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(SUM)
        await (await repository.uploads.start()).commit(SUM, GivenStream(BODY))
        assert await read_blob(repository, SUM) == BODY

    async def test_removal_fails(
        self, shop: Shop, repository: IRepository, logged_failures: list[object]
    ) -> None:
        """
        That an upload's directory can't be removed is no reason to refuse the blob.
        """
        upload = await repository.uploads.start()
        shop.driver.fail("delete", StorageFailure("/x", "Input/output error"))
        await upload.commit(SUM, GivenStream(BODY))
        assert await read_blob(repository, SUM) == BODY
        assert len(logged_failures) == 1
        logged_failures.clear()

    async def test_closing_fails(
        self, shop: Shop, repository: IRepository, logged_failures: list[object]
    ) -> None:
        """
        Neither is that its file can't be closed.
        """
        upload = await repository.uploads.start()
        shop.driver.fail("writer.close", StorageFailure("/x", "Input/output error"))
        await upload.commit(SUM, GivenStream(BODY))
        assert await read_blob(repository, SUM) == BODY
        assert len(logged_failures) == 1
        logged_failures.clear()

    async def test_deleted_and_pushed_again(self, repository: IRepository) -> None:
        """
        A blob that was deleted is there again at once when it is pushed again.
        """
        for _ in range(2):
            await (await repository.uploads.start()).commit(SUM, GivenStream(BODY))
            assert await read_blob(repository, SUM) == BODY
            await repository.blobs.delete(SUM)
            with pytest.raises(BlobUnknown):
                await repository.blobs.stat(SUM)


class CancelTests:
    """
    An upload is thrown away.
    """

    async def test_cancel(self, shop: Shop, repository: IRepository) -> None:
        """
        Nothing is left, and it can be said twice.
        """
        upload = await shop.repository(actor="ann").uploads.start("sha512")
        await upload.append(GivenStream(b"0123"))
        await upload.cancel()
        await upload.cancel()
        assert await files(shop.driver) == {}
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(upload.id)

    async def test_committed(self, shop: Shop, repository: IRepository) -> None:
        """
        What has become a blob isn't touched.
        """
        upload = await repository.uploads.start()
        await upload.commit(SUM, GivenStream(BODY))
        await upload.cancel()
        assert await read_blob(repository, SUM) == BODY

    async def test_fails(self, shop: Shop, repository: IRepository) -> None:
        """
        If it can't be removed, that is told, and it can be tried again.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY))
        shop.driver.fail("delete", StorageFailure("/x", "Input/output error"))
        with pytest.raises(StorageFailure):
            await upload.cancel()
        await upload.cancel()
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(upload.id)


class HashTests:
    """
    What was hashed once isn't hashed again.
    """

    @pytest.fixture(autouse=True)
    def small_change(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ten bytes are worth a state."""
        monkeypatch.setattr(hashstates, "WORTH_SAVING", 10)

    @pytest.fixture
    def shop(self) -> Shop:
        """Its driver shows nothing of a file before it is committed."""
        return open_shop(driver=CheckedDriver(MemoryDriver()))

    @pytest.fixture
    def repository(self, shop: Shop) -> IRepository:
        """A repository of a machine that has a name for its boot."""
        return self.after(shop, "this boot")

    def after(self, shop: Shop, boot: str) -> IRepository:
        """:return: the repository after the machine has started."""
        registry = Registry(shop.driver, InlineThreads(), lambda: shop.time[0], boot=boot)
        return registry.repository(NAME, Requester())

    def state(self, upload: IUpload, algorithm: str = "sha256") -> str:
        """:return: where a state is."""
        return paths.upload_running_hash(NAME, upload.id, algorithm)

    async def test_saved(self, shop: Shop, repository: IRepository) -> None:
        """
        The state is beside the upload after each piece, and used.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY))
        expected = hashing.new("sha256")
        expected.update(BODY)
        assert await shop.driver.get_content(self.state(upload)) == b"this boot\n" + (
            expected.save() or b""
        )
        upload = await repository.uploads.resume(upload.id)
        await upload.append(GivenStream(b"abc"))
        shop.driver.calls.clear()
        digest = Digest.of(BODY + b"abcdef")
        await upload.commit(digest, GivenStream(b"def"))
        assert shop.driver.count("reader") == 0
        assert await read_blob(repository, digest) == BODY + b"abcdef"

    async def test_named_algorithm(self, shop: Shop, repository: IRepository) -> None:
        """
        The algorithm that was named at the start is the one that is kept running.
        """
        upload = await repository.uploads.start("sha512")
        await upload.append(GivenStream(BODY))
        saved = await shop.driver.get_content(self.state(upload, "sha512"))
        assert len(saved.removeprefix(b"this boot\n")) == 204
        shop.driver.calls.clear()
        await upload.commit(Digest.of(BODY, "sha512"))
        assert shop.driver.count("reader") == 0

    async def test_missing(self, shop: Shop, repository: IRepository) -> None:
        """
        Without a state, the data is read once, at the end.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY))
        await shop.driver.delete(self.state(upload))
        await upload.append(GivenStream(b"abc"))
        shop.driver.calls.clear()
        await upload.commit(Digest.of(BODY + b"abcdef"), GivenStream(b"def"))
        assert shop.driver.count("reader") == 1

    @pytest.mark.parametrize("garbage", [b"", b"garbage", b"\0" * 108])
    async def test_corrupt(self, shop: Shop, repository: IRepository, garbage: bytes) -> None:
        """
        A state that is none does no harm.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY))
        await shop.driver.put_content(self.state(upload), b"this boot\n" + garbage)
        await upload.commit(Digest.of(BODY + b"a"), GivenStream(b"a"))

    async def test_wrong(self, shop: Shop, repository: IRepository) -> None:
        """
        A state that is that of other bytes does no harm either.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY))
        other = hashing.new("sha256")
        other.update(b"9876543210")
        wrong = b"this boot\n" + (other.save() or b"")
        await shop.driver.put_content(self.state(upload), wrong)
        await upload.commit(Digest.of(BODY + b"a"), GivenStream(b"a"))

    async def test_another_boot(self, shop: Shop, repository: IRepository) -> None:
        """
        After the machine has started again a state counts no more: what was hashed may be lost.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY))
        again = await self.after(shop, "another boot").uploads.resume(upload.id)
        shop.driver.calls.clear()
        await again.commit(Digest.of(BODY + b"a"), GivenStream(b"a"))
        assert shop.driver.count("reader") == 1

    async def test_theirs(self, shop: Shop, repository: IRepository) -> None:
        """
        A state that distribution left is used, after whatever boot.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY))
        _, _, state = (await shop.driver.get_content(self.state(upload))).partition(b"\n")
        await shop.driver.delete(self.state(upload))
        await shop.driver.put_content(
            paths.upload_hash_state(NAME, upload.id, "sha256", len(BODY)), state
        )
        again = await self.after(shop, "another boot").uploads.resume(upload.id)
        shop.driver.calls.clear()
        await again.commit(Digest.of(BODY + b"a"), GivenStream(b"a"))
        assert shop.driver.count("reader") == 0

    async def test_wrong_digest(self, shop: Shop, repository: IRepository) -> None:
        """
        A wrong digest is one with a state, too.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY))
        with pytest.raises(DigestInvalid):
            await upload.commit(SUM, GivenStream(b"a"))
        assert await files(shop.driver) == {}

    async def test_not_saved(
        self, shop: Shop, repository: IRepository, logged_failures: list[object]
    ) -> None:
        """
        That a state can't be saved is no reason to refuse the bytes.
        """
        upload = await repository.uploads.start()
        path = paths.upload_running_hash(NAME, upload.id, "sha256")
        shop.driver.fail("put_content", NoSpace("/x"), path)
        assert await upload.append(GivenStream(BODY)) == 10
        logged_failures.clear()
        await upload.commit(SUM)

    async def test_none_of_what_is_not_there(self, shop: Shop, repository: IRepository) -> None:
        """
        There is never a state of bytes that were not stored.
        """
        upload = await repository.uploads.start()
        shop.driver.fail("writer.write", NoSpace("/x"))
        with pytest.raises(StorageFull):
            await upload.append(GivenStream(BODY))
        with pytest.raises(SizeInvalid):
            await upload.append(GivenStream(BODY), ContentRange(0, 20))
        assert upload_files(await files(shop.driver), upload).keys() == {"startedat"}

    async def test_without_libcrypto(
        self, monkeypatch: pytest.MonkeyPatch, shop: Shop, repository: IRepository
    ) -> None:
        """
        Where states can't be had, all works, with another reading.
        """
        monkeypatch.setattr(hashing, "_FUNCTIONS", {})
        upload = await repository.uploads.start("sha512")
        await upload.append(GivenStream(BODY))
        await upload.append(GivenStream(b"abc"))
        digest = Digest.of(BODY + b"abc", "sha512")
        await upload.commit(digest)
        assert hashlib.sha512(await read_blob(repository, digest)).hexdigest() == digest.hex
