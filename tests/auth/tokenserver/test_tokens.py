"""
The token server on the wire: who gets which token, and what it is good for.
"""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWKSet
from jwcrypto.jwt import JWT
from zope.interface.verify import verifyObject

from tests.auth.htpasswd.kit import told
from tests.auth.token.issuer import Issuer, key_for
from tests.auth.tokenserver.kit import (
    ISSUER,
    LIFETIME,
    REFRESH_LIFETIME,
    SERVICE,
    Strangers,
    TokenServed,
    access_of,
    basic,
    bearer,
    read,
)
from tests.wire.contents import Image
from tests.wire.harness import CLIENT, HOST, Served
from txregistry.auth.tokenserver.scopes import MOST, parse_scope, parse_scopes
from txregistry.auth.tokenserver.signing import (
    MOST_KEYS,
    make_key_file,
    parse_signing_keys,
    rotate_key_file,
)
from txregistry.errors import BadRequest
from txregistry.interfaces import IAccessController, ITokenService, IUserMarks, IUsers
from txregistry.model.access import Action
from txregistry.model.name import parse_name

IMAGE = Image.of("tokens")
PULL_PUSH = "repository:a/b:pull,push"
RULES = {
    "*": "pull public/x",
    "joe": "pull a/b, push a/b, delete a/b, push public/x, * catalog",
    "ann": "pull a/b",
}


@pytest.fixture
def served(tmp_path: Path) -> TokenServed:
    """
    A registry without policies.
    """
    return TokenServed(tmp_path)


@pytest.fixture
def policed(tmp_path: Path) -> TokenServed:
    """
    A registry with policies.
    """
    return TokenServed(tmp_path, RULES)


