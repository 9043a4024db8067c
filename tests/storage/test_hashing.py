"""
Running hashes: the same as hashlib's, and saved as Go saves them.
"""

from __future__ import annotations

import hashlib
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.model.digest import HEX_LENGTHS
from txregistry.storage import hashing

algorithms = st.sampled_from(sorted(HEX_LENGTHS))

# Go's crypto/sha256 after "abc": the block is not full, so the chaining values are the initial
# ones of FIPS 180-4.
GO_STATE = (
    b"sha\x03"
    + struct.pack(
        ">8I",
        0x6A09E667,
        0xBB67AE85,
        0x3C6EF372,
        0xA54FF53A,
        0x510E527F,
        0x9B05688C,
        0x1F83D9AB,
        0x5BE0CD19,
    )
    + b"abc".ljust(64, b"\0")
    + struct.pack(">Q", 3)
)


class RunningHashTests:
    """
    With libcrypto's structures.
    """

    @given(algorithm=algorithms, content=st.binary(max_size=1000), data=st.data())
    def test_as_hashlib(self, algorithm: str, content: bytes, data: st.DataObject) -> None:
        """
        However the bytes are cut, and wherever it is saved and loaded, the hash is the same.
        """
        cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=5))
        running = hashing.new(algorithm)
        for begin, end in pairwise([0, *sorted(cuts), len(content)]):
            running.update(content[begin:end])
            if data.draw(st.booleans()):
                state = running.save()
                assert state is not None
                loaded = hashing.load(algorithm, state, running.length)
                assert loaded is not None
                running = loaded
        assert running.length == len(content)
        assert running.hexdigest() == hashlib.new(algorithm, content).hexdigest()

    @given(algorithm=algorithms, first=st.binary(), second=st.binary())
    def test_digest_is_no_end(self, algorithm: str, first: bytes, second: bytes) -> None:
        """
        A hash can be asked for its value and go on.
        """
        running = hashing.new(algorithm)
        running.update(first)
        assert running.hexdigest() == hashlib.new(algorithm, first).hexdigest()
        running.update(second)
        assert running.hexdigest() == hashlib.new(algorithm, first + second).hexdigest()

    @pytest.mark.parametrize(
        ("algorithm", "size"), [("sha256", 108), ("sha384", 204), ("sha512", 204)]
    )
    def test_size_of_a_state(self, algorithm: str, size: int) -> None:
        """
        A state has the size that Go's have.
        """
        state = hashing.new(algorithm).save()
        assert state is not None
        assert len(state) == size

    def test_go(self) -> None:
        """
        A state is Go's, to the byte, and Go's is understood.
        """
        running = hashing.new("sha256")
        running.update(b"abc")
        assert running.save() == GO_STATE
        loaded = hashing.load("sha256", GO_STATE, 3)
        assert loaded is not None
        loaded.update(b"def")
        assert loaded.hexdigest() == hashlib.sha256(b"abcdef").hexdigest()

    def test_more_than_a_word_of_bits(self) -> None:
        """
        Content of more than 2**32 bits is counted right.
        """
        state = GO_STATE[:-8] + struct.pack(">Q", (1 << 40) + 3)
        loaded = hashing.load("sha256", state, (1 << 40) + 3)
        assert loaded is not None
        assert loaded.save() == state
        # SHA-256 hashes the length at the end: the same block with another length differs.
        assert loaded.hexdigest() != hashlib.sha256(b"abc").hexdigest()

    @given(state=st.binary(max_size=220))
    def test_garbage(self, state: bytes) -> None:
        """
        What is no state is not taken for one.
        """
        for algorithm in HEX_LENGTHS:
            assert hashing.load(algorithm, state, 5) is None

    @pytest.mark.parametrize(
        ("state", "length"),
        [
            (GO_STATE, 4),
            (GO_STATE[:-1], 3),
            (GO_STATE + b"\0", 3),
            (b"sha\x02" + GO_STATE[4:], 3),
        ],
    )
    def test_wrong_state(self, state: bytes, length: int) -> None:
        """
        A state of another length, size or algorithm is refused.
        """
        assert hashing.load("sha256", state, length) is None

    def test_without_libcrypto(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where libcrypto can't be called, hashes are right but can't be saved.
        """
        monkeypatch.setattr(hashing, "_FUNCTIONS", {})
        running = hashing.new("sha512")
        running.update(b"abc")
        assert running.length == 3
        assert running.hexdigest() == hashlib.sha512(b"abc").hexdigest()
        assert running.save() is None
        assert not hashing.can_load("sha256")
        assert hashing.load("sha256", GO_STATE, 3) is None
