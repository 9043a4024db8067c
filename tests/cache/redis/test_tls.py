"""
Redis behind TLS: certificates are verified, on either side.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cache.redis.certificates import Authority
from tests.cache.redis.conftest import Connect, MakeServer
from tests.cache.redis.server import RedisServer
from txregistry.cache.redis.settings import TLS
from txregistry.cache.redis.tls import load_tls
from txregistry.errors import ConfigurationError
from txregistry.interfaces import Ticket
from txregistry.testing.cache import DIGEST, HERE, STORED, has, put


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """
    Whom both sides trust.
    """
    return Authority(tmp_path / "certificates", "authority")


def speaking_tls(
    make_server: MakeServer, authority: Authority, address: str = "127.0.0.1", **more: str
) -> RedisServer:
    """
    A server that speaks TLS only.
    """
    certificate, key = authority.issue("server", address)
    options = {
        "tls-cert-file": certificate,
        "tls-key-file": key,
        "tls-ca-cert-file": str(authority.certificate),
        "tls-auth-clients": "no",
        **more,
    }
    try:
        return make_server(options, tls=True)
    except AssertionError:
        pytest.skip("component: redis-server (this one is built without TLS)")


def trusting(authority: Authority) -> TLS:
    """
    TLS that trusts an authority.
    """
    return load_tls("", "", [str(authority.certificate)])


class VerificationTests:
    """
    Whom we talk to, and who we are.
    """

    async def test_trusted(
        self, make_server: MakeServer, connect: Connect, authority: Authority
    ) -> None:
        """
        A server with a certificate of the authority for its address is used.
        """
        server = speaking_tls(make_server, authority)
        user = await connect(server, tls=trusting(authority))
        await put(user.cache, HERE, STORED)
        assert await has(user.cache, HERE, DIGEST)

    @pytest.mark.parametrize("case", ["another authority", "the system", "another address"])
    async def test_not_trusted(
        self,
        make_server: MakeServer,
        connect: Connect,
        authority: Authority,
        tmp_path: Path,
        case: str,
    ) -> None:
        """
        One that somebody else has signed, or for another address, is told nothing.
        """
        wrong = case == "another address"
        server = speaking_tls(make_server, authority, "127.0.0.2" if wrong else "127.0.0.1")
        tls = trusting(authority)
        if case == "another authority":
            tls = trusting(Authority(tmp_path / "others", "other"))
        elif case == "the system":
            tls = load_tls("", "", [])
        user = await connect(server, wait=False, tls=tls)
        await user.sleep(1.0)
        assert user.alive == 0
        assert await user.cache.look_up(HERE, DIGEST) == Ticket(None)
        assert user.connections._trouble is not None
        assert "can't be used" in user.connections._trouble

    async def test_no_tls(
        self, make_server: MakeServer, connect: Connect, authority: Authority
    ) -> None:
        """
        A server that doesn't speak TLS isn't spoken to without.
        """
        user = await connect(make_server(), wait=False, tls=trusting(authority))
        await user.sleep(1.0)
        assert user.alive == 0

    async def test_client_certificate(
        self, make_server: MakeServer, connect: Connect, authority: Authority
    ) -> None:
        """
        A server that wants to know who we are sees our certificate.
        """
        server = speaking_tls(make_server, authority, **{"tls-auth-clients": "yes"})
        certificate, key = authority.issue("client")
        tls = load_tls(certificate, key, [str(authority.certificate)])
        user = await connect(server, tls=tls)
        await put(user.cache, HERE, STORED)
        stranger = await connect(server, wait=False, tls=trusting(authority))
        await stranger.sleep(1.0)
        assert stranger.alive == 0

    async def test_stands_still(
        self, make_server: MakeServer, connect: Connect, authority: Authority
    ) -> None:
        """
        A server that stands still is waited for no longer than without TLS, and isn't waited for
        at the end.
        """
        server = speaking_tls(make_server, authority)
        user = await connect(server, tls=trusting(authority), reply_timeout=0.3)
        server.pause()
        found, seconds = await user.lasts(user.cache.look_up(HERE, DIGEST))
        assert found == Ticket(None)
        assert seconds < 0.8
        await user.sleep(0.5)
        _, seconds = await user.lasts(user.connections.stop())
        assert seconds < 1.0


class FileTests:
    """
    The files.
    """

    def test_chain(self, authority: Authority) -> None:
        """
        The file of the certificate may have its chain behind it.
        """
        certificate, key = authority.issue("client")
        with open(certificate, "ab") as file:
            file.write(authority.certificate.read_bytes())
        load_tls(certificate, key, [])("127.0.0.1")

    def test_wrong_files(self, authority: Authority, tmp_path: Path) -> None:
        """
        What is missing or no certificate is an error that names key and file, and no content.
        """
        certificate, key = authority.issue("client")
        other = authority.issue("other")[1]
        hidden = authority.issue("hidden", password="hunter2")[1]
        empty, missing = tmp_path / "empty", str(tmp_path / "missing")
        empty.write_text("nothing")
        for files, name, text in [
            (("", "", [missing]), "redis.tls.rootcas", f"{missing}: No such file or directory"),
            (("", "", [str(empty)]), "redis.tls.rootcas", f"{empty}: no certificate in PEM"),
            ((str(empty), key, []), "redis.tls.certificate", f"{empty}: no certificate in PEM"),
            ((certificate, other, []), "redis.tls.key", f"{other}: is not that of the"),
            ((certificate, certificate, []), "redis.tls.key", "no key in PEM"),
            ((certificate, hidden, []), "redis.tls.key", "no key in PEM without a passphrase"),
        ]:
            with pytest.raises(ConfigurationError) as caught:
                load_tls(*files)
            (problem,) = caught.value.problems
            assert problem.key == name
            assert text in problem.text
