"""
Pushing blobs: whole, in one piece, in many.
"""

from __future__ import annotations

import re
import uuid

import pytest

from tests.wire.access import AccessTable, rights
from tests.wire.contents import ABSENT, EMPTY
from tests.wire.harness import HOST, Answer, Served, request_bytes
from txregistry.errors import PathNotFound
from txregistry.model.digest import Digest
from txregistry.web.routes import Limits

CONTENT = b"0123456789" * 10
DIGEST = Digest.of(CONTENT)


def location_of(answer: Answer) -> str:
    """
    Where it goes on.
    """
    location = answer["Location"]
    assert location is not None
    return location


def check_state(served: Served, location: str, size: int) -> None:
    """
    An upload is as long as it should be, and says so.
    """
    for method in ("GET", "HEAD"):
        answer = served.ask(method, location)
        assert answer.status == 204
        assert answer["Range"] == f"0-{max(size - 1, 0)}"
        assert answer["Docker-Upload-UUID"] == location.rpartition("/")[2]
        assert answer["Location"] == location


class StartTests:
    """
    Where uploads begin.
    """

    def test_begun(self, served: Served) -> None:
        """
        POST begins an empty upload and tells its state.
        """
        answer = served.ask("POST", "v2/a/b/blobs/uploads/", body=b"")
        assert answer.status == 202
        name = answer["Docker-Upload-UUID"]
        assert answer["Location"] == f"http://{HOST}/v2/a/b/blobs/uploads/{name}"
        assert answer["Range"] == "0-0"
        assert answer["Content-Length"] == "0"
        assert answer.body == b""
        assert answer["OCI-Chunk-Min-Length"] is None
        check_state(served, location_of(answer), 0)

    def test_random_uuid(self, served: Served) -> None:
        """
        Its name is a UUID, another one each time: distribution's purge knows no other names.
        """
        ids = {served.start("a").rpartition("/")[2] for _ in range(5)}
        assert len(ids) == 5
        for each in ids:
            assert uuid.UUID(each).version == 8
            assert str(uuid.UUID(each)) == each

    def test_without_slash(self, served: Served) -> None:
        """
        The path may lack its slash at the end; nothing is redirected.
        """
        answer = served.ask("POST", "v2/a/blobs/uploads", body=b"")
        assert answer.status == 202
        check_state(served, location_of(answer), 0)

    def test_no_body_at_all(self, served: Served) -> None:
        """
        It needs no Content-Length.
        """
        assert served.ask("POST", "v2/a/blobs/uploads/").status == 202

    @pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream"])
    def test_content_type(self, served: Served, content_type: str) -> None:
        """
        Clients say strange things of a body that they don't send.
        """
        fields = [("Content-Type", content_type)]
        assert served.ask("POST", "v2/a/blobs/uploads/", *fields, body=b"").status == 202

    def test_body_without_digest(self, served: Served) -> None:
        """
        A body that comes without a digest is no content: the upload is empty.
        """
        answer = served.ask("POST", "v2/a/blobs/uploads/", body=CONTENT)
        assert (answer.status, answer["Range"]) == (202, "0-0")
        check_state(served, location_of(answer), 0)


