"""
Challenges, what is remembered, and where what is trusted comes from.
"""

# The resources of twisted.web have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock, LoopingCall
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from twisted.web.util import Redirect
from zope.interface.verify import verifyObject

from tests.auth.htpasswd.kit import told
from tests.auth.token.issuer import (
    ISSUER,
    REALM,
    SERVICE,
    Issuer,
    allowed,
    certified,
    key_for,
    key_set,
)
from tests.auth.token.kit import DELETE, PULL, PUSH, Judge, SlowThreads, error_of, judge
from txregistry.auth.attempts import UnlimitedAttempts
from txregistry.auth.token.challenge import (
    FixedRealm,
    RedirectedRealm,
    bearer_challenge,
    scope_of,
)
from txregistry.auth.token.controller import Rules, TokenAccess
from txregistry.auth.token.factory import factory
from txregistry.auth.token.fetching import LARGEST, Fetching, check_address
from txregistry.auth.token.files import WatchedFile
from txregistry.auth.token.keyfiles import KeyFiles, read_key_set
from txregistry.auth.token.keys import ALGORITHMS
from txregistry.auth.token.remotekeys import PATIENCE, REFRESH, STALE, RemoteKeys
from txregistry.configuration import access as configured
from txregistry.deferreds import InlineThreads
from txregistry.errors import ConfigurationError, Unauthorized, Unavailable
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import CATALOG, Access, Action, Credentials

MAY_PULL = allowed("a/b", "pull")
SIGNER = Issuer(key_for("ES256"), "ES256", {"kid": "k"})
KEYS = key_set(SIGNER.key, kid="k")


@pytest.fixture
def judged(tmp_path: Path) -> Judge:
    """
    A controller that trusts one key.
    """
    return judge(tmp_path, keys=KEYS)


class ChallengeTests:
    """
    What a client without a good token is told.
    """

    def test_interface(self, judged: Judge) -> None:
        """
        It is an access controller.
        """
        verifyObject(IAccessController, judged.access)

    @pytest.mark.parametrize(
        "authorization",
        [
            "",
            "Bearer",
            "Bearer ",
            "Basic am9lOnNlY3JldA==",
            "Token x",
            "bearerx",
            "\x00",
            "x" * 9999,
        ],
    )
    def test_no_token(self, authorization: str, judged: Judge) -> None:
        """
        Without a token the challenge says where to get one and for what, and names no error.
        """
        refused = judged.ask("", (PULL, PUSH), authorization=authorization)
        assert isinstance(refused, Unauthorized)
        assert refused.challenge == (
            f'Bearer realm="{REALM}",service="{SERVICE}",scope="repository:a/b:pull,push"'
        )
        assert refused.detail == [PULL.as_record(), PUSH.as_record()]

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
    def test_scheme(self, scheme: str, judged: Judge) -> None:
        """
        The scheme may be written in any case.
        """
        authorization = f"{scheme} {SIGNER.token(MAY_PULL)}"
        assert isinstance(judged.ask("", authorization=authorization), Grant)

    def test_ping(self, judged: Judge) -> None:
        """
        Where nothing is wanted, there is no scope.
        """
        refused = judged.ask("", ())
        assert isinstance(refused, Unauthorized)
        assert refused.challenge == f'Bearer realm="{REALM}",service="{SERVICE}"'

    def test_errors(self, judged: Judge) -> None:
        """
        The error comes last, and says whether another token would help or a better one.
        """
        for token, error in ((SIGNER.token(), "insufficient_scope"), ("x", "invalid_token")):
            refused = judged.ask(token)
            assert isinstance(refused, Unauthorized)
            assert refused.challenge == (
                f'Bearer realm="{REALM}",service="{SERVICE}",scope="repository:a/b:pull",'
                f'error="{error}"'
            )

    def test_known(self, judged: Judge) -> None:
        """
        Whose token is good, but not for this, is known, be the token new or remembered; the client
        isn't told.  Who has none, or a bad one, is nobody.
        """
        token = SIGNER.token(allowed("a/c", "pull"), sub="joe")
        for said, who in ((token, "joe"), (token, "joe"), ("x", ""), (token[:-4] + "AAAA", "")):
            refused = judged.ask(said)
            assert isinstance(refused, Unauthorized)
            assert (refused.actor, refused.rule) == (who, "token" if who else "")
            assert "joe" not in f"{refused} {refused.challenge} {refused.detail}"

    def test_merged(self) -> None:
        """
        What is wanted of one resource stands together, in an order that is always the same.
        """
        other = Access(Action.PULL, "c")
        for wanted in ((PUSH, other, PULL, DELETE), (PULL, PUSH, DELETE, other, PULL)):
            assert set(scope_of(wanted).split(" ")) == {
                "repository:a/b:pull,push,delete",
                "repository:c:pull",
            }
        assert scope_of((CATALOG,)) == "registry:catalog:*"

    @given(st.text(), st.text())
    def test_quoting(self, realm: str, service: str) -> None:
        """
        Whatever realm and service are, they can't add a parameter or a line.
        """
        challenge = bearer_challenge(realm, service, (), "")
        assert not any(character in challenge for character in "\r\n\0")
        unescaped = challenge.replace("\\\\", "").replace('\\"', "")
        assert unescaped.count('"') == 4


