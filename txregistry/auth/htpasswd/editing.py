"""
A file of passwords is changed: by ``txregistry passwd``, while a registry may be reading it.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from txregistry.auth.basic import is_name
from txregistry.auth.htpasswd.entries import LARGEST, parse_line


class Editor:
    """
    The lines of a file.  Comments, and the order of users, stay as they are.

    :param data: what is in it.
    :raises Malformed: if it is no file of passwords.
    """

    def __init__(self, data: bytes) -> None:
        self._lines = data.splitlines()
        self._entries = [parse_line(line, number) for number, line in enumerate(self._lines, 1)]

    @property
    def hashes(self) -> dict[str, bytes]:
        """The hash of each user, the last one where there are several."""
        return dict(entry for entry in self._entries if entry is not None)

    def set(self, user: str, hash_: bytes) -> None:
        """
        Give a user a hash, in place of all that he has.

        :raises ValueError: if a file can't have a user of that name.
        """
        if not may_be_user(user):
            raise ValueError("a user's name has no colon, no #, no space at its ends")
        places = self._places(user)
        place = places[0] if places else len(self._lines)
        self._drop(places)
        self._lines.insert(place, user.encode("utf-8") + b":" + hash_)
        self._entries.insert(place, (user, hash_))

    def remove(self, user: str) -> bool:
        """
        Take a user out.

        :return: whether he was there.
        """
        places = self._places(user)
        self._drop(places)
        return bool(places)

    def data(self) -> bytes:
        """:return: what is to be in the file."""
        return b"".join(line + b"\n" for line in self._lines)

    def _places(self, user: str) -> list[int]:
        return [place for place, entry in enumerate(self._entries) if entry and entry[0] == user]

    def _drop(self, places: list[int]) -> None:
        for place in reversed(places):
            del self._lines[place], self._entries[place]


def may_be_user(name: str) -> bool:
    """:return: whether a file can have a user of a name, and he can log in."""
    if name.encode("utf-8", "ignore").decode() != name:  # a terminal's bytes that are no UTF-8
        return False
    return is_name(name) and name == name.strip() and not name.startswith("#") and ":" not in name


def read_passwords(path: str) -> bytes:
    """
    :return: what is in a file; nothing if there is none.
    :raises OSError: if it can't be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return b""
    if len(data) > LARGEST:
        raise OSError(f"it has more than {LARGEST} bytes")
    return data


def replace_passwords(path: str, data: bytes) -> None:
    """
    Put something else into a file, in one step, so that who reads it reads the old or the new.

    It keeps its mode and its owner; a new one is its owner's alone.  Where the path is a link,
    what it leads to is replaced.

    :raises OSError: if that can't be.
    """
    path = os.path.realpath(path)
    directory, name = os.path.split(path)
    own = os.path.join(directory, f".{name}.{secrets.token_hex(8)}")
    try:
        with open(own, "xb", opener=_private) as file:
            with suppress(FileNotFoundError):
                before = os.stat(path)
                if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fchmod(file.fileno(), before.st_mode & 0o7777)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(own, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(own)
        raise
    _sync(directory)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
