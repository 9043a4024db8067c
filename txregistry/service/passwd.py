"""
``txregistry passwd``: the users of a file of passwords.
"""

from __future__ import annotations

import argparse
import os
import sys
from getpass import getpass

from txregistry.auth.htpasswd.editing import (
    Editor,
    may_be_user,
    read_passwords,
    replace_passwords,
)
from txregistry.auth.htpasswd.entries import Malformed
from txregistry.auth.htpasswd.hashes import LONGEST, cost_of, new_hash
from txregistry.auth.locking import locked


class Refused(Exception):
    """
    What was asked for can't be done; the message says why.
    """


def run_passwd(options: argparse.Namespace) -> list[str]:
    """
    Do what the command line says.

    :return: lines to be printed.
    :raises Refused: if that can't be done.
    """
    try:
        if options.list:
            return _list(options.file)
        if not options.user:
            raise Refused("name a user, or say --list")
        if options.remove:
            return [_remove(options.file, options.user)]
        return [_set(options.file, options.user, options.cost, options.stdin)]
    except Malformed as error:
        raise Refused(f"{options.file}: {error}") from error
    except OSError as error:
        raise Refused(f"{options.file}: {error.strerror or error}") from error


def _list(path: str) -> list[str]:
    os.stat(path)  # whoever lists what isn't there has mistyped it
    costs = {user: cost_of(hash_) for user, hash_ in Editor(read_passwords(path)).hashes.items()}
    return [
        f"{user}: bcrypt, cost {cost}" if cost else f"{user}: no bcrypt hash, can't log in"
        for user, cost in costs.items()
    ]


def _remove(path: str, user: str) -> str:
    with locked(path):
        editor = Editor(read_passwords(path))
        if not editor.remove(user):
            raise Refused(f"{path} has no user {user!r}")
        replace_passwords(path, editor.data())
    return f"{user} is removed"


def _set(path: str, user: str, cost: int, from_stdin: bool) -> str:
    if not may_be_user(user):
        raise Refused(
            f"{user!r} can't be a user's name: it needs a character, must be UTF-8, and must have"
            " no colon, no control characters, no # in front and no space at its ends"
        )
    Editor(read_passwords(path))  # before anybody is asked for anything
    hash_ = new_hash(_password(user, from_stdin), cost)
    with locked(path):
        editor = Editor(read_passwords(path))
        known = user in editor.hashes
        editor.set(user, hash_)
        replace_passwords(path, editor.data())
    return f"{user} has a new password" if known else f"{user} is added"


def _password(user: str, from_stdin: bool) -> bytes:
    """:return: a password that can be hashed."""
    if from_stdin:
        password = sys.stdin.buffer.readline().rstrip(b"\r\n")
    elif not sys.stdin.isatty():
        raise Refused("there is no terminal to ask on: say --stdin, and give the password there")
    else:
        password = _asked(user).encode("utf-8", "surrogateescape")
    if not password:
        raise Refused("the password is empty")
    if b"\0" in password:
        raise Refused("the password has a zero byte in it")
    if len(password) > LONGEST:
        raise Refused(
            f"the password has {len(password)} bytes; bcrypt would look at the first {LONGEST} only"
        )
    return password


def _asked(user: str) -> str:
    """:return: what somebody types twice on the terminal."""
    try:
        text = getpass(f"Password for {user}: ")
        again = getpass("Once more: ")
    except (EOFError, KeyboardInterrupt):
        sys.stderr.write("\n")  # nothing ends the line of the question
        raise Refused("nothing is changed, since no password was given") from None
    if text != again:
        raise Refused("the two passwords are not the same")
    return text