class WholeTests:
    """
    POST with a digest: a whole push in one request.
    """

    @pytest.mark.parametrize("chunked", [False, True])
    def test_pushed(self, served: Served, chunked: bool) -> None:
        """
        It is 201, and a GET at its Location gives the content.
        """
        target = f"v2/a/blobs/uploads/?digest={DIGEST}"
        answer = served.ask("POST", target, body=CONTENT, chunked=chunked)
        assert answer.status == 201
        assert answer["Location"] == f"http://{HOST}/v2/a/blobs/{DIGEST}"
        assert answer["Docker-Content-Digest"] == str(DIGEST)
        assert (answer["Content-Length"], answer.body) == ("0", b"")
        assert served.get(location_of(answer)).body == CONTENT

    @pytest.mark.parametrize("chunked", [False, True])
    @pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
    def test_empty_blob(self, served: Served, chunked: bool, algorithm: str) -> None:
        """
        Without a byte, but with the digest of no bytes, it is a push too.
        """
        digest = Digest.of(b"", algorithm)
        target = f"v2/a/blobs/uploads/?digest={digest}"
        answer = served.ask("POST", target, body=b"", chunked=chunked)
        assert answer.status == 201
        assert served.get(location_of(answer)).body == b""

    @pytest.mark.parametrize("chunked", [False, True])
    def test_no_byte(self, served: Served, chunked: bool) -> None:
        """
        Without a byte and with another digest an upload begins, as registries did before.
        """
        target = f"v2/a/blobs/uploads/?digest={DIGEST}"
        answer = served.ask("POST", target, body=b"", chunked=chunked)
        assert answer.status == 202
        location = location_of(answer)
        check_state(served, location, 0)
        assert served.ask("PUT", f"{location}?digest={DIGEST}", body=CONTENT).status == 201

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_wrong_digest(self, served: Served, chunked: bool) -> None:
        """
        A wrong digest is 400, and leaves nothing behind.
        """
        target = f"v2/a/blobs/uploads/?digest={ABSENT}"
        answer = served.ask("POST", target, body=CONTENT, chunked=chunked)
        assert answer.is_error(400, "DIGEST_INVALID")
        assert served.get(f"v2/a/blobs/{ABSENT}").status == 404
        assert served.get(f"v2/a/blobs/{DIGEST}").status == 404
        assert await uploads_of(served, "a") == []

    async def test_broken_off(self, served: Served) -> None:
        """
        One that breaks off leaves nothing behind either: its client knows no upload.
        """
        connection = served.connect()
        request = request_bytes("POST", f"/v2/a/blobs/uploads/?digest={DIGEST}", body=CONTENT)
        connection.send(request[:-10])
        connection.lose()
        assert await uploads_of(served, "a") == []
        assert served.get(f"v2/a/blobs/{DIGEST}").status == 404

    def test_form(self, served: Served) -> None:
        """
        Parameters are read from the query only: a body that is called a form is content.
        """
        body = f"digest={ABSENT}&mount={ABSENT}".encode()
        digest = Digest.of(body)
        fields = [("Content-Type", "application/x-www-form-urlencoded")]
        target = f"v2/a/blobs/uploads/?digest={digest}"
        assert served.ask("POST", target, *fields, body=body).status == 201
        assert served.get(f"v2/a/blobs/{digest}").body == body

    def test_form_without_query(self, served: Served) -> None:
        """
        Without a query such a body is none of a push, and the upload has nothing of it.
        """
        fields = [("Content-Type", "application/x-www-form-urlencoded")]
        body = f"digest={DIGEST}".encode()
        answer = served.ask("POST", "v2/a/blobs/uploads/", *fields, body=body)
        assert (answer.status, answer["Range"]) == (202, "0-0")

    def test_there_already(self, served: Served) -> None:
        """
        What is there already may be pushed again.
        """
        served.push_blob("a", CONTENT)
        served.push_blob("a", CONTENT)
        served.push_blob("b", CONTENT)
        assert served.get(f"v2/b/blobs/{DIGEST}").body == CONTENT


async def uploads_of(served: Served, name: str) -> list[str]:
    """
    What is left of uploads in the storage.
    """
    try:
        paths = await served.driver.list(f"/docker/registry/v2/repositories/{name}/_uploads")
    except PathNotFound:
        return []
    return sorted(paths)


