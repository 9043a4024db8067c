"""
``txregistry tokenkey``: the file of the keys that sign tokens.
"""

from __future__ import annotations

import argparse

from txregistry.auth.tokenserver.signing import (
    SigningKeys,
    make_key_file,
    parse_signing_keys,
    rotate_key_file,
)


class Refused(Exception):
    """
    What was asked for can't be done; the message says why.
    """


def run_tokenkey(options: argparse.Namespace) -> list[str]:
    """
    Do what the command line says.

    :return: lines to be printed.
    :raises Refused: if that can't be done.
    """
    path: str = options.file
    try:
        if options.rotate and not make_key_file(path):
            rotate_key_file(path)
        keys = _read(path)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise Refused(f"{path}: {error}") from error
    if options.jwks:
        return [keys.key_set().decode("ascii")]
    uses = ["signs", *(["verifies"] * (len(keys.keys) - 1))]
    return [f"{key.name} {key.algorithm} {use}" for key, use in zip(keys.keys, uses, strict=True)]


def _read(path: str) -> SigningKeys:
    with open(path, "rb") as file:
        return parse_signing_keys(file.read())
