"""
Running hashes that can be saved, so that finishing an upload costs only the bytes that are
new, also in another process or after a restart.

``hashlib`` can't export its state.  The libcrypto that Python links can: its ``SHA256_…`` and
``SHA512_…`` functions work on a plain structure.  They are called through :mod:`ctypes`, which
lets go of the interpreter's lock, as ``hashlib`` does.  Where they are not to be had (a Python
with another library), or don't behave, hashes are those of ``hashlib`` and can't be saved;
then the data is read again, once.

A state is saved in the form in which the Go library marshals its hashes, as ``distribution``
does beside its own uploads: magic, the chaining values, the block buffer, and the length, all
big-endian.
"""

from __future__ import annotations

import _hashlib
import ctypes
import hashlib
import struct
from typing import Any, Final, Protocol

from attrs import frozen

from txregistry.model.digest import HEX_LENGTHS

_ROOM: Final = 512
"""
Bytes for a structure of libcrypto: more than the 112 or 216 that it has, so that one which is
larger does no harm before the trial at the import finds it out.
"""


class RunningHash(Protocol):
    """
    A hash of what came so far.
    """

    length: int
    """How many bytes came, those before a :func:`load` included."""

    def update(self, data: bytes) -> None:
        """Add some bytes.  Not for two threads at once."""

    def hexdigest(self) -> str:
        """:return: the hash of everything so far, in lower case."""

    def save(self) -> bytes | None:
        """:return: the state, or ``None`` if it can't be had."""


@frozen
class _Family:
    """
    How libcrypto keeps a hash, and how Go does.

    :param function: the middle of the names of its functions.
    :param magic: the first bytes of a saved state.
    :param word: the format of a chaining value.
    :param block: the size of a block, in bytes.
    """

    function: str
    magic: bytes
    word: str
    block: int

    @property
    def saved(self) -> struct.Struct:
        """Go's form: magic, chaining values, block buffer, length in bytes."""
        return struct.Struct(f">4s8{self.word}{self.block}sQ")

    @property
    def context(self) -> struct.Struct:
        """
        ``SHA256_CTX`` or ``SHA512_CTX``: chaining values, length in bits as two words (low,
        high), block buffer, its used part, the length of the hash.
        """
        return struct.Struct(f"=8{self.word}2{self.word}{self.block}s2I")

    @property
    def word_bits(self) -> int:
        """The size of a word."""
        return 32 if self.word == "I" else 64


_FAMILIES: Final = {
    "sha256": _Family("SHA256", b"sha\x03", "I", 64),
    "sha384": _Family("SHA384", b"sha\x04", "Q", 128),
    "sha512": _Family("SHA512", b"sha\x07", "Q", 128),
}


class _Functions:
    """
    The functions of libcrypto for one algorithm.
    """

    def __init__(self, library: ctypes.CDLL, algorithm: str) -> None:
        self.family = _FAMILIES[algorithm]
        self.size = HEX_LENGTHS[algorithm] // 2
        self.init = self._function(library, "Init", ctypes.c_void_p)
        self.update = self._function(
            library, "Update", ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
        )
        self.final = self._function(library, "Final", ctypes.c_char_p, ctypes.c_void_p)

    def _function(self, library: ctypes.CDLL, name: str, *arguments: Any) -> Any:
        function = library[f"{self.family.function}_{name}"]
        function.argtypes = arguments
        function.restype = ctypes.c_int
        return function


class _SavingHash:
    """
    A hash on a structure of libcrypto.
    """

    def __init__(self, functions: _Functions) -> None:
        self._functions = functions
        self._context = ctypes.create_string_buffer(_ROOM)
        self.length = 0
        functions.init(self._context)

    def update(self, data: bytes) -> None:
        self._functions.update(self._context, data, len(data))
        self.length += len(data)

    def hexdigest(self) -> str:
        # On a copy: finishing spoils the structure.
        context = ctypes.create_string_buffer(self._context.raw, _ROOM)
        digest = ctypes.create_string_buffer(self._functions.size)
        self._functions.final(digest, context)
        return digest.raw.hex()

    def save(self) -> bytes:
        family = self._functions.family
        *chain, _low, _high, buffer, used, _size = family.context.unpack_from(self._context)
        block = buffer[:used].ljust(family.block, b"\0")
        return family.saved.pack(family.magic, *chain, block, self.length)

    def restore(self, state: bytes) -> None:
        """
        Go on from a saved state.

        :raises ValueError: if it is none of this algorithm.
        """
        family = self._functions.family
        if len(state) != family.saved.size or not state.startswith(family.magic):
            raise ValueError("not a saved state of this algorithm")
        _magic, *chain, block, length = family.saved.unpack(state)
        high, low = divmod(length * 8, 1 << family.word_bits)
        used = length % family.block
        buffer = block[:used].ljust(family.block, b"\0")
        family.context.pack_into(
            self._context, 0, *chain, low, high, buffer, used, self._functions.size
        )
        self.length = length


class _PlainHash:
    """
    A hash of ``hashlib``.
    """

    def __init__(self, algorithm: str) -> None:
        self._hash = hashlib.new(algorithm)
        self.length = 0

    def update(self, data: bytes) -> None:
        self._hash.update(data)
        self.length += len(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def save(self) -> None:
        """It can't."""


def _works(functions: _Functions, algorithm: str) -> bool:
    """:return: whether hashing, saving and restoring give what ``hashlib`` gives."""
    text = bytes(range(256))
    first = _SavingHash(functions)
    first.update(text[:200])
    second = _SavingHash(functions)
    second.restore(first.save())
    second.update(text[200:])
    return second.hexdigest() == hashlib.new(algorithm, text).hexdigest()


def _functions() -> dict[str, _Functions]:
    """:return: those of the algorithms that can be had, after a trial of each."""
    try:
        library = ctypes.CDLL(_hashlib.__file__)
        found = {algorithm: _Functions(library, algorithm) for algorithm in _FAMILIES}
    except (AttributeError, OSError, TypeError):
        return {}
    return {name: each for name, each in found.items() if _works(each, name)}


_FUNCTIONS: Final = _functions()


def new(algorithm: str) -> RunningHash:
    """
    Begin a hash.

    :param algorithm: one of :data:`~txregistry.model.digest.HEX_LENGTHS`.
    """
    functions = _FUNCTIONS.get(algorithm)
    return _PlainHash(algorithm) if functions is None else _SavingHash(functions)


def can_load(algorithm: str) -> bool:
    """:return: whether a saved state of this algorithm is of any use here."""
    return algorithm in _FUNCTIONS


def load(algorithm: str, state: bytes, length: int) -> RunningHash | None:
    """
    Go on with a hash.

    :param state: what :meth:`RunningHash.save` gave, or what ``distribution`` wrote.
    :param length: of how many bytes it has to be.
    :return: ``None`` if it is not a state of that algorithm and length.
    """
    functions = _FUNCTIONS.get(algorithm)
    if functions is None:
        return None
    running = _SavingHash(functions)
    try:
        running.restore(state)
    except ValueError:
        return None
    return running if running.length == length else None