class PatchTests:
    """
    PATCH adds to an upload.
    """

    @pytest.mark.parametrize("chunked", [False, True])
    def test_added(self, served: Served, chunked: bool) -> None:
        """
        What comes is added, with or without an announced length, and the state told.
        """
        location = served.start("a")
        answer = served.ask("PATCH", location, body=CONTENT, chunked=chunked)
        assert answer.status == 202
        assert answer["Range"] == "0-99"
        assert answer["Location"] == location
        assert answer["Docker-Upload-UUID"] == location.rpartition("/")[2]
        assert (answer["Content-Length"], answer.body) == ("0", b"")
        check_state(served, location, 100)
        committed = served.ask("PUT", f"{location}?digest={DIGEST}", body=b"")
        assert committed.status == 201
        assert served.get(location_of(committed)).body == CONTENT

    def test_one_byte(self, served: Served) -> None:
        """
        An upload of one byte and an empty one say the same; there is no minimum chunk size.
        """
        location = served.start("a")
        for size in range(3):
            check_state(served, location, size)
            assert served.ask("PATCH", location, body=b"x").status == 202

    @pytest.mark.parametrize("chunked", [False, True])
    def test_nothing(self, served: Served, chunked: bool) -> None:
        """
        An empty PATCH changes nothing, and the empty blob may come so.
        """
        location = served.start("a")
        answer = served.ask("PATCH", location, body=b"", chunked=chunked)
        assert (answer.status, answer["Range"]) == (202, "0-0")
        assert served.ask("PUT", f"{location}?digest={EMPTY}", body=b"").status == 201

    @pytest.mark.parametrize(
        "content_type",
        ["application/octet-stream", "application/json", "application/x-www-form-urlencoded", "x"],
    )
    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    def test_any_content_type(self, served: Served, method: str, content_type: str) -> None:
        """
        Any Content-Type is accepted, and a body that is called a form is content.
        """
        body = b"digest=x&a=b"
        location, digest = served.start("a"), Digest.of(body)
        if method == "PATCH":
            fields = [("Content-Type", content_type)]
            assert served.ask("PATCH", location, *fields, body=body).status == 202
            assert served.ask("PUT", f"{location}?digest={digest}", body=b"").status == 201
        else:
            answer = served.ask(
                "PUT", f"{location}?digest={digest}", ("Content-Type", content_type), body=body
            )
            assert answer.status == 201
        assert served.get(f"v2/a/blobs/{digest}").body == body

    def test_client_goes_away(self, served: Served) -> None:
        """
        What came before the client went away stays, and he may go on from there.
        """
        location = served.start("a")
        connection = served.connect()
        connection.send(request_bytes("PATCH", location.partition(HOST)[2], body=CONTENT)[:-60])
        connection.lose()
        check_state(served, location, 40)
        fields = [("Content-Range", "40-99")]
        assert served.ask("PATCH", location, *fields, body=CONTENT[40:]).status == 202
        assert served.ask("PUT", f"{location}?digest={DIGEST}", body=b"").status == 201

    def test_broken_chunk(self, served: Served) -> None:
        """
        A body with a broken frame is 400; what came before it stays.
        """
        location = served.start("a")
        connection = served.connect()
        head = request_bytes("PATCH", location.partition(HOST)[2], chunked=True)
        connection.send(head.removesuffix(b"0\r\n\r\n") + b"4\r\nabcd\r\nnonsense\r\n")
        (answer,) = connection.answers()
        connection.lose()
        assert answer.is_error(400, "SIZE_INVALID")
        assert connection.transport.is_closing()
        check_state(served, location, 4)