class RealmTests:
    """
    Where clients are sent.
    """

    REALM = RedirectedRealm("/auth/token", REALM)

    @pytest.mark.parametrize(
        ("host", "scheme", "url"),
        [
            ("registry.example", "", "https://registry.example/auth/token"),
            ("registry.example:5000", "http", "http://registry.example:5000/auth/token"),
            ("[::1]:5000", "https", "https://[::1]:5000/auth/token"),
            ("127.0.0.1", "", "https://127.0.0.1/auth/token"),
        ],
    )
    def test_redirected(self, host: str, scheme: str, url: str) -> None:
        """
        With ``autoredirect`` they stay at the host that they asked.
        """
        assert self.REALM(Credentials(host=host, forwarded_scheme=scheme)) == url

    @pytest.mark.parametrize(
        "host",
        ["", "a b", 'a",error="x', "a/b", "user@evil.example", "a\r\nb", "a?b", "a#b", "a:b", "ä"],
    )
    def test_other_hosts(self, host: str) -> None:
        """
        What is no host is never part of a challenge.
        """
        assert self.REALM(Credentials(host=host)) == REALM


class MemoryTests:
    """
    A token is verified once.
    """

    def test_once(self, judged: Judge) -> None:
        """
        A hundred requests with a token cost one verification, and are judged each for itself.
        """
        token = SIGNER.token(MAY_PULL)
        for _ in range(100):
            assert judged.takes(token)
            assert judged.error(token, PUSH) == "insufficient_scope"
        assert judged.threads.count == 1

    def test_at_once(self, judged: Judge) -> None:
        """
        What is remembered is answered without waiting for anything.
        """
        credentials = Credentials(f"Bearer {SIGNER.token(MAY_PULL)}")
        judged.access.authorize(credentials, [PULL])
        assert judged.access.authorize(credentials, [PULL]).called

    def test_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Of many tokens only some are remembered, and of those that are refused none.
        """
        monkeypatch.setattr("txregistry.auth.token.controller.REMEMBERED", 2000)
        judged = judge(tmp_path, keys=KEYS)
        first = SIGNER.token(MAY_PULL)
        assert judged.takes(first)
        for number in range(10):
            assert judged.takes(SIGNER.token(MAY_PULL, jti=str(number)))
        count = judged.threads.count
        assert judged.takes(first)
        assert judged.threads.count == count + 1
        refused = SIGNER.token(MAY_PULL, iss="x")
        for _ in range(2):
            judged.error(refused)
        assert judged.threads.count == count + 3

    def test_of_a_key_that_is_gone(self, judged: Judge, tmp_path: Path) -> None:
        """
        When a key is taken away, what it has signed is no longer taken.
        """
        token = SIGNER.token(MAY_PULL)
        assert judged.takes(token)
        (tmp_path / "jwks.json").write_bytes(key_set(key_for("ES384"), kid="other"))
        judged.clock.advance(1.1)
        judged.takes(token)  # this one may still be answered by what was known
        assert judged.error(token) == "invalid_token"


class FileTests:
    """
    Files that change.
    """

    def test_new_key(self, judged: Judge, tmp_path: Path) -> None:
        """
        A token that names an unknown key makes the file be read again, though not too often.
        """
        other = Issuer(key_for("ES384"), "ES384", {"kid": "new"})
        token = other.token(MAY_PULL)
        assert judged.error(token) == "invalid_token"
        (tmp_path / "jwks.json").write_bytes(key_set(SIGNER.key, kid="k") and _both())
        assert judged.error(token) == "invalid_token"
        judged.clock.advance(1.1)
        assert judged.takes(token)
        assert judged.takes(SIGNER.token(MAY_PULL))

    async def test_nobody_came_for_long(self, tmp_path: Path) -> None:
        """
        Where nobody has come for long the file is looked at first: a key that was taken out in the
        meantime opens nothing, be it once.
        """
        slow = SlowThreads()
        judged = judge(tmp_path, keys=KEYS, reading=slow)
        credentials = Credentials(f"Bearer {SIGNER.token(MAY_PULL)}")
        for key, taken in ((KEYS, True), (key_set(key_for("ES384"), kid="other"), False)):
            (tmp_path / "jwks.json").write_bytes(key)
            judged.clock.advance(60)
            asked = [judged.access.authorize(credentials, [PULL]) for _ in range(3)]
            assert not any(each.called for each in asked)
            slow.release()
            for each in asked:
                if taken:
                    assert (await each).rule == "token"
                else:
                    with pytest.raises(Unauthorized):
                        await each

    def test_nobody_waits(self, tmp_path: Path) -> None:
        """
        Where somebody has come a moment ago nobody waits for the file.
        """
        slow = SlowThreads()
        judged = judge(tmp_path, keys=KEYS, reading=slow)
        token = SIGNER.token(MAY_PULL)
        judged.access.authorize(Credentials(f"Bearer {token}"), [PULL])
        slow.release()
        judged.clock.advance(2)
        assert judged.takes(token)

    def test_same_time_and_size(self, judged: Judge, tmp_path: Path) -> None:
        """
        It is the content that counts: a file with the time and size of the old one is a new one.
        """
        path = tmp_path / "jwks.json"
        before = path.stat()
        path.write_bytes(KEYS.replace(b'"k"', b'"n"'))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
        judged.clock.advance(1.1)
        assert judged.takes(Issuer(SIGNER.key, "ES256", {"kid": "n"}).token(MAY_PULL))

    def test_swapped_link(self, tmp_path: Path) -> None:
        """
        A link that leads elsewhere is another file, as where secrets are mounted.
        """
        for name, keys in (("old", KEYS), ("new", _both())):
            (tmp_path / name).mkdir()
            (tmp_path / name / "keys").write_bytes(keys)
        (tmp_path / "data").symlink_to("old")
        (tmp_path / "keys").symlink_to("data/keys")
        watched = WatchedFile(str(tmp_path / "keys"), read_key_set)
        assert not watched.look()
        (tmp_path / "next").symlink_to("new")
        (tmp_path / "next").rename(tmp_path / "data")
        assert watched.look()
        assert set(watched.value.keys) == {"k", "new"}

    @pytest.mark.parametrize("broken", [b"", b"{", b'{"keys":[]}', b"[]", None])
    def test_broken(self, broken: bytes | None, judged: Judge, tmp_path: Path) -> None:
        """
        A file that is broken or gone changes nothing; one line in the log says so.
        """
        path = tmp_path / "jwks.json"
        path.unlink() if broken is None else path.write_bytes(broken)
        with told() as log:
            for _ in range(3):
                judged.clock.advance(1.1)
                assert judged.takes(SIGNER.token(MAY_PULL))
            (line,) = log.lines("error")
        assert line.startswith(f"{path}: what was read before stays in use: ")
        path.write_bytes(_both())
        judged.clock.advance(1.1)
        assert judged.takes(Issuer(key_for("ES384"), "ES384", {"kid": "new"}).token(MAY_PULL))

    def test_bundle(self, tmp_path: Path) -> None:
        """
        A bundle is read again too; private keys in it are skipped.
        """
        old, new = certified("old"), certified("new")
        judged = judge(
            tmp_path, bundle=old.jwk.export_to_pem(private_key=True, password=None) + old.pem
        )
        token = new.issuer().token(MAY_PULL)
        assert judged.takes(old.issuer().token(MAY_PULL))
        assert judged.error(token) == "invalid_token"
        (tmp_path / "bundle.pem").write_bytes(old.pem + new.pem)
        judged.clock.advance(1.1)
        judged.takes(token)
        assert judged.takes(token)


def _both() -> bytes:
    """
    The key that is trusted, and a new one.
    """
    old, new = key_set(SIGNER.key, kid="k"), key_set(key_for("ES384"), kid="new")
    return old[:-2] + b", " + new[len(b'{"keys": [') :]


class Server:
    """
    A token server's keys, as they are fetched; time is a clock's.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.answer: Any = KEYS
        self.fetched = 0
        none = KeyFiles(None, None, InlineThreads(), self.clock.seconds)
        self.keys = RemoteKeys(none, self._fetch, self.clock.seconds)
        self.clock.advance(time.time())
        rules = Rules(ISSUER, SERVICE, frozenset(ALGORITHMS))
        access = TokenAccess(
            rules, self.keys, FixedRealm(REALM), InlineThreads(), self.clock.seconds
        )
        self.judge = Judge(access, self.clock)

    def _fetch(self) -> Deferred[bytes]:
        self.fetched += 1
        if isinstance(self.answer, Deferred):
            return self.answer
        return fail(self.answer) if isinstance(self.answer, Exception) else succeed(self.answer)