class GetTests:
    """
    Tokens by GET.
    """

    def test_interfaces(self, served: TokenServed) -> None:
        """
        Everything provides what it says, the people of these tests too.
        """
        verifyObject(ITokenService, served.service)
        for interface in (IAccessController, IUsers, IUserMarks):
            verifyObject(interface, served.people)

    def test_answer(self, served: TokenServed) -> None:
        """
        Who shows a password gets a token under both of its names, that lasts five minutes and must
        be kept by no cache.
        """
        answer = served.wish(PULL_PUSH, user="joe", password="secret")
        assert answer["Cache-Control"] == "no-store"
        assert answer["Docker-Distribution-Api-Version"] == "registry/2.0"
        document = answer.json
        assert document.pop("token") == document["access_token"]
        claims = read(document.pop("access_token"))
        assert document == {
            "scope": PULL_PUSH,
            "expires_in": LIFETIME,
            "issued_at": "2026-08-18T12:00:00Z",
        }
        assert claims["exp"] - claims["iat"] == LIFETIME
        assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER, SERVICE, "joe")
        assert claims["access"] == [
            {"type": "repository", "name": "a/b", "actions": ["pull", "push"]}
        ]
        assert served.exchanges[-1].actor == "joe"
        assert served.exchanges[-1].route == "token"

    def test_whole_way(self, served: TokenServed) -> None:
        """
        The challenge leads to a token with which what was refused is granted.
        """
        refused = served.ask("POST", "v2/a/b/blobs/uploads/", body=b"")
        challenge = refused["WWW-Authenticate"] or ""
        assert challenge == (
            f'Bearer realm="http://{HOST}/auth/token",service="{SERVICE}",scope="{PULL_PUSH}"'
        )
        target = f"/auth/token?service={SERVICE}&scope={quote(PULL_PUSH)}"
        token = served.get(target, basic("joe", "secret")).json["token"]
        served.push_blob("a/b", b"content", bearer(token))
        assert served.get("v2/a/c/tags/list", bearer(token)).status == 401
        assert served.exchanges[-2].actor == "joe"
        assert served.people.asked == 1

    @pytest.mark.parametrize(
        "fields",
        [
            [basic("joe", "wrong")],
            [basic("nobody", "secret")],
            [("Authorization", "Basic nonsense")],
            [("Authorization", "Basic OnNlY3JldA==")],
            [("Authorization", "Bearer x")],
            [("Authorization", "x")],
            [],
        ],
    )
    def test_refused(self, fields: list[Any], served: TokenServed) -> None:
        """
        Who shows no right password is asked for one; without policies that is everybody else.
        """
        answer = served.get(f"auth/token?service={SERVICE}&scope={PULL_PUSH}", *fields)
        assert answer.is_error(401, "UNAUTHORIZED")
        assert answer["WWW-Authenticate"] == f'Basic realm="{SERVICE}"'

    def test_password(self, served: TokenServed) -> None:
        """
        A password may have colons and letters in it, as it does elsewhere.
        """
        assert served.wish(user="ann", password="pass:wörd").status == 200

    def test_too_often(self, served: TokenServed) -> None:
        """
        Who has guessed too often is slowed down here too.
        """
        answer = served.wish(user="impatient", password="x")
        assert answer.is_error(429, "TOOMANYREQUESTS")
        assert answer["Retry-After"]

    def test_no_scope(self, served: TokenServed) -> None:
        """
        Without a scope, as ``docker login`` comes, the token is good for the ping.
        """
        token = served.token()
        assert read(token)["access"] == []
        assert served.get("v2/", bearer(token)).status == 200
        assert served.get("v2/a/b/tags/list", bearer(token)).status == 401

    def test_many_scopes(self, served: TokenServed) -> None:
        """
        Several scopes come in one parameter or in several; those of one repository are joined.
        """
        answer = served.wish(
            "repository:a:push repository:b:pull",
            "repository:a:pull",
            "registry:catalog:*",
            user="joe",
            password="secret",
        )
        expected = ["repository:a:pull,push", "repository:b:pull", "registry:catalog:*"]
        assert access_of(answer) == expected
        assert answer.json["scope"].split(" ") == expected

    def test_service(self, served: TokenServed) -> None:
        """
        A token for another service is not to be had here; who names none gets one for ours.
        """
        for service in ("other", SERVICE + "x"):
            answer = served.wish(user="joe", password="secret", service=service)
            assert answer.is_error(400, "UNSUPPORTED")
        assert read(served.token())["aud"] == SERVICE
        answer = served.get("auth/token", basic("joe", "secret"))
        assert read(answer.json["token"])["aud"] == SERVICE

    @pytest.mark.parametrize(
        "query",
        [
            "service=a&service=b",
            "&".join(f"a{number}=" for number in range(101)),
            "service=%ff",
            "scope=" + "%20".join(f"repository:a{number}:pull" for number in range(MOST + 1)),
        ],
    )
    def test_bad_query(self, query: str, served: TokenServed) -> None:
        """
        What can't be understood, or is too much, is said so.
        """
        answer = served.get(f"auth/token?{query}", basic("joe", "secret"))
        assert answer.status == 400

    def test_methods(self, served: TokenServed) -> None:
        """
        Other methods don't exist.
        """
        for path, allowed in (
            ("auth/token", "GET, HEAD, OPTIONS, POST"),
            ("auth/jwks", "GET, HEAD, OPTIONS"),
        ):
            answer = served.ask("DELETE", path)
            assert answer.status == 405
            assert answer["Allow"] == allowed
            assert served.ask("OPTIONS", path)["Allow"] == allowed
        head = served.ask("HEAD", "auth/token", basic("joe", "secret"))
        assert head.status == 200
        assert head["Content-Type"] == "application/json"

    @pytest.mark.parametrize(
        ("options", "base"),
        [
            ({"secure": True}, f"https://{HOST}"),
            ({"host": "other.example"}, "http://other.example"),
            ({"host": "[::1]:5000"}, "http://[::1]:5000"),
        ],
    )
    def test_realm(self, options: dict[str, Any], base: str, served: TokenServed) -> None:
        """
        Clients are sent to where they came from.
        """
        challenge = served.ask("GET", "v2/", **options)["WWW-Authenticate"] or ""
        assert challenge.startswith(f'Bearer realm="{base}/auth/token",')

    def test_realm_behind_a_proxy(self, tmp_path: Path) -> None:
        """
        What a trusted proxy says of host and scheme counts, what others say doesn't.
        """
        fields = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "outside.example")]
        for trusted, base in (
            (["203.0.113.0/24"], "https://outside.example"),
            ([], f"http://{HOST}"),
        ):
            served = TokenServed(tmp_path, trusted=trusted)
            challenge = served.get("v2/", *fields)["WWW-Authenticate"] or ""
            assert challenge.startswith(f'Bearer realm="{base}/auth/token",')

    def test_configured_realm(self, tmp_path: Path) -> None:
        """
        A realm that the operator has named is given to everybody.
        """
        served = TokenServed(tmp_path, realm="https://tokens.example/")
        challenge = served.get("v2/")["WWW-Authenticate"] or ""
        assert challenge.startswith('Bearer realm="https://tokens.example/",')

    def test_prefix(self, tmp_path: Path) -> None:
        """
        It is below the prefix, with everything else.
        """
        served = TokenServed(tmp_path, prefix="/here/")
        challenge = served.get("v2/")["WWW-Authenticate"] or ""
        assert f'realm="http://{HOST}/here/auth/token"' in challenge
        assert served.wish(user="joe", password="secret").status == 200
        assert served.get("/auth/token").status == 404

    def test_not_there(self, tmp_path: Path) -> None:
        """
        Without a token server its paths are nobody's.
        """
        for path in ("auth/token", "auth/jwks"):
            assert Served().get(path).status == 404
            assert Served().ask("POST", path, body=b"").status == 404