class ContentRangeTests:
    """
    ``Content-Range`` of a piece.
    """

    PIECES = ((0, 29), (30, 59), (60, 99))

    @pytest.mark.parametrize("form", ["{}-{}", "bytes {}-{}/100", "bytes {}-{}/*", "bytes={}-{}"])
    @pytest.mark.parametrize("chunked", [False, True])
    def test_in_order(self, served: Served, form: str, chunked: bool) -> None:
        """
        Pieces in order are added; the unit and the total of HTTP are understood as well.
        """
        location = served.start("a")
        for first, last in self.PIECES[:-1]:
            answer = served.ask(
                "PATCH",
                location,
                ("Content-Range", form.format(first, last)),
                body=CONTENT[first : last + 1],
                chunked=chunked,
            )
            assert (answer.status, answer["Range"]) == (202, f"0-{last}")
        first, last = self.PIECES[-1]
        answer = served.ask(
            "PUT",
            f"{location}?digest={DIGEST}",
            ("Content-Range", form.format(first, last)),
            body=CONTENT[first:],
            chunked=chunked,
        )
        assert answer.status == 201
        assert served.get(location_of(answer)).body == CONTENT

    @pytest.mark.parametrize("chunked", [False, True])
    def test_exclusive_end(self, served: Served, chunked: bool) -> None:
        """
        An end that is one too far is tolerated, since a client gives it so.
        """
        location = served.start("a")
        for first, end in ((0, 30), (30, 100)):
            fields = [("Content-Range", f"{first}-{end}")]
            body = CONTENT[first:end]
            assert served.ask("PATCH", location, *fields, body=body, chunked=chunked).status == 202
        check_state(served, location, 100)
        fields = [("Content-Range", "100-100")]
        assert served.ask("PUT", f"{location}?digest={DIGEST}", *fields, body=b"").status == 201

    @pytest.mark.parametrize("value", ["0-0", "999-2000", "100-100", "nonsense"])
    @pytest.mark.parametrize("chunked", [False, True])
    def test_without_body(self, served: Served, value: str, chunked: bool) -> None:
        """
        Where there is no body it has no meaning.
        """
        location = served.start("a")
        served.ask("PATCH", location, body=CONTENT)
        fields = [("Content-Range", value)]
        if value == "nonsense" and chunked:
            return  # a body that may come might have been meant
        answer = served.ask("PATCH", location, *fields, body=b"", chunked=chunked)
        assert (answer.status, answer["Range"]) == (202, "0-99")
        target = f"{location}?digest={DIGEST}"
        assert served.ask("PUT", target, *fields, body=b"", chunked=chunked).status == 201

    @pytest.mark.parametrize("size", [0, 1, 30])
    @pytest.mark.parametrize("chunked", [False, True])
    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    def test_out_of_order(self, served: Served, method: str, size: int, chunked: bool) -> None:
        """
        A piece that doesn't begin where the upload ends is 416 with the state that is valid;
        nothing is written and the upload stays.
        """
        location = served.start("a")
        if size:
            served.ask("PATCH", location, body=CONTENT[:size])
        for first in {0, size - 1, size + 1, 1000} - {size, -1}:
            target = location if method == "PATCH" else f"{location}?digest={DIGEST}"
            answer = served.ask(
                method,
                target,
                ("Content-Range", f"{first}-{first + 9}"),
                body=b"x" * 10,
                chunked=chunked,
            )
            assert answer.is_error(416, "RANGE_INVALID")
            assert answer["Range"] == f"0-{max(size - 1, 0)}"
            assert answer["Location"] == location
            assert answer["Docker-Upload-UUID"] == location.rpartition("/")[2]
            check_state(served, location, size)
        rest = served.ask("PUT", f"{location}?digest={DIGEST}", body=CONTENT[size:])
        assert rest.status == 201

    def test_refused_before_the_body(self, served: Served) -> None:
        """
        It is refused before the body has come, which the client may then keep to itself.
        """
        location = served.start("a")
        connection = served.connect()
        request = request_bytes(
            "PATCH", location.partition(HOST)[2], [("Content-Range", "5-104")], body=CONTENT
        )
        connection.send(request.removesuffix(CONTENT))
        (answer,) = connection.answers()
        connection.lose()
        assert answer.is_error(416, "RANGE_INVALID")

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "nonsense",
            "0",
            "-9",
            "0-",
            "a-b",
            "9-0",
            "bytes 0-9/8x",
            "items 0-9/10",
            "0-9,20-29",
            "0 - 9",
            "-1-9",
            "0x0-0x9",
            "\N{ARABIC-INDIC DIGIT ONE}-\N{ARABIC-INDIC DIGIT NINE}",
            f"0-{'9' * 40}",
        ],
    )
    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    def test_syntax(self, served: Served, method: str, value: str) -> None:
        """
        What can't be read is 400; nothing is written and the upload stays.
        """
        location = served.start("a")
        target = location if method == "PATCH" else f"{location}?digest={DIGEST}"
        fields = [("Content-Range", value.encode().decode("latin-1"))]
        answer = served.ask(method, target, *fields, body=b"x" * 10)
        assert answer.is_error(400, "RANGE_INVALID")
        check_state(served, location, 0)

    @pytest.mark.parametrize("value", ["0-8", "0-11", "0-0", "0-99"])
    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    def test_other_length(self, served: Served, method: str, value: str) -> None:
        """
        A length that isn't the announced one is 400 SIZE_INVALID; nothing is written.
        """
        location = served.start("a")
        target = location if method == "PATCH" else f"{location}?digest={DIGEST}"
        answer = served.ask(method, target, ("Content-Range", value), body=b"x" * 10)
        assert answer.is_error(400, "SIZE_INVALID")
        check_state(served, location, 0)

    @pytest.mark.parametrize("value", ["20-28", "20-31", "20-20", "20-99"])
    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    def test_other_length_in_chunks(self, served: Served, method: str, value: str) -> None:
        """
        A chunked body that disagrees is 400 SIZE_INVALID; what was acknowledged before stays.
        """
        location = served.start("a")
        served.ask("PATCH", location, body=CONTENT[:20])
        target = location if method == "PATCH" else f"{location}?digest={DIGEST}"
        fields = [("Content-Range", value)]
        answer = served.ask(method, target, *fields, body=b"x" * 10, chunked=True)
        assert answer.is_error(400, "SIZE_INVALID")
        check_state(served, location, 20)
        rest = served.ask("PUT", f"{location}?digest={DIGEST}", body=CONTENT[20:])
        assert rest.status == 201


