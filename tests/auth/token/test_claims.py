"""
What tokens claim: whose, for whom, until when, and what they allow.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.auth.token.issuer import (
    ISSUER,
    SERVICE,
    Issuer,
    allowed,
    claims,
    key_for,
    key_set,
)
from tests.auth.token.kit import DELETE, PULL, PUSH, Judge, judge
from txregistry.auth.token import base64url
from txregistry.auth.token.claims import check_claims, parse_claims
from txregistry.auth.token.json import parse_object
from txregistry.auth.token.jws import LONGEST, parse_jws
from txregistry.auth.token.refusals import TokenInvalid
from txregistry.interfaces import Grant
from txregistry.model.access import CATALOG, Access, Action

MAY_PULL = allowed("a/b", "pull")
SIGNER = Issuer(key_for("ES256"), "ES256", {"kid": "k"})


@pytest.fixture
def judged(tmp_path: Path) -> Judge:
    """
    A controller that trusts one key.
    """
    return judge(tmp_path, keys=key_set(SIGNER.key, kid="k"))


class ForWhomTests:
    """
    Issuer and audience.
    """

    @pytest.mark.parametrize("issuer", [None, "", "evil.example", ISSUER + ".evil", [ISSUER], 1])
    def test_issuer(self, issuer: Any, judged: Judge) -> None:
        """
        Another issuer's token is not taken, though it is signed with the key.
        """
        token = SIGNER.token(MAY_PULL, iss=issuer)
        assert judged.error(token) == "invalid_token"

    @pytest.mark.parametrize("audience", [SERVICE, [SERVICE], ["other", SERVICE]])
    def test_audience(self, audience: Any, judged: Judge) -> None:
        """
        A token may be for several services.
        """
        assert judged.takes(SIGNER.token(MAY_PULL, aud=audience))

    @pytest.mark.parametrize(
        "audience", [None, "", [], "other", ["other"], [[SERVICE]], {SERVICE: 1}, 1, SERVICE + "x"]
    )
    def test_other_audience(self, audience: Any, judged: Judge) -> None:
        """
        A token for another service only is not taken.
        """
        assert judged.error(SIGNER.token(MAY_PULL, aud=audience)) == "invalid_token"


class TimeTests:
    """
    From when to when a token counts.
    """

    def test_expiry(self, judged: Judge) -> None:
        """
        It counts for a minute after its expiry, as clocks differ, and then no longer, whether or
        not it was taken before.
        """
        now = int(judged.clock.seconds())
        token, other = (SIGNER.token(MAY_PULL, exp=now + 10, jti=each) for each in "ab")
        judged.clock.advance(69)
        assert judged.takes(token)
        judged.clock.advance(3)
        assert judged.error(token) == "invalid_token"
        assert judged.error(other) == "invalid_token"

    def test_beginning(self, judged: Judge) -> None:
        """
        It counts from a minute before it says.
        """
        now = int(judged.clock.seconds())
        token = SIGNER.token(MAY_PULL, nbf=now + 65)
        assert judged.error(token) == "invalid_token"
        judged.clock.advance(7)
        assert judged.takes(token)

    @pytest.mark.parametrize(
        "expiry", [None, 0, -1, True, "9999999999", [9999999999], 1e400, {"a": 1}]
    )
    def test_no_expiry(self, expiry: Any, judged: Judge) -> None:
        """
        What has no time at which it expires has expired.
        """
        assert judged.error(SIGNER.token(MAY_PULL, exp=expiry)) == "invalid_token"

    @pytest.mark.parametrize("beginning", [True, "0", [0], float("nan"), 10**400])
    def test_no_beginning(self, beginning: Any, judged: Judge) -> None:
        """
        A beginning that is no time makes it invalid.
        """
        assert judged.error(SIGNER.token(MAY_PULL, nbf=beginning)) == "invalid_token"

    def test_fractions(self, judged: Judge) -> None:
        """
        Times may have fractions, and need no beginning.
        """
        expiry = judged.clock.seconds() + 10.5
        assert judged.takes(SIGNER.token(MAY_PULL, exp=expiry, nbf=None, iat=None, jti=None))


class AllowanceTests:
    """
    What a token allows.
    """

    def test_actions(self, judged: Judge) -> None:
        """
        Everything that is wanted must be allowed; nothing more is.
        """
        token = SIGNER.token(allowed("a/b", "pull", "push"))
        assert judged.takes(token, PULL, PUSH)
        assert judged.error(token, PULL, DELETE) == "insufficient_scope"
        assert judged.error(token, Access(Action.PULL, "a")) == "insufficient_scope"

    def test_all_actions(self, judged: Judge) -> None:
        """
        ``*`` allows every action, there and nowhere else.
        """
        token = SIGNER.token(allowed("a/b", "*"))
        assert judged.takes(token, PULL, PUSH, DELETE)
        assert judged.error(token, Access(Action.PULL, "a/c")) == "insufficient_scope"

    def test_catalog(self, judged: Judge) -> None:
        """
        The catalog is a resource of its own.
        """
        assert judged.takes(SIGNER.token(allowed("catalog", "*", type="registry")), CATALOG)
        for other in (allowed("catalog", "*"), allowed("catalog", "pull", type="registry")):
            assert judged.error(SIGNER.token(other), CATALOG) == "insufficient_scope"
        repository = Access(Action.PULL, "catalog")
        token = SIGNER.token(allowed("catalog", "*", type="registry"))
        assert judged.error(token, repository) == "insufficient_scope"

    def test_shown_in_the_catalog(self, judged: Judge) -> None:
        """
        Whoever may list repositories may see the names of all, and pull from none by that.
        """
        token = SIGNER.token(allowed("catalog", "*", type="registry"))
        assert judged.takes(token, CATALOG, PULL)
        assert judged.error(token, PULL) == "insufficient_scope"
        assert judged.error(SIGNER.token(MAY_PULL), CATALOG, PULL) == "insufficient_scope"

    @pytest.mark.parametrize(
        "entry",
        [
            allowed("a/b:pull", "push"),
            allowed("a/b", "push,pull"),
            allowed("a/b", "pull "),
            allowed("a/b", "PULL"),
            allowed("a/b ", "pull"),
            allowed("a/b\0", "pull"),
            allowed("A/b", "pull"),
            allowed("a/*", "pull"),
            allowed("*", "*"),
            allowed("a/../a/b", "pull"),
            allowed("a%2Fb", "pull"),
            allowed("a//b", "pull"),
            allowed("./a/b", "pull"),
            allowed("a/b", "pull", type="repository(plugin)"),
            allowed("a/b", "pull", type="registry"),
            allowed("repository:a/b", "pull"),
            allowed("a/b", "pull", type=""),
            allowed("a/b"),
        ],
    )
    def test_confusion(self, entry: dict[str, Any], judged: Judge) -> None:
        """
        A resource is allowed by its very name, and by nothing that could be read as it.
        """
        assert judged.error(SIGNER.token(entry)) == "insufficient_scope"

    def test_class(self, judged: Judge) -> None:
        """
        The class of a repository doesn't matter.
        """
        assert judged.takes(SIGNER.token({**MAY_PULL, "class": "plugin"}))

    def test_nothing(self, judged: Judge) -> None:
        """
        A token that allows nothing tells who somebody is, which is enough for the ping.
        """
        cases: tuple[Any, ...] = (None, [])
        for access in cases:
            token = SIGNER.token(access=access)
            assert isinstance(judged.ask(token, ()), Grant)
            assert judged.error(token) == "insufficient_scope"

    @pytest.mark.parametrize(
        "access",
        [
            "repository:a/b:pull",
            {"type": "repository", "name": "a/b", "actions": ["pull"]},
            ["repository:a/b:pull"],
            [{"type": "repository", "name": "a/b", "actions": "pull"}],
            [{"type": "repository", "name": ["a/b"], "actions": ["pull"]}],
            [{"name": "a/b", "actions": ["pull"]}],
            [{"type": "repository", "name": "a/b", "actions": [["pull"]]}],
            [None],
            1,
        ],
    )
    def test_nonsense(self, access: Any, judged: Judge) -> None:
        """
        What is no list of accesses makes the token invalid.
        """
        assert judged.error(SIGNER.token(access=access)) == "invalid_token"


class UserTests:
    """
    Whose a token is.
    """

    @pytest.mark.parametrize(
        ("subject", "user"),
        [("joe", "joe"), ("", ""), (None, ""), ("Jürgen@example", "Jürgen@example")],
    )
    def test_user(self, subject: Any, user: str, judged: Judge) -> None:
        """
        Its subject is the user.
        """
        grant = judged.ask(SIGNER.token(MAY_PULL, sub=subject))
        assert grant == Grant(user, "token")

    @pytest.mark.parametrize(
        "subject",
        [
            "joe\r\nX-Evil: 1",
            "joe\n127.0.0.1 - root",
            "a\0b",
            "\x1b[2J",
            "\u2028",
            "\ud800",
            "\u202eeoj",
            "a" * 257,
            1,
            ["joe"],
        ],
    )
    def test_injection(self, subject: Any, judged: Judge) -> None:
        """
        A name that could write lines, or look like another, in a log is refused.
        """
        assert judged.error(SIGNER.token(MAY_PULL, sub=subject)) == "invalid_token"


def signed(payload: str | bytes) -> str:
    """
    A good signature below anything.
    """
    return SIGNER.sign(payload.encode() if isinstance(payload, str) else payload)


GOOD = json.dumps(claims(MAY_PULL))


class FormTests:
    """
    Texts that are no tokens.
    """

    @pytest.mark.parametrize(
        "payload",
        [
            "",
            "null",
            "[]",
            '"text"',
            "1",
            "{",
            GOOD + "x",
            GOOD[:-1] + f',"iss":"{ISSUER}"' + "}",
            GOOD[:-1] + ',"\\u0069ss":"evil"' + "}",
            GOOD[:-1] + ',"x":{"a":1,"a":2}' + "}",
            GOOD[:-1] + ',"x":NaN' + "}",
            GOOD[:-1] + ',"x":Infinity' + "}",
            GOOD[:-1] + ',"x":' + "[" * 5000 + "]" * 5000 + "}",
            GOOD[:-1] + ',"x":' + "9" * 9000 + "}",
            "\ufeff" + GOOD,
            b"\xff" + GOOD.encode(),
            GOOD.encode("utf-16"),
        ],
    )
    def test_unusual_json(self, payload: str | bytes, judged: Judge) -> None:
        """
        What two parsers could read in two ways, or none can, is refused though it is signed.
        """
        assert judged.takes(signed(GOOD))
        assert judged.error(signed(payload)) == "invalid_token"

    @pytest.mark.parametrize(
        "token",
        [
            ".",
            "..",
            "...",
            "a.b.c",
            "e30.e30.",
            "e30.e30.AA",
            "x" * 100_000,
            "A" * LONGEST + ".e30.AA",
            "eyJhbGciOiJFUzI1NiJ9.e30",
            "eyJhbGciOiJFUzI1NiJ9.e30.AA.AA",
            "eyJhbGciOiJFUzI1NiJ9.e30.AA.AA.AA",
            '{"payload":"e30","signatures":[]}',
            "eyJhbGciOiJFUzI1NiJ9.e30.A",
            "eyJhbGciOiJFUzI1NiJ9=.e30=.AA==",
            "eyJhbGciOiJFUzI1NiJ9.e30.A\xe4",
            "eyJhbGciOiJFUzI1NiJ9.e30. AA",
            "eyJhbGciOiJFUzI1NiJ9.e30.AB",
        ],
    )
    def test_no_token(self, token: str, judged: Judge) -> None:
        """
        What is no signed text in its compact form, with one signature, is refused.
        """
        assert judged.error(token) == "invalid_token"

    def test_huge(self, judged: Judge) -> None:
        """
        A token that is too long is refused before it is looked into, even if it is a good one.
        """
        many = [allowed(f"repository{number}", "pull") for number in range(2000)]
        token = SIGNER.token(MAY_PULL, *many)
        assert len(token) > LONGEST
        assert judged.error(token) == "invalid_token"
        assert judged.threads.count == 0

    @given(st.text(max_size=200))
    def test_any_text(self, text: str) -> None:
        """
        Any text is a token or is refused.
        """
        try:
            parse_jws(text)
        except TokenInvalid:
            pass
        else:
            raise AssertionError(text)

    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=30),
                st.recursive(
                    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
                    lambda inner: (
                        st.dictionaries(
                            st.sampled_from(["alg", "kid", "jwk", "x5c", "crit", "typ"]), inner
                        )
                        | st.lists(inner, max_size=3)
                    ),
                    max_leaves=8,
                ).map(lambda value: json.dumps(value).encode()),
            ),
            min_size=3,
            max_size=3,
        )
    )
    def test_any_parts(self, parts: list[bytes]) -> None:
        """
        Whatever the parts say, the token is taken apart or refused, and so are its names.
        """
        try:
            jws = parse_jws(".".join(map(base64url.encode, parts)))
            assert isinstance(jws.key_id, str)
            assert all(isinstance(each, str) for each in jws.chain)
        except TokenInvalid:
            pass

    @given(
        st.dictionaries(
            st.sampled_from(["iss", "aud", "exp", "nbf", "sub", "access"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["type", "name", "actions"]), inner)
                ),
                max_leaves=8,
            ),
        )
    )
    def test_any_claims(self, document: dict[str, Any]) -> None:
        """
        Whatever is claimed, it is checked or refused.
        """
        good = claims(MAY_PULL, now=1000)
        try:
            checked = check_claims({**good, **document}, ISSUER, SERVICE, 1000.0)
        except TokenInvalid:
            return
        assert checked.until >= 1000
        assert checked.user.isprintable()

    @given(st.binary(max_size=60))
    def test_any_bytes(self, data: bytes) -> None:
        """
        Whatever is signed, it is an object or refused.
        """
        with contextlib.suppress(TokenInvalid):
            assert isinstance(parse_claims(data), dict)

    @given(st.dictionaries(st.text(), st.integers() | st.text()))
    def test_objects(self, document: dict[str, Any]) -> None:
        """
        An object with each name once is read as it was written.
        """
        assert parse_object(json.dumps(document).encode()) == document

    @given(st.binary())
    def test_base64url(self, data: bytes) -> None:
        """
        There is one way to write bytes.
        """
        text = base64url.encode(data)
        assert base64url.decode(text) == data
        for other in (text + "=", text + "\n", " " + text, text + "+"):
            with pytest.raises(ValueError, match="base64url"):
                base64url.decode(other)