class PolicyTests:
    """
    Scopes are cut to what the policies grant.
    """

    def test_cut(self, policed: TokenServed) -> None:
        """
        A user gets what is granted of what he asks for, which may be nothing, and is no error.
        """
        joe = {"user": "joe", "password": "secret"}
        ann = {"user": "ann", "password": "pass:wörd"}
        assert access_of(policed.wish(PULL_PUSH, **joe)) == [PULL_PUSH]
        assert access_of(policed.wish(PULL_PUSH, **ann)) == ["repository:a/b:pull"]
        assert access_of(policed.wish("repository:other:pull", **ann)) == []
        assert access_of(policed.wish("repository:a/b:*", **ann)) == ["repository:a/b:pull"]
        everything = "repository:a/b:pull,push,delete"
        assert access_of(policed.wish("repository:a/b:*", **joe)) == [everything]
        assert access_of(policed.wish("registry:catalog:*", **joe)) == ["registry:catalog:*"]
        assert access_of(policed.wish("registry:catalog:*", **ann)) == []

    def test_anonymous(self, policed: TokenServed) -> None:
        """
        Who is nobody in particular gets what everybody may, and a wrong password isn't nobody.
        """
        answer = policed.wish("repository:public/x:pull,push", "repository:a/b:pull")
        assert access_of(answer) == ["repository:public/x:pull"]
        token = answer.json["token"]
        assert read(token)["sub"] == ""
        assert policed.get("v2/", bearer(token)).status == 200
        assert policed.get("v2/public/x/tags/list", bearer(token)).status == 404
        assert policed.get("v2/a/b/tags/list", bearer(token)).status == 401
        assert policed.wish(user="joe", password="wrong").status == 401
        assert "refresh_token" not in policed.wish(offline_token="true").json

    def test_decided_again(self, tmp_path: Path) -> None:
        """
        A token allows no more than the policies do when it is used.
        """
        served = TokenServed(tmp_path, RULES)
        token = served.token(PULL_PUSH)
        less = TokenServed(tmp_path, {"joe": "pull a/b"})
        assert less.get("v2/a/b/tags/list", bearer(token)).status == 404
        answer = less.ask("POST", "v2/a/b/blobs/uploads/", bearer(token), body=b"")
        assert answer.is_error(403, "DENIED")

    def test_upper_bound(self, policed: TokenServed) -> None:
        """
        A token allows no more than it says, even if its user may.
        """
        token = policed.token("repository:a/b:pull")
        answer = policed.ask("POST", "v2/a/b/blobs/uploads/", bearer(token), body=b"")
        assert answer.is_error(401, "UNAUTHORIZED")
        assert 'error="insufficient_scope"' in (answer["WWW-Authenticate"] or "")

    def test_ping(self, policed: TokenServed) -> None:
        """
        The ping asks the anonymous for a token, so that clients find out where to log in.
        """
        assert policed.get("v2/").status == 401

    def test_catalog(self, tmp_path: Path) -> None:
        """
        Of the repositories a user sees in the catalog those that he may pull from, though his
        token names none; without policies all.
        """
        for rules, shown in ((RULES, ["a/b", "public/x"]), (None, ["a/b", "b", "public/x"])):
            served = TokenServed(tmp_path, rules)
            for name in ("a/b", "b", "public/x"):
                IMAGE.push(Served(driver=served.driver), name, "t")
            token = served.token("registry:catalog:*")
            assert served.get("v2/_catalog", bearer(token)).json == {"repositories": shown}
            assert served.get("v2/a/b/tags/list", bearer(token)).status == 401

    def test_mount_from_nowhere_in_particular(self, policed: TokenServed) -> None:
        """
        A blob of a repository that the token doesn't name is not mounted, and nobody is told of it.
        """
        theirs = policed.token("repository:public/x:pull,push")
        blob = policed.push_blob("public/x", b"shared", bearer(theirs))
        for scopes, status in (
            ([PULL_PUSH], 202),
            ([PULL_PUSH, "repository:public/x:pull"], 201),
        ):
            token = policed.token(*scopes)
            target = f"v2/a/b/blobs/uploads/?mount={blob}"
            answer = policed.ask("POST", target, bearer(token), body=b"")
            assert answer.status == status
            assert answer["WWW-Authenticate"] is None

    def test_password_unasked(self, policed: TokenServed) -> None:
        """
        Who sends a password without being asked is let in by it.
        """
        assert policed.get("v2/", basic("joe", "secret")).status == 200
        assert policed.get("v2/a/b/tags/list", basic("joe", "secret")).status == 404
        refused = policed.get("v2/", basic("joe", "wrong"))
        assert refused.status == 401


