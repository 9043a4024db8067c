"""
A registry that is its own token server, in this process, on a clock.
"""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from zope.interface import implementer, implementer_only

from tests.wire.harness import CLIENT, NOW, Answer, Field, Served
from txregistry.auth.basic import parse_basic
from txregistry.auth.policies.controller import PolicedAccess
from txregistry.auth.token.controller import Rules, TokenAccess
from txregistry.auth.token.files import WatchedFile
from txregistry.auth.token.keys import ALGORITHMS
from txregistry.auth.tokenserver.claims import Terms
from txregistry.auth.tokenserver.controller import OwnRealm, SelfIssuedAccess
from txregistry.auth.tokenserver.ownkeys import OwnKeys
from txregistry.auth.tokenserver.service import TokenService
from txregistry.auth.tokenserver.signing import make_key_file, parse_signing_keys
from txregistry.deferreds import InlineThreads
from txregistry.errors import TooManyRequests, Unauthorized
from txregistry.interfaces import Grant, IAccessController, IPolicy, IUserMarks, IUsers
from txregistry.model.access import Access, Credentials, Decision, Identity, records
from txregistry.web.tokens import TokenPages

ISSUER = "txregistry"
SERVICE = "registry.example"
LIFETIME = 300
REFRESH_LIFETIME = 86400


@implementer(IAccessController, IUsers, IUserMarks)
class People:
    """
    Users and their passwords.

    :param passwords: by user.
    :ivar asked: how often a password was checked.
    :ivar proxies: who told the client's address, each time.
    """

    def __init__(self, **passwords: str) -> None:
        self.passwords = passwords
        self.asked = 0
        self.proxies: list[str] = []

    def verify(self, user: str, password: str, address: str, proxy: str = "") -> Deferred[bool]:
        """
        Compare.
        """
        assert address == CLIENT
        self.asked += 1
        self.proxies.append(proxy)
        if user == "impatient":
            return fail(TooManyRequests())
        return succeed(self.passwords.get(user) == password)

    def mark(self, user: str) -> Deferred[str]:
        """
        The password backwards.
        """
        return succeed(self.passwords.get(user, "")[::-1])

    def authorize(self, credentials: Credentials, accesses: Any) -> Deferred[Grant]:
        """
        As with htpasswd.
        """
        basic = parse_basic(credentials.authorization)
        if basic is None or self.passwords.get(basic.user) != basic.password.decode():
            return fail(Unauthorized('Basic realm="people"', records(accesses)))
        return succeed(Grant(basic.user, "people"))


@implementer_only(IAccessController, IUsers)
class Strangers(People):
    """
    Users of whom nobody knows whether their passwords have changed.
    """


@implementer(IPolicy)
class Table:
    """
    Rules, as a table: ``pull a/b`` and the like, of each user; ``*`` is everybody.
    """

    def __init__(self, rules: Mapping[str, str]) -> None:
        self.rules = {user: set(text.split(", ")) for user, text in rules.items()}

    def decide(self, identity: Identity, access: Access) -> Decision:
        """
        Look it up.
        """
        assert identity.address == CLIENT
        wish = f"{access.action.value} {access.name}"
        granted = any(wish in self.rules.get(user, ()) for user in (identity.user, "*"))
        return Decision(granted, "table")


class TokenServed(Served):
    """
    It all, as :func:`txregistry.service.tokens.build_token_server` puts it together.
    """

    def __init__(
        self,
        directory: Path,
        rules: Mapping[str, str] | None = None,
        realm: str = "",
        prefix: str = "/",
        people: People | None = None,
        **options: Any,
    ) -> None:
        self.people = people or People(joe="secret", ann="pass:wörd")
        self.path = directory / "keys.pem"
        make_key_file(str(self.path))
        self.watch = Clock()
        self.watch.advance(NOW.timestamp())
        threads, clock = InlineThreads(), self.watch
        self.keys = OwnKeys(WatchedFile(str(self.path), parse_signing_keys), threads, clock.seconds)
        self.terms = Terms(ISSUER, SERVICE, LIFETIME, REFRESH_LIFETIME)
        access = TokenAccess(
            Rules(ISSUER, SERVICE, frozenset(ALGORITHMS)),
            self.keys,
            OwnRealm(prefix.rstrip("/") + "/auth/token", realm),
            threads,
            clock.seconds,
        )
        controller: Any = SelfIssuedAccess(access, self.people)
        policy = None if rules is None else Table(rules)
        if policy is not None:
            controller = PolicedAccess(controller, policy)
        self.service = TokenService(
            self.terms, self.keys, self.people, policy, threads, clock.seconds
        )
        pages = TokenPages(self.service, "/auth/token")
        self.controller: IAccessController = controller
        super().__init__(controller=controller, tokens=pages, prefix=prefix, **options)

    def wish(self, *scopes: str, user: str = "", password: str = "", **fields: str) -> Answer:
        """
        GET a token.
        """
        query = [("service", SERVICE), *(("scope", scope) for scope in scopes)]
        named = {**dict(query[:1]), **fields}
        target = "auth/token?" + urlencode([*named.items(), *query[1:]])
        return self.get(target, *([basic(user, password)] if user else []))

    def post(self, scope: str = "", **fields: str) -> Answer:
        """
        POST for a token.
        """
        form = {"service": SERVICE, "client_id": "test", "scope": scope, **fields}
        return self.post_form(urlencode(form).encode())

    def post_form(
        self, body: bytes, kind: str = "application/x-www-form-urlencoded", **options: Any
    ) -> Answer:
        """
        POST anything.
        """
        return self.ask("POST", "auth/token", ("Content-Type", kind), body=body, **options)

    def token(self, *scopes: str, user: str = "joe", password: str = "secret") -> str:
        """
        A token.
        """
        answer = self.wish(*scopes, user=user, password=password)
        assert answer.status == 200, answer
        return str(answer.json["token"])


def basic(user: str, password: str) -> Field:
    """
    The field by which somebody shows his password.
    """
    return ("Authorization", "Basic " + b64encode(f"{user}:{password}".encode()).decode())


def bearer(token: str) -> Field:
    """
    The field by which somebody shows a token.
    """
    return ("Authorization", f"Bearer {token}")


def read(token: str, part: int = 1) -> dict[str, Any]:
    """
    What a token says, unverified: its claims, or, as part 0, its header.
    """
    text = token.split(".")[part]
    document: dict[str, Any] = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return document


def access_of(answer: Answer) -> list[str]:
    """
    What a token in an answer allows: ``repository:a/b:pull,push``.
    """
    assert answer.status == 200, answer
    entries = read(answer.json["access_token"])["access"]
    return [f"{each['type']}:{each['name']}:{','.join(each['actions'])}" for each in entries]