class CommitTests:
    """
    PUT makes a blob of an upload.
    """

    @pytest.mark.parametrize("chunked", [False, True])
    @pytest.mark.parametrize("before", [0, 1, 50, 99, 100])
    def test_committed(self, served: Served, before: int, chunked: bool) -> None:
        """
        What came before and what comes with it become a blob.
        """
        location = served.start("a")
        if before:
            served.ask("PATCH", location, body=CONTENT[:before])
        target = f"{location}?digest={DIGEST}"
        answer = served.ask("PUT", target, body=CONTENT[before:], chunked=chunked)
        assert answer.status == 201
        assert answer["Location"] == f"http://{HOST}/v2/a/blobs/{DIGEST}"
        assert answer["Docker-Content-Digest"] == str(DIGEST)
        assert (answer["Content-Length"], answer.body) == ("0", b"")
        assert served.get(location_of(answer)).body == CONTENT

    @pytest.mark.parametrize("chunked", [False, True])
    def test_empty(self, served: Served, chunked: bool) -> None:
        """
        The empty blob may come so, with no byte at all.
        """
        location = served.start("a")
        answer = served.ask("PUT", f"{location}?digest={EMPTY}", body=b"", chunked=chunked)
        assert answer.status == 201
        assert served.get(location_of(answer)).body == b""

    def test_over(self, served: Served) -> None:
        """
        Then the upload is over.
        """
        location = served.start("a")
        served.ask("PUT", f"{location}?digest={DIGEST}", body=CONTENT)
        for method, body in (("GET", None), ("PATCH", b"x"), ("DELETE", None)):
            assert served.ask(method, location, body=body).is_error(404, "BLOB_UPLOAD_UNKNOWN")
        answer = served.ask("PUT", f"{location}?digest={DIGEST}", body=b"")
        assert answer.is_error(404, "BLOB_UPLOAD_UNKNOWN")

    def test_no_digest(self, served: Served) -> None:
        """
        Without a digest it is 400, and the upload stays.
        """
        location = served.start("a")
        served.ask("PATCH", location, body=CONTENT)
        assert served.ask("PUT", location, body=b"").is_error(400, "DIGEST_INVALID")
        assert served.ask("PUT", f"{location}?digest=", body=b"").is_error(400, "DIGEST_INVALID")
        check_state(served, location, 100)

    @pytest.mark.parametrize("last", [b"", b"x"])
    async def test_mismatch(self, served: Served, last: bytes) -> None:
        """
        Another digest than the content's is 400, and the upload is cancelled.
        """
        location = served.start("a")
        served.ask("PATCH", location, body=CONTENT)
        answer = served.ask("PUT", f"{location}?digest={ABSENT}", body=last)
        assert answer.is_error(400, "DIGEST_INVALID")
        assert served.get(location).is_error(404, "BLOB_UPLOAD_UNKNOWN")
        assert served.get(f"v2/a/blobs/{ABSENT}").status == 404
        assert served.get(f"v2/a/blobs/{DIGEST}").status == 404
        assert await uploads_of(served, "a") == []

    def test_empty_mismatch(self, served: Served) -> None:
        """
        So it is where there is no content at all.
        """
        location = served.start("a")
        answer = served.ask("PUT", f"{location}?digest={DIGEST}", body=b"")
        assert answer.is_error(400, "DIGEST_INVALID")
        assert served.get(location).status == 404

    def test_there_meanwhile(self, served: Served) -> None:
        """
        Somebody else may have pushed the same meanwhile.
        """
        location = served.start("a")
        served.ask("PATCH", location, body=CONTENT)
        served.push_blob("a", CONTENT)
        assert served.ask("PUT", f"{location}?digest={DIGEST}", body=b"").status == 201

    def test_in_pieces(self, served: Served) -> None:
        """
        A body may come in pieces of any size, as the network likes.
        """
        location = served.start("a")
        request = request_bytes(
            "PUT", location.partition(HOST)[2] + f"?digest={DIGEST}", body=CONTENT
        )
        connection = served.connect()
        for position in range(len(request)):
            connection.send(request[position : position + 1])
        (answer,) = connection.answers()
        connection.lose()
        assert answer.status == 201