class PostTests:
    """
    Tokens by POST, as OAuth 2.
    """

    PASSWORD: Final = {"grant_type": "password", "username": "joe", "password": "secret"}

    def test_password(self, served: TokenServed) -> None:
        """
        Name and password in a form are as good as in a field.
        """
        answer = served.post(PULL_PUSH, **self.PASSWORD)
        assert access_of(answer) == [PULL_PUSH]
        assert set(answer.json) == {"access_token", "scope", "expires_in", "issued_at"}
        served.push_blob("a/b", b"x", bearer(answer.json["access_token"]))

    @pytest.mark.parametrize(
        "change",
        [{"password": "wrong"}, {"username": "nobody"}, {"username": ""}, {"username": "a\nb"}],
    )
    def test_wrong_password(self, change: dict[str, str], served: TokenServed) -> None:
        """
        A wrong password is answered as by GET.
        """
        answer = served.post(**{**self.PASSWORD, **change})
        assert answer.is_error(401, "UNAUTHORIZED")
        assert answer["WWW-Authenticate"] == f'Basic realm="{SERVICE}"'

    def test_behind_a_proxy(self, tmp_path: Path) -> None:
        """
        Whoever checks passwords is told which proxy tells the address, so that guesses here count
        as elsewhere.
        """
        served = TokenServed(tmp_path, trusted=["10.0.0.0/8"])
        claim = ("X-Forwarded-For", CLIENT)
        form = urlencode(self.PASSWORD).encode()
        assert served.post_form(form).status == 200
        kind = ("Content-Type", "application/x-www-form-urlencoded")
        for peer in ("10.0.0.1", ""):
            by_post = served.ask("POST", "auth/token", kind, claim, body=form, peer=peer)
            by_get = served.ask("GET", "auth/token", basic("joe", "secret"), claim, peer=peer)
            assert (by_post.status, by_get.status) == (200, 200)
        assert served.people.proxies == ["", "10.0.0.1", "10.0.0.1", "unix", "unix"]

    def test_refresh(self, served: TokenServed) -> None:
        """
        Who asks to stay logged in gets a token by which to get others, without his password.
        """
        offline = served.post(access_type="offline", **self.PASSWORD).json["refresh_token"]
        answer = served.post(PULL_PUSH, grant_type="refresh_token", refresh_token=offline)
        assert access_of(answer) == [PULL_PUSH]
        assert read(answer.json["access_token"])["sub"] == "joe"
        assert served.people.asked == 1
        by_get = served.wish(user="joe", password="secret", offline_token="true").json
        assert read(by_get["refresh_token"])["sub"] == "joe"

    def test_refresh_expires(self, served: TokenServed) -> None:
        """
        It doesn't last for ever.
        """
        offline = served.post(access_type="offline", **self.PASSWORD).json["refresh_token"]
        refresh = {"grant_type": "refresh_token", "refresh_token": offline}
        served.watch.advance(REFRESH_LIFETIME)
        assert served.post(**refresh).status == 200
        served.watch.advance(70)
        assert served.post(**refresh).is_error(401, "UNAUTHORIZED")

    @pytest.mark.parametrize("now", ["another", None])
    def test_refresh_after_a_change(self, now: str | None, served: TokenServed) -> None:
        """
        It ends with the password that it was given for, and with the user.
        """
        offline = served.post(access_type="offline", **self.PASSWORD).json["refresh_token"]
        refresh = {"grant_type": "refresh_token", "refresh_token": offline}
        assert served.post(**refresh).status == 200
        if now is None:
            del served.people.passwords["joe"]
        else:
            served.people.passwords["joe"] = now
        assert served.post(**refresh).is_error(401, "UNAUTHORIZED")

    def test_kinds(self, served: TokenServed) -> None:
        """
        Neither kind of token is taken for the other.
        """
        given = served.post(PULL_PUSH, access_type="offline", **self.PASSWORD).json
        access, offline = given["access_token"], given["refresh_token"]
        refused = served.get("v2/", bearer(offline))
        assert 'error="invalid_token"' in (refused["WWW-Authenticate"] or "")
        answer = served.post(grant_type="refresh_token", refresh_token=access)
        assert answer.is_error(401, "UNAUTHORIZED")

    @pytest.mark.parametrize(
        ("kind", "changes"),
        [
            ("JWT", {}),
            ("refresh+jwt", {"aud": SERVICE}),
            ("refresh+jwt", {"iss": "other"}),
            ("refresh+jwt", {"mark": ""}),
            ("refresh+jwt", {"mark": None}),
            ("refresh+jwt", {"mark": ["terces"]}),
            ("refresh+jwt", {"mark": "wrong"}),
            ("refresh+jwt", {"sub": ""}),
            ("refresh+jwt", {"sub": "ann"}),
            ("refresh+jwt", {"exp": None}),
        ],
    )
    def test_odd_refresh_tokens(
        self, kind: str, changes: dict[str, Any], served: TokenServed
    ) -> None:
        """
        A token that we have signed ourselves is still looked at.
        """
        key = served.keys.signing.keys[0]
        claims = served.terms.refresh("joe", "terces", served.watch.seconds())
        refresh = {"grant_type": "refresh_token"}
        good = key.sign(claims, "refresh+jwt")
        assert served.post(**refresh, refresh_token=good).status == 200
        odd = key.sign({**claims, **changes}, kind)
        assert served.post(**refresh, refresh_token=odd).is_error(401, "UNAUTHORIZED")

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 50_000])
    def test_no_refresh_token(self, token: str, served: TokenServed) -> None:
        """
        What is none is refused, and what somebody else has signed.
        """
        refresh = {"grant_type": "refresh_token"}
        assert served.post(**refresh, refresh_token=token).is_error(401, "UNAUTHORIZED")
        header = {"kid": served.keys.signing.keys[0].name, "typ": "refresh+jwt"}
        claims = served.terms.refresh("joe", "terces", served.watch.seconds())
        forged = Issuer(key_for("ES256"), "ES256", header).sign(json.dumps(claims).encode())
        assert served.post(**refresh, refresh_token=forged).is_error(401, "UNAUTHORIZED")

    @pytest.mark.parametrize(
        ("body", "kind", "status"),
        [
            (b"", "application/x-www-form-urlencoded", 400),
            (b"grant_type=client_credentials", "application/x-www-form-urlencoded", 400),
            (b"grant_type=password&grant_type=password", "application/x-www-form-urlencoded", 400),
            (b"\xff", "application/x-www-form-urlencoded", 400),
            (b"grant_type=password", "application/json", 400),
            (b"grant_type=password", "", 400),
            (b"a" * 70_000, "application/x-www-form-urlencoded", 413),
        ],
    )
    def test_bad_forms(self, body: bytes, kind: str, status: int, served: TokenServed) -> None:
        """
        What can't be understood, or is too much, is said so.
        """
        assert served.post_form(body, kind).status == status

    def test_charset(self, served: TokenServed) -> None:
        """
        The type of a form may say more, and the form may come in chunks.
        """
        body = urlencode({**self.PASSWORD, "service": SERVICE}).encode()
        kind = "Application/x-www-form-urlencoded; charset=UTF-8"
        assert served.post_form(body, kind, chunked=True).status == 200

    def test_without_marks(self, tmp_path: Path) -> None:
        """
        Where nobody knows whether a password is still the same, nobody stays logged in without it.
        """
        served = TokenServed(tmp_path, people=Strangers(joe="secret"))
        assert "refresh_token" not in served.post(access_type="offline", **self.PASSWORD).json

    def test_secrets(self, served: TokenServed) -> None:
        """
        Nothing of passwords and tokens is logged.
        """
        with told() as log:
            given = served.post(PULL_PUSH, access_type="offline", **self.PASSWORD).json
            served.post(grant_type="refresh_token", refresh_token=given["access_token"])
            served.get("v2/", bearer(given["refresh_token"]))
        text = repr(log.events) + repr(served.exchanges)
        assert "secret" not in text
        assert given["access_token"] not in text
        assert given["refresh_token"] not in text


