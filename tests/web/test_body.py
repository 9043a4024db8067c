"""
The body of a request as a stream, without a connection.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from txregistry.errors import BodyInvalid, ContentTooLarge
from txregistry.interfaces import IByteStream
from txregistry.web.body import RequestBody
from txregistry.web.framing import Chunked, Piece, Sized
from txregistry.web.limits import Limits


def ignore() -> None:
    """Do nothing."""


def outcome(waiting: Deferred[bytes]) -> Any:
    """What a Deferred has come to, which must have fired."""
    found: list[Any] = []
    waiting.addBoth(found.append)
    (value,) = found
    return value.type if isinstance(value, Failure) else value


class RequestBodyTests:
    """
    What a reader sees.
    """

    def test_interface(self) -> None:
        """
        It is a stream of bytes.
        """
        assert verifyObject(IByteStream, RequestBody(None, ignore))

    def test_empty(self) -> None:
        """
        A body of length 0 has ended from the beginning.
        """
        assert outcome(RequestBody(0, ignore).read()) == b""

    def test_joined(self) -> None:
        """
        A read takes all that has come.
        """
        body = RequestBody(None, ignore)
        body.feed([b"a", b"b"])
        body.feed([b"c"])
        assert body.buffered == 3
        assert outcome(body.read()) == b"abc"
        assert body.buffered == 0
        assert body.received == 3

    def test_small_pieces(self) -> None:
        """
        Very many small pieces become a few large ones.
        """
        body = RequestBody(None, ignore)
        for _ in range(5000):
            body.feed([b"a"])
        assert len(body._pieces) <= 1001
        assert outcome(body.read()) == b"a" * 5000

    @pytest.mark.parametrize("how", ["more", "end", "error"])
    def test_gathered(self, how: str) -> None:
        """
        A reader gets few bytes only at the end, or before an error.
        """
        body = RequestBody(None, ignore, least=3)
        body.feed([b"a"])
        reading = body.read()
        body.feed([b"b"])
        assert not reading.called
        if how == "more":
            body.feed([b"cd"])
        elif how == "end":
            body.end()
        else:
            body.fail(BodyInvalid())
        assert outcome(reading) == (b"abcd" if how == "more" else b"ab")
        if how == "error":
            assert outcome(body.read()) is BodyInvalid

    def test_large(self) -> None:
        """
        What came in large pieces is read in these, and an error comes after the last.
        """
        first, second = bytes(700_000), b"b" * 400_000
        body = RequestBody(None, ignore)
        body.feed([first])
        body.feed([second])
        assert outcome(body.read()) is first
        assert body.buffered == len(second)
        body.fail(BodyInvalid())
        assert outcome(body.read()) is second
        assert body.buffered == 0
        assert outcome(body.read()) is BodyInvalid

    def test_few_left(self) -> None:
        """
        Who comes after the end gets what there is.
        """
        body = RequestBody(None, ignore, least=3)
        body.feed([b"a"])
        body.end()
        assert outcome(body.read()) == b"a"
        assert outcome(body.read()) == b""

    def test_one_reader(self) -> None:
        """
        A second reader is a mistake.
        """
        body = RequestBody(None, ignore)
        body.read()
        with pytest.raises(RuntimeError):
            body.read()

    def test_wanted(self) -> None:
        """
        The source hears when somebody waits, and when room was made.
        """
        wanted: list[bool] = []
        body = RequestBody(None, lambda: wanted.append(body.awaited))
        body.feed([b"a"])
        outcome(body.read())
        body.read()
        assert wanted == [False, True]

    def test_reader_that_goes_on(self) -> None:
        """
        A reader may ask for the next piece as soon as it has one.
        """
        body = RequestBody(None, ignore)
        pieces: list[Piece] = []

        def took(piece: bytes) -> None:
            pieces.append(piece)
            if piece:
                body.read().addCallback(took)

        body.read().addCallback(took)
        body.feed([b"a"])
        body.feed([b"b", b"c"])
        body.end()
        assert pieces == [b"a", b"bc", b""]

    def test_failure_comes_last(self) -> None:
        """
        An error comes after what had come before it, and stays.
        """
        body = RequestBody(None, ignore)
        body.feed([b"a"])
        body.fail(BodyInvalid())
        assert outcome(body.read()) == b"a"
        assert outcome(body.read()) is BodyInvalid
        assert outcome(body.read()) is BodyInvalid

    def test_discarded(self) -> None:
        """
        A body that was discarded keeps nothing.
        """
        body = RequestBody(None, ignore)
        body.feed([b"a"])
        body.discard()
        body.feed([b"b"])
        assert body.buffered == 0
        assert outcome(body.read()) is BodyInvalid


class ReadAllTests:
    """
    Reading to the end.
    """

    def test_whole(self) -> None:
        """
        All pieces are joined.
        """
        body = RequestBody(None, ignore)
        reading = body.read_all(4)
        body.feed([b"ab"])
        body.feed([b"cd"])
        body.end()
        assert outcome(reading) == b"abcd"

    def test_announced_too_large(self) -> None:
        """
        A length over the limit is refused before anything is read.
        """
        body = RequestBody(5, ignore)
        assert outcome(body.read_all(4)) is ContentTooLarge
        assert not body.started

    def test_turns_out_too_large(self) -> None:
        """
        Without a length, reading stops at the limit.
        """
        body = RequestBody(None, ignore)
        reading = body.read_all(4)
        body.feed([b"abcd"])
        assert not reading.called
        body.feed([b"e"])
        assert outcome(reading) is ContentTooLarge

    def test_failed(self) -> None:
        """
        An error in the middle is raised.
        """
        body = RequestBody(None, ignore)
        reading = body.read_all(4)
        body.feed([b"ab"])
        body.fail(BodyInvalid())
        assert outcome(reading) is BodyInvalid


def chunk(content: bytes, extension: bytes) -> bytes:
    """A chunk."""
    return b"%X%b\r\n%b\r\n" % (len(content), extension, content)


class FramingTests:
    """
    Where bodies end.
    """

    @given(st.binary(max_size=50), st.binary(max_size=20), st.lists(st.integers(0, 70)))
    def test_sized(self, content: bytes, rest: bytes, cuts: list[int]) -> None:
        """
        A body of a known length takes so many bytes, in whatever pieces they come.
        """
        framing = Sized(len(content))
        assert take(framing, content + rest, cuts) == (content, rest)
        assert framing.ended

    @given(
        st.lists(
            st.tuples(st.binary(min_size=1, max_size=40), st.sampled_from([b"", b";a=b", b" ; c"]))
        ),
        st.sampled_from([b"", b"A: b\r\n", b"A: b\r\nC: d\r\n"]),
        st.binary(max_size=20),
        st.lists(st.integers(0, 500)),
    )
    def test_chunked(
        self, chunks: list[tuple[bytes, bytes]], trailers: bytes, rest: bytes, cuts: list[int]
    ) -> None:
        """
        A chunked body ends after its trailers, in whatever pieces it comes.
        """
        data = b"".join(chunk(*parts) for parts in chunks) + b"0\r\n" + trailers + b"\r\n"
        framing = Chunked(Limits())
        content = b"".join(content for content, _ in chunks)
        assert take(framing, data + rest, cuts) == (content, rest)
        assert framing.ended

    @pytest.mark.parametrize("step", [1_000_000, 10_007, 4_099])
    def test_alike(self, step: int) -> None:
        """
        Chunks of one size are taken together; others between them, and other lines, are not lost.
        """
        contents = [bytes([i % 251]) * (5000 if i % 7 else 4096 + i) for i in range(50)]
        data = b"".join(chunk(each, b"" if i % 5 else b";a=b") for i, each in enumerate(contents))
        framing = Chunked(Limits())
        cuts = list(range(step, len(data), step))
        assert take(framing, data + b"0\r\n\r\nrest", cuts) == (b"".join(contents), b"rest")
        assert framing.ended

    def test_alike_but_for_its_end(self) -> None:
        """
        A chunk that is longer than its size is refused, also after others of that size.
        """
        pieces: list[Piece] = []
        data = chunk(bytes(5000), b"") * 3 + b"1388\r\n" + bytes(5001) + b"\r\n"
        with pytest.raises(BodyInvalid):
            Chunked(Limits()).take(data, pieces)
        assert b"".join(pieces) == bytes(20_000)

    def test_pieces_before_an_error(self) -> None:
        """
        What comes before broken framing is content still.
        """
        pieces: list[Piece] = []
        with pytest.raises(BodyInvalid):
            Chunked(Limits()).take(b"2\r\nab\r\nX\r\n", pieces)
        assert pieces == [b"ab"]


def take(framing: Sized | Chunked, data: bytes, cuts: list[int]) -> tuple[bytes, bytes]:
    """Feed a framing in pieces: what is content, and what is left."""
    pieces: list[Piece] = []
    rest = b""
    before = 0
    for cut in [*sorted(cuts), len(data)]:
        part = data[before:cut]
        before = max(before, cut)
        if not part:
            continue
        rest += part if framing.ended else framing.take(part, pieces)
    assert all(pieces)
    return b"".join(pieces), rest