class UrlTests:
    """
    The URL of an upload.
    """

    def test_all_state_in_the_path(self, served: Served) -> None:
        """
        It has no query, since some clients drop it, and stays valid to the commit.
        """
        location = served.start("a")
        assert "?" not in location
        for piece in (CONTENT[:50], CONTENT[50:]):
            assert location_of(served.ask("PATCH", location, body=piece)) == location
        assert served.ask("PUT", f"{location}?digest={DIGEST}", body=b"").status == 201

    def test_state_of_other_servers(self, served: Served) -> None:
        """
        A _state that a client took from elsewhere is ignored, as are parameters nobody knows.
        """
        location = served.start("a")
        answer = served.ask("PATCH", f"{location}?_state=AbC%3D%3D&ns=docker.io", body=CONTENT)
        assert answer.status == 202
        assert "_state" not in location_of(answer)
        target = f"{location}?_state=x&digest={DIGEST}"
        assert served.ask("PUT", target, body=b"").status == 201

    def test_encoded_digest(self, served: Served) -> None:
        """
        A digest in the query may be encoded.
        """
        location = served.start("a")
        target = f"{location}?digest={str(DIGEST).replace(':', '%3A')}"
        assert served.ask("PUT", target, body=CONTENT).status == 201

    @pytest.mark.parametrize(
        "id",
        [
            "00000000-0000-4000-8000-000000000000",
            "x",
            "..x",
            "a.b=c_d",
            "%00",
            "a%20b",
            "a%5Cb",
            "%C3%A9",
            "x" * 300,
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "PUT", "DELETE"])
    def test_unknown(self, served: Served, method: str, id: str) -> None:
        """
        Any other is 404.
        """
        served.push_blob("a", CONTENT)
        target = f"v2/a/blobs/uploads/{id}" + (f"?digest={DIGEST}" if method == "PUT" else "")
        body = b"x" if method in ("PATCH", "PUT") else None
        answer = served.ask(method, target, body=body)
        assert answer.status == 404
        if method != "HEAD":
            assert answer.codes == ["BLOB_UPLOAD_UNKNOWN"]

    def test_other_repository(self, served: Served) -> None:
        """
        It is bound to its repository.
        """
        location = served.start("a").replace("/v2/a/", "/v2/b/")
        for method in ("GET", "PATCH", "DELETE"):
            body = b"x" if method == "PATCH" else None
            assert served.ask(method, location, body=body).is_error(404, "BLOB_UPLOAD_UNKNOWN")
        answer = served.ask("PUT", f"{location}?digest={DIGEST}", body=CONTENT)
        assert answer.is_error(404, "BLOB_UPLOAD_UNKNOWN")