class RemoteTests:
    """
    Keys from an address.
    """

    def test_fetched_and_kept(self) -> None:
        """
        They are fetched when the first token comes, and again after some minutes, without anybody
        waiting for it.
        """
        server = Server()
        for _ in range(3):
            assert server.judge.takes(SIGNER.token(MAY_PULL))
        assert server.fetched == 1
        server.answer = Deferred()
        server.clock.advance(REFRESH + 1)
        assert server.judge.takes(SIGNER.token(MAY_PULL))
        assert server.fetched == 2
        server.answer.callback(_both())
        assert server.judge.takes(SIGNER.token(MAY_PULL))

    async def test_fetched_after_a_rest(self) -> None:
        """
        After a time in which nobody came they are fetched first: what the token server has
        withdrawn meanwhile opens nothing.
        """
        server = Server()
        token = SIGNER.token(MAY_PULL, exp=int(time.time()) + 10000)
        assert server.judge.takes(token)
        server.answer = Deferred()
        server.clock.advance(STALE)
        waiting = server.judge.access.authorize(Credentials(f"Bearer {token}"), [PULL])
        assert not waiting.called
        server.answer.callback(key_set(key_for("ES384"), kid="new"))
        with pytest.raises(Unauthorized):
            await waiting

    def test_unknown_key(self) -> None:
        """
        A token with an unknown key makes them be fetched, at most every ten seconds, however many
        come.
        """
        server = Server()
        new = Issuer(key_for("ES384"), "ES384", {"kid": "new"})
        assert server.judge.takes(SIGNER.token(MAY_PULL))
        server.answer = _both()
        for number in range(50):
            forged = Issuer(SIGNER.key, "ES256", {"kid": str(number)}).token(MAY_PULL)
            assert server.judge.error(forged) == "invalid_token"
        assert server.judge.error(new.token(MAY_PULL)) == "invalid_token"
        assert server.fetched == 1
        server.clock.advance(PATIENCE + 1)
        assert server.judge.takes(new.token(MAY_PULL))
        assert server.fetched == 2

    def test_failing(self) -> None:
        """
        When they can't be fetched any more, those that are known stay.
        """
        server = Server()
        token = SIGNER.token(MAY_PULL, exp=int(time.time()) + 10000)
        assert server.judge.takes(token)
        for trouble in (OSError("gone"), b"{", b'{"keys": []}'):
            server.answer = trouble
            server.clock.advance(REFRESH + 1)
            with told() as log:
                assert server.judge.takes(token)
                (line,) = log.lines("error")
            assert "those that are known stay" in line
            assert server.judge.takes(token)

    async def test_never_had(self) -> None:
        """
        As long as they could never be fetched nobody is let in, and told that it isn't his fault.
        """
        server = Server()
        server.answer = OSError("not yet")
        credentials = Credentials(f"Bearer {SIGNER.token(MAY_PULL)}")
        with told(), pytest.raises(Unavailable):
            await server.judge.access.authorize(credentials, [PULL])
        assert error_of(server.judge.ask("", authorization="")) == ""
        server.answer = KEYS
        server.clock.advance(PATIENCE + 1)
        assert server.judge.takes(SIGNER.token(MAY_PULL))

    def test_waiting_together(self) -> None:
        """
        Who comes while they are being fetched waits for that; who goes away does not.
        """
        server = Server()
        server.answer = Deferred()
        outcomes: list[Any] = []
        credentials = Credentials(f"Bearer {SIGNER.token(MAY_PULL)}")
        waiting = [server.judge.access.authorize(credentials, [PULL]) for _ in range(3)]
        for each in waiting:
            each.addBoth(outcomes.append)
        waiting[0].cancel()
        assert len(outcomes) == 1
        server.answer.callback(KEYS)
        assert outcomes[1:] == [Grant("joe", "token")] * 2
        assert server.fetched == 1

    @pytest.mark.parametrize(
        "url",
        [
            "http://auth.example/jwks",
            "https://",
            "https:///jwks",
            "ftp://auth.example/jwks",
            "https://joe:secret@auth.example/jwks",
            "http://localhost.evil.example/",
        ],
    )
    def test_bad_addresses(self, url: str) -> None:
        """
        Keys come by TLS, or from this machine.
        """
        with pytest.raises(ValueError, match=r"must|address"):
            check_address(url)

    @pytest.mark.parametrize("url", ["https://a.example/", "http://127.0.0.1:1/", "http://[::1]/"])
    def test_good_addresses(self, url: str) -> None:
        """
        These are good.
        """
        check_address(url)