class OthersTests:
    """
    Our tokens in the hands of others.
    """

    def test_other_library(self, served: TokenServed) -> None:
        """
        Another library verifies our tokens with the keys that we publish.
        """
        answer = served.get("auth/jwks")
        assert answer["Content-Type"] == "application/json"
        keys = JWKSet.from_json(answer.body.decode())
        key = next(iter(keys))
        assert not key.has_private
        token = served.token(PULL_PUSH)
        assert read(token, 0)["kid"] == key["kid"] == key.thumbprint()
        checked = JWT(check_claims={"iss": ISSUER, "aud": SERVICE, "exp": None})
        checked.leeway = 10**9
        checked.deserialize(token, keys)
        assert json.loads(checked.claims)["sub"] == "joe"


class KeyTests:
    """
    The file of the signing key.
    """

    def test_made(self, tmp_path: Path) -> None:
        """
        It is made with its directory, for nobody else's eyes, and not made twice.
        """
        path = tmp_path / "new" / "keys.pem"
        assert make_key_file(str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        before = path.read_bytes()
        assert not make_key_file(str(path))
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == ["keys.pem"]
        (key,) = parse_signing_keys(before).keys
        assert key.algorithm == "ES256"
        assert before not in repr(key).encode()

    def test_made_by_several(self, tmp_path: Path) -> None:
        """
        Of several who make it at once one makes it.
        """
        path = str(tmp_path / "keys.pem")
        made: list[bool] = []
        threads = [
            threading.Thread(target=lambda: made.append(make_key_file(path))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(made) == [False] * 7 + [True]
        assert os.listdir(tmp_path) == ["keys.pem"]

    def test_rotated(self, served: TokenServed) -> None:
        """
        After a rotation new tokens are signed with the new key, and old ones still count, in every
        process that has the file.
        """
        old = served.token(PULL_PUSH)
        names = rotate_key_file(str(served.path))
        assert stat.S_IMODE(served.path.stat().st_mode) == 0o600
        assert names[1:] == [read(old, 0)["kid"]]
        served.watch.advance(1.1)
        served.token()
        new = served.token(PULL_PUSH)
        assert read(new, 0)["kid"] == names[0]
        for token in (old, new):
            assert served.get("v2/", bearer(token)).status == 200
        published = [key["kid"] for key in served.get("auth/jwks").json["keys"]]
        assert published == list(names)

    def test_rotated_elsewhere(self, served: TokenServed, tmp_path: Path) -> None:
        """
        A token of another process that has seen the new key already is taken at once; so is one by
        which others are to be had.
        """
        other = TokenServed(tmp_path)
        assert served.get("v2/", bearer(other.token())).status == 200
        rotate_key_file(str(served.path))
        other.watch.advance(1.1)
        other.token()
        assert served.get("v2/", bearer(other.token())).status == 200
        rotate_key_file(str(served.path))
        other.watch.advance(1.1)
        other.token()
        offline = other.post(access_type="offline", **PostTests.PASSWORD).json["refresh_token"]
        assert served.post(grant_type="refresh_token", refresh_token=offline).status == 200

    def test_key_taken_away(self, served: TokenServed) -> None:
        """
        A key that is taken out of the file verifies nothing any more.
        """
        token = served.token(PULL_PUSH)
        assert served.get("v2/", bearer(token)).status == 200
        served.path.unlink()
        make_key_file(str(served.path))
        served.watch.advance(1.1)
        served.get("v2/", bearer(token))
        assert served.get("v2/", bearer(token)).status == 401

    def test_oldest_is_dropped(self, served: TokenServed) -> None:
        """
        There are not more and more of them.
        """
        for _ in range(MOST_KEYS + 2):
            names = rotate_key_file(str(served.path))
        assert len(names) == MOST_KEYS

    @pytest.mark.parametrize("way", ["keys.pem", "link.pem"])
    def test_rotated_by_several(self, tmp_path: Path, way: str) -> None:
        """
        If several rotate at once no key is lost, also where some get there by a link.
        """
        path, link = tmp_path / "keys.pem", tmp_path / "other" / "link.pem"
        link.parent.mkdir()
        link.symlink_to(path)
        ways = [path, link if way == "link.pem" else path] * ((MOST_KEYS - 2) // 2)
        assert make_key_file(str(path))
        barrier, told = threading.Barrier(len(ways)), list[Sequence[str]]()

        def rotate(path: Path) -> None:
            barrier.wait()
            told.append(rotate_key_file(str(path)))

        threads = [threading.Thread(target=rotate, args=(each,)) for each in ways]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kept = {key.name for key in parse_signing_keys(path.read_bytes()).keys}
        assert len(kept) == len(ways) + 1
        assert {names[0] for names in told} < kept

    @pytest.mark.parametrize(
        ("key", "algorithm"),
        [
            (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
            (ec.generate_private_key(ec.SECP384R1()), "ES384"),
            (rsa.generate_private_key(65537, 2048), "RS256"),
        ],
    )
    def test_own_key(self, key: Any, algorithm: str, tmp_path: Path) -> None:
        """
        The operator may bring a key of his own, of another kind.
        """
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / "keys.pem").write_bytes(b"made by hand\n" + pem)
        served = TokenServed(tmp_path)
        token = served.token(PULL_PUSH)
        assert read(token, 0)["alg"] == algorithm
        served.push_blob("a/b", b"x", bearer(token))

    def test_bad_files(self) -> None:
        """
        What is no file of keys is refused, and says why.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        encrypted = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
        )
        weak = rsa.generate_private_key(65537, 1024)
        short = weak.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        curve = ec.generate_private_key(ec.SECP256K1())
        other = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for data, reason in (
            (b"", "private keys"),
            (encrypted, "encrypted"),
            (short, "1024 bits"),
            (other, "no known algorithm"),
            (b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----", "PEM"),
        ):
            with pytest.raises(ValueError, match=reason):
                parse_signing_keys(data)


class ScopeTests:
    """
    The grammar of scopes.
    """

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("repository:a/b:pull", "repository:a/b:pull"),
            ("repository:a/b:push,pull,pull", "repository:a/b:pull,push"),
            ("repository(plugin):a/b:pull", "repository(plugin):a/b:pull"),
            ("repository:a/b:pull,fly", "repository:a/b:pull"),
            ("registry:catalog:*", "registry:catalog:*"),
            ("repository:a/b:*", "repository:a/b:*"),
        ],
    )
    def test_read(self, text: str, expected: str) -> None:
        """
        A scope is read, and written in the one way.
        """
        assert str(parse_scope(text)) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "",
            ":",
            "::",
            "repository",
            "repository:a/b",
            "repository:a/b:",
            "repository:a/b:fly",
            "repository:a/b:PULL",
            "repository::pull",
            "repository:a:b:pull",
            "repository:host:5000/a:pull",
            "repository:a:pull:b,push",
            "repository:a:x,push:pull",
            "repository:a,b:pull",
            "repository:a/../b:pull",
            "repository:../a:pull",
            "repository:a%2Fb:pull",
            "repository:a/b%00:pull",
            "repository:A/b:pull",
            "repository:/a:pull",
            "repository:a/:pull",
            "repository:*:pull",
            "repository:a/**:pull",
            f"repository:{'a' * 256}:pull",
            "repository(:a/b:pull",
            "repository():a/b:pull",
            "repository(a)(b):a/b:pull",
            "repository\n:a/b:pull",
            "repository:a/b\n:pull",
            "registry:catalog:pull",
            "registry:other:*",
            "registry(x):other:*",
            "user:joe:*",
        ],
    )
    def test_left_out(self, text: str) -> None:
        """
        What nobody can be granted is left out.
        """
        assert parse_scope(text) is None

    @pytest.mark.parametrize("word", ["", "x", "pull"])
    def test_crowd_of_actions(self, word: str) -> None:
        """
        Whoever names actions without end keeps nobody waiting.
        """
        text = "repository:a:" + f"{word}," * (64_000 // (len(word) + 1))
        began = process_time()
        for _ in range(10):
            parse_scope(text)
        assert process_time() - began < 0.1

    def test_too_many(self) -> None:
        """
        A token can't be for any number of resources.
        """
        many = [f"repository:a{number}:pull" for number in range(MOST)]
        assert len(parse_scopes([*many, *many])) == MOST
        with pytest.raises(BadRequest):
            parse_scopes([*many, "repository:b:pull"])

    @given(st.lists(st.text(st.sampled_from("repositygul:,()/ *a.\n%")) | st.text(), max_size=9))
    def test_any(self, texts: list[str]) -> None:
        """
        Whatever comes, what is read has a name that is one, and actions that there are.
        """
        for scope in parse_scopes(texts):
            assert scope.actions
            assert set(scope.actions) <= set(Action)
            if scope.type == "repository":
                parse_name(scope.name)
            else:
                assert str(scope) == "registry:catalog:*"

    @given(
        st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3}){0,2}", fullmatch=True),
        st.sets(st.sampled_from(Action)),
    )
    def test_round(self, name: str, actions: set[Action]) -> None:
        """
        A scope that was written is read again.
        """
        text = f"repository:{name}:{','.join(actions)}"
        scope = parse_scope(text)
        if not actions:
            assert scope is None
            return
        assert scope is not None
        assert (scope.name, set(scope.actions)) == (name, actions)
        assert parse_scope(str(scope)) == scope