class OwnerTests:
    """
    Whose an upload is.
    """

    TABLE = AccessTable(
        rights(joe="pull:a push:a", ann="pull:a push:a", tom="pull:a"), bearer=False
    )

    def test_bound_to_who_began_it(self) -> None:
        """
        Nobody else can look at it, add to it, finish it or cancel it.
        """
        served = Served(controller=self.TABLE)
        joe, ann = self.TABLE.credentials("joe"), self.TABLE.credentials("ann")
        location = served.start("a", joe)
        target = f"{location}?digest={DIGEST}"
        requests = [("GET", location), ("PATCH", location), ("PUT", target), ("DELETE", location)]
        for method, url in requests:
            body = CONTENT if method in ("PATCH", "PUT") else None
            answer = served.ask(method, url, ann, body=body)
            assert answer.is_error(404, "BLOB_UPLOAD_UNKNOWN")
        assert served.ask("PUT", target, joe, body=CONTENT).status == 201

    async def test_begun_by_distribution(self) -> None:
        """
        One that distribution began has no owner: who may push may go on.
        """
        served = Served(controller=self.TABLE)
        name = "7d1c9f0e-0d7a-7c3e-9a52-5d0c2f3a1b42"
        path = f"/docker/registry/v2/repositories/a/_uploads/{name}"
        await served.driver.put_content(f"{path}/startedat", b"2026-08-18T11:55:22Z")
        await served.driver.put_content(f"{path}/data", CONTENT[:50])
        location = f"v2/a/blobs/uploads/{name}"
        ann = self.TABLE.credentials("ann")
        assert served.get(location, ann)["Range"] == "0-49"
        assert served.get(location, self.TABLE.credentials("tom")).is_error(403, "DENIED")
        answer = served.ask("PUT", f"{location}?digest={DIGEST}", ann, body=CONTENT[50:])
        assert answer.status == 201
        assert served.get(f"v2/a/blobs/{DIGEST}", ann).body == CONTENT


class CancelTests:
    """
    DELETE throws an upload away.
    """

    async def test_cancelled(self, served: Served) -> None:
        """
        It is 204, and the upload gone.
        """
        location = served.start("a")
        served.ask("PATCH", location, body=CONTENT)
        answer = served.delete(location)
        assert (answer.status, answer.body) == (204, b"")
        assert answer["Docker-Upload-UUID"] == location.rpartition("/")[2]
        assert served.get(location).status == 404
        assert served.delete(location).is_error(404, "BLOB_UPLOAD_UNKNOWN")
        assert await uploads_of(served, "a") == []

    def test_where_deletes_are_off(self) -> None:
        """
        It needs no switch: an upload is nothing yet.
        """
        served = Served(deletes=False)
        assert served.delete(served.start("a")).status == 204

    def test_right(self) -> None:
        """
        It needs push rights only.
        """
        table = AccessTable(rights(joe="pull:a push:a"))
        served = Served(controller=table)
        joe = table.credentials("joe")
        assert served.delete(served.start("a", joe), joe).status == 204