class _Large(Resource):
    isLeaf = True

    def render_GET(self, request: Request) -> int:  # noqa: N802 - Twisted calls it
        for _ in range(LARGEST // 65536 + 2):
            request.write(b" " * 65536)
        return NOT_DONE_YET


class _Keys(Resource):
    isLeaf = True

    def render_GET(self, _: Request) -> bytes:  # noqa: N802 - Twisted calls it
        return KEYS


class _Silent(Resource):
    isLeaf = True

    def render_GET(self, _: Request) -> int:  # noqa: N802 - Twisted calls it
        return NOT_DONE_YET


class _Babble(Protocol):
    factory: Babbling

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self.factory.begin)
        self._calls = LoopingCall(self.transport.write, self.factory.go_on)
        self._calls.start(0.01)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._calls.stop()
        self.factory.left.callback(None)


class Babbling(Factory):
    """
    A server that never comes to an end.

    :param begin: what it sends first.
    :param go_on: what it sends again and again.
    :ivar left: fires when the client is gone.
    """

    protocol: Any = _Babble
    noisy = False

    def __init__(self, begin: bytes, go_on: bytes) -> None:
        self.begin, self.go_on = begin, go_on
        self.left: Deferred[None] = Deferred()


@pytest.fixture
def base() -> Iterator[str]:
    """
    The address of a server of documents.
    """
    root = Resource()
    root.putChild(b"keys", _Keys())
    root.putChild(b"large", _Large())
    root.putChild(b"silent", _Silent())
    root.putChild(b"elsewhere", Redirect(b"/keys"))
    anything: Any = reactor
    listening = anything.listenTCP(0, Site(root), interface="127.0.0.1")
    yield f"http://127.0.0.1:{listening.getHost().port}"
    listening.stopListening()


