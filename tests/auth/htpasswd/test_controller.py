"""
The access controller.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.application.service import IService
from twisted.internet import reactor
from twisted.python.threadpool import ThreadPool
from zope.interface.verify import verifyObject

from tests.auth.htpasswd.kit import Kit, line, write
from tests.auth.test_basic import basic
from txregistry.auth.attempts import UnlimitedAttempts
from txregistry.auth.htpasswd.controller import HtpasswdAccess
from txregistry.auth.htpasswd.factory import factory
from txregistry.auth.htpasswd.hashes import new_hash
from txregistry.auth.htpasswd.outcomes import LIFETIME
from txregistry.auth.htpasswd.recognised import Recognised
from txregistry.auth.htpasswd.watching import FRESH
from txregistry.errors import ConfigurationError, Unauthorized, Unavailable
from txregistry.interfaces import Grant, IAccessController, IUsers
from txregistry.model.access import CATALOG, Access, Action, Credentials

HERE = "203.0.113.1"
PULL = Access(Action.PULL, "a/b")
GOOD = Credentials(basic(b"joe:secret"), HERE)


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    """A file with Joe in it."""
    made = Kit(tmp_path / "htpasswd")
    write(made.path, line("joe", "secret"))
    return made


def access(kit: Kit, realm: str = "A registry") -> HtpasswdAccess:
    """The access controller of that file."""
    recognised = Recognised(kit.clock.seconds)
    return HtpasswdAccess(realm, kit.passwords(), recognised, ThreadPool(0, 1))


class AuthorizeTests:
    """
    Who is let in.
    """

    def test_interfaces(self, kit: Kit) -> None:
        """
        It is an access controller that knows users, and is started and stopped.
        """
        for interface in (IAccessController, IUsers, IService):
            verifyObject(interface, access(kit))

    async def test_right(self, kit: Kit) -> None:
        """
        Whoever shows a password of the file may do everything.
        """
        controller = access(kit)
        for _ in range(2):
            grant = await controller.authorize(GOOD, [PULL, CATALOG])
            assert grant == Grant("joe", "htpasswd")

    async def test_recognised(self, kit: Kit) -> None:
        """
        Who was right is recognised by the same words, until the file changes, or a while is over.
        """
        controller = access(kit)
        for _ in range(3):
            assert (await controller.authorize(GOOD, [PULL])).actor == "joe"
        write(kit.path, line("joe", "another"))
        kit.clock.advance(FRESH)
        with pytest.raises(Unauthorized):
            await controller.authorize(GOOD, [PULL])
        write(kit.path, line("joe", "secret"))
        checked = len(kit.threads.checked)
        for _ in range(12):
            await controller.authorize(GOOD, [PULL])
            kit.clock.advance(LIFETIME / 9)
        assert len(kit.threads.checked) == checked + 2

    @pytest.mark.parametrize(
        "authorization",
        [
            "",
            basic(b"joe:wrong"),
            basic(b"joe:"),
            basic(b"nobody:secret"),
            basic(b"joe"),
            "Basic nonsense",
            "Bearer " + basic(b"joe:secret").partition(" ")[2],
            basic(b"joe:secret\0"),
        ],
    )
    async def test_wrong(self, kit: Kit, authorization: str) -> None:
        """
        Everybody else is asked for one, and told what he wanted.
        """
        with pytest.raises(Unauthorized) as raised:
            await access(kit).authorize(Credentials(authorization, HERE), [PULL])
        assert raised.value.challenge == 'Basic realm="A registry"'
        assert raised.value.detail == [PULL.as_record()]

    async def test_realm(self, kit: Kit) -> None:
        """
        A realm of any letters is one quoted string.
        """
        with pytest.raises(Unauthorized) as raised:
            await access(kit, 'a "b"\r\nX: y').authorize(Credentials(), [])
        assert raised.value.challenge == r'Basic realm="a \"b\"X: y"'

    async def test_broken(self, kit: Kit) -> None:
        """
        If the file is broken, nobody is let in, whatever he shows.
        """
        write(kit.path, b"joe")
        with pytest.raises(Unavailable):
            await access(kit).authorize(GOOD, [PULL])

    async def test_verify(self, kit: Kit) -> None:
        """
        Others may ask whether a password is right.
        """
        controller = access(kit)
        for _ in range(2):
            assert await controller.verify("joe", "secret", HERE)
        assert not await controller.verify("joe", "wrong", HERE)
        assert not await controller.verify("", "secret", HERE)
        assert len(kit.threads.checked) == 3

    async def test_any_bytes(self, kit: Kit) -> None:
        """
        A password of bytes that are no UTF-8, as old programs send them, is right both ways.
        """
        password = "geheïm".encode("latin-1")
        hash_ = new_hash(password, 4)
        write(kit.path, b"joe:%b\n" % hash_)
        controller = access(kit)
        said = Credentials(basic(b"joe:" + password), HERE)
        assert (await controller.authorize(said, ())).actor == "joe"
        assert await controller.verify("joe", password.decode("utf-8", "surrogateescape"), HERE)
        assert not await controller.verify("joe", "geheïm", HERE)


class FactoryTests:
    """
    How it is made.
    """

    @pytest.mark.parametrize("missing", ["realm", "path"])
    def test_options(self, missing: str) -> None:
        """
        Both options must be there.
        """
        options = {"realm": "a", "path": "/nonexistent/a", missing: ""}
        with pytest.raises(ConfigurationError, match=rf"^auth\.htpasswd\.{missing}: is missing$"):
            factory.create(reactor, options, UnlimitedAttempts())

    def test_cannot_make(self, tmp_path: Path) -> None:
        """
        If there is no file and none can be made, that is told before anybody asks.
        """
        (tmp_path / "file").touch()
        options = {"realm": "a", "path": str(tmp_path / "file" / "htpasswd")}
        with pytest.raises(ConfigurationError, match=r"^auth\.htpasswd\.path: can't make "):
            factory.create(reactor, options, UnlimitedAttempts())

    async def test_works(self, tmp_path: Path) -> None:
        """
        What it makes checks passwords, in threads of its own, from its start to its end.
        """
        path = tmp_path / "htpasswd"
        write(path, line("joe", "secret"))
        options = {"realm": "a", "path": str(path)}
        controller = factory.create(reactor, options, UnlimitedAttempts())
        controller.startService()
        assert (await controller.authorize(GOOD, [PULL])).actor == "joe"
        pool = controller._pool
        assert any(thread.is_alive() for thread in pool.threads)
        await controller.stopService()
        assert not any(thread.is_alive() for thread in pool.threads)