class TwoClientsTests:
    """
    Several clients at once.
    """

    def test_one_upload(self, served: Served) -> None:
        """
        Of two that write to one upload one wins, the other gets 409, and no bytes are mixed.
        """
        location = served.start("a")
        path = location.partition(HOST)[2]
        slow = served.connect()
        request = request_bytes("PATCH", path, body=CONTENT)
        slow.send(request[:-50])
        for method in ("PATCH", "PUT"):
            target = location + (f"?digest={ABSENT}" if method == "PUT" else "")
            answer = served.ask(method, target, body=b"y" * 50)
            assert answer.is_error(409, "BLOB_UPLOAD_INVALID")
        assert served.delete(location).is_error(409, "BLOB_UPLOAD_INVALID")
        slow.send(request[-50:])
        (answer,) = slow.answers()
        slow.lose()
        assert (answer.status, answer["Range"]) == (202, "0-99")
        assert served.ask("PUT", f"{location}?digest={DIGEST}", body=b"").status == 201
        assert served.get(f"v2/a/blobs/{DIGEST}").body == CONTENT

    def test_one_after_the_other(self, served: Served) -> None:
        """
        Who comes too late with his piece gets 416.
        """
        location = served.start("a")
        fields = [("Content-Range", "0-49")]
        assert served.ask("PATCH", location, *fields, body=CONTENT[:50]).status == 202
        assert served.ask("PATCH", location, *fields, body=CONTENT[:50]).status == 416

    async def test_one_blob(self, served: Served) -> None:
        """
        Many that push one blob at once all get 201, and one copy is stored.
        """
        request = request_bytes("POST", f"/v2/a/blobs/uploads/?digest={DIGEST}", body=CONTENT)
        connections = [served.connect() for _ in range(8)]
        for part in (request[:-60], request[-60:-1], request[-1:]):
            for connection in connections:
                connection.send(part)
        for connection in connections:
            assert [answer.status for answer in connection.answers()] == [201]
            connection.lose()
        assert served.get(f"v2/a/blobs/{DIGEST}").body == CONTENT
        assert await uploads_of(served, "a") == []
        files = await all_files(served, "/docker/registry/v2/blobs")
        assert len(files) == 1


async def all_files(served: Served, path: str) -> list[str]:
    """
    Every file below a path.
    """
    found: list[str] = []
    await served.driver.walk(
        path, lambda info: None if info.is_directory else found.append(info.path)
    )
    return found


class SizeLimitTests:
    """
    The greatest blob, where that is limited.
    """

    @pytest.mark.parametrize("chunked", [False, True])
    def test_too_large(self, chunked: bool) -> None:
        """
        It is 413, counted while reading where nobody announced a length.
        """
        served = Served(limits=Limits(blob=99))
        target = f"v2/a/blobs/uploads/?digest={DIGEST}"
        answer = served.ask("POST", target, body=CONTENT, chunked=chunked)
        assert answer.is_error(413, "SIZE_INVALID")
        location = served.start("a")
        served.ask("PATCH", location, body=CONTENT[:60])
        answer = served.ask("PATCH", location, body=CONTENT[60:], chunked=chunked)
        assert answer.is_error(413, "SIZE_INVALID")

    @pytest.mark.parametrize("chunked", [False, True])
    def test_just_fits(self, chunked: bool) -> None:
        """
        What just fits, fits.
        """
        served = Served(limits=Limits(blob=100))
        target = f"v2/a/blobs/uploads/?digest={DIGEST}"
        assert served.ask("POST", target, body=CONTENT, chunked=chunked).status == 201


class ExpectTests:
    """
    ``Expect: 100-continue``.
    """

    def test_continue(self, served: Served) -> None:
        """
        The client is told to go on when somebody wants its body.
        """
        location = served.start("a")
        request = request_bytes(
            "PATCH", location.partition(HOST)[2], [("Expect", "100-continue")], body=CONTENT
        )
        connection = served.connect()
        connection.send(request.removesuffix(CONTENT))
        assert connection.received == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.send(CONTENT)
        assert [answer.status for answer in connection.answers()] == [202]
        connection.lose()

    def test_refused(self) -> None:
        """
        A refused request costs no bytes.
        """
        served = Served(controller=AccessTable(rights()))
        connection = served.connect()
        request = request_bytes(
            "POST",
            f"/v2/a/blobs/uploads/?digest={DIGEST}",
            [("Expect", "100-continue")],
            body=CONTENT,
        )
        connection.send(request.removesuffix(CONTENT))
        assert re.match(rb"HTTP/1\.1 401 ", connection.received)
        connection.lose()