class FetchingTests:
    """
    Fetching a document from a real server.
    """

    async def test_fetch(self, base: str) -> None:
        """
        It is fetched.
        """
        assert await Fetching(reactor, f"{base}/keys").fetch() == KEYS

    @pytest.mark.parametrize(
        ("path", "reason"),
        [("missing", "answers 404"), ("elsewhere", "redirects are not"), ("large", "more than")],
    )
    async def test_refused(self, base: str, path: str, reason: str) -> None:
        """
        Errors, redirects and what is too large are refused.
        """
        with pytest.raises(ValueError, match=reason):
            await Fetching(reactor, f"{base}/{path}").fetch()

    async def test_silence(self, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A server that doesn't answer isn't waited for.
        """
        monkeypatch.setattr("txregistry.auth.token.fetching.TIMEOUT", 0.1)
        with pytest.raises(ValueError, match=r"within 0\.1 seconds"):
            await Fetching(reactor, f"{base}/silent").fetch()

    @pytest.mark.parametrize(
        ("begin", "go_on", "reason"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b" ", "within"),
            (b"HTTP/1.1 200 OK\r\n\r\n", b" ", "within"),
            (b"HTTP/1.1 200 OK\r\n", b"X-More: %b\r\n" % (b"x" * 9999) * 99, "too much"),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 9999, "within|too much"),
            (b"HTTP/1.1 302 Found\r\nContent-Length: 99999\r\n\r\n", b" ", "answers 302"),
            (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", b" ", "is packed"),
        ],
        ids=["slow", "endless", "head", "answers", "redirect", "packed"],
    )
    async def test_without_an_end(
        self, begin: bytes, go_on: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A server that sends on and on, much or little, is left in time.
        """
        monkeypatch.setattr("txregistry.auth.token.fetching.TIMEOUT", 0.3)
        anything: Any = reactor
        server = Babbling(begin, go_on)
        listening = anything.listenTCP(0, server, interface="127.0.0.1")
        try:
            with pytest.raises(ValueError, match=reason):
                await Fetching(reactor, f"http://127.0.0.1:{listening.getHost().port}/").fetch()
            await server.left
        finally:
            listening.stopListening()


OPTIONS = {"realm": REALM, "issuer": ISSUER, "service": SERVICE}


def create(**options: Any) -> TokenAccess:
    """
    What the factory makes of options.
    """
    return factory.create(reactor, {**OPTIONS, **options}, UnlimitedAttempts())


class FactoryTests:
    """
    The options.
    """

    @pytest.mark.parametrize("name", OPTIONS)
    @pytest.mark.parametrize("value", ["", None, 1])
    def test_required(self, name: str, value: Any) -> None:
        """
        Realm, issuer and service must be there; what is said is what distribution says.
        """
        text = f'token auth requires a valid option string: "{name}"'
        with pytest.raises(ConfigurationError, match=text):
            create(**{name: value})

    def test_algorithms(self, tmp_path: Path) -> None:
        """
        All algorithms are known that distribution knows, and no others.
        """
        path = tmp_path / "keys"
        path.write_bytes(KEYS)
        with pytest.raises(ConfigurationError, match="unsupported signing algorithm: none"):
            create(jwks=str(path), signingalgorithms=["ES256", "none"])
        create(jwks=str(path), signingalgorithms=list(ALGORITHMS))
        assert configured.ALGORITHMS == ALGORITHMS

    def test_no_key(self) -> None:
        """
        Without a key nothing could be trusted.
        """
        text = "token auth requires at least one token signing key"
        with pytest.raises(ConfigurationError, match=text):
            create()

    @pytest.mark.parametrize(
        ("options", "key"),
        [
            ({"jwks": "/does/not/exist"}, "auth.token.jwks"),
            ({"rootcertbundle": "/does/not/exist"}, "auth.token.rootcertbundle"),
            ({"rootcertbundle": "/dev/null"}, "auth.token.rootcertbundle"),
            ({"jwks": "http://auth.example/"}, "auth.token.jwks"),
            ({"jwks": 1}, "auth.token.jwks"),
            ({"jwks": "x", "autoredirect": "yes"}, "auth.token.autoredirect"),
            ({"jwks": "x", "signingalgorithms": "ES256"}, "auth.token.signingalgorithms"),
        ],
    )
    def test_wrong(self, options: dict[str, Any], key: str) -> None:
        """
        Whatever else is wrong is said, with its key.
        """
        with pytest.raises(ConfigurationError) as caught:
            create(**options)
        assert caught.value.problems[0].key == key

    def test_weak_certificate(self, tmp_path: Path) -> None:
        """
        A certificate whose key can't sign tokens is left out of the bundle; if none is left the
        bundle is refused.
        """
        weak = JWK.generate(kty="RSA", size=1024).get_op_key("sign")
        path = tmp_path / "bundle"
        path.write_bytes(certified("weak", key=weak).pem)
        with pytest.raises(ConfigurationError, match="1024 bits"):
            create(rootcertbundle=str(path))
        good = certified("good")
        judged = judge(tmp_path, bundle=path.read_bytes() + good.pem)
        assert judged.takes(good.issuer().token(MAY_PULL))

    async def test_made(self, tmp_path: Path) -> None:
        """
        What is made takes tokens, in real threads.
        """
        path = tmp_path / "keys"
        path.write_bytes(KEYS)
        access = create(jwks=str(path), autoredirect=True, autoredirectpath="token")
        credentials = Credentials(f"Bearer {SIGNER.token(MAY_PULL)}")
        assert (await access.authorize(credentials, [PULL])).actor == "joe"
        with pytest.raises(Unauthorized) as caught:
            await access.authorize(Credentials(host="here.example"), [PULL])
        assert 'realm="https://here.example/token"' in caught.value.challenge
