"""
Our access controllers keep the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.auth.htpasswd.kit import Kit, line, write
from tests.auth.htpasswd.test_controller import access
from tests.auth.test_basic import basic
from tests.auth.test_silly import silly
from txregistry.auth.htpasswd.controller import HtpasswdAccess
from txregistry.auth.silly import SillyAccess
from txregistry.model.access import Credentials
from txregistry.testing.access import ADDRESS, AccessControllerContract, UsersContract


class SillyTests(AccessControllerContract):
    """
    Any credentials.
    """

    takes_anything = True

    @pytest.fixture
    def controller(self) -> SillyAccess:
        return silly()

    @pytest.fixture
    def good(self) -> Credentials:
        return Credentials("anything", ADDRESS)


def with_alice(directory: Path) -> HtpasswdAccess:
    """
    Passwords of a file.
    """
    path = directory / "htpasswd"
    write(path, line("alice", "a:secret") + line("bob", "another"))
    return access(Kit(path))


class HtpasswdTests(AccessControllerContract):
    """
    Passwords of a file.
    """

    @pytest.fixture
    def controller(self, tmp_path: Path) -> HtpasswdAccess:
        return with_alice(tmp_path)

    @pytest.fixture
    def good(self) -> Credentials:
        return Credentials(basic(b"alice:a:secret"), ADDRESS)

    @pytest.fixture
    def bad(self) -> Sequence[Credentials]:
        texts = (b"alice:another", b"bob:a:secret", b"nobody:a:secret", b"alice", b"alice:", b":")
        return [Credentials(basic(text), ADDRESS) for text in texts]


class HtpasswdUsersTests(UsersContract):
    """
    The same, asked by others.
    """

    @pytest.fixture
    def users(self, tmp_path: Path) -> HtpasswdAccess:
        return with_alice(tmp_path)
