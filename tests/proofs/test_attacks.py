"""
Ways into registries that others have left open, tried at a daemon with passwords and policies.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from gzip import compress
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import txregistry
from tests.clients.wire import MANIFEST, Answer, Wire, sha256
from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.proofs.content import MIB
from tests.proofs.memory import resident
from tests.proofs.people import PASSWORD, Person, bearer, passwords, person, push_image

POLICIES: dict[str, Any] = {
    "admins": ["root"],
    "groups": {"ci": ["builder"]},
    "catalog": {"groups": "ci"},
    "rules": [
        {"repositories": "app/**", "users": "reader", "allow": "pull"},
        {"repositories": "app/**", "groups": "ci", "allow": ["pull", "push", "delete"]},
        {"repositories": "new/**", "users": "reader", "allow": ["pull", "push"]},
    ],
}

#: Where others have found something that they should not.
TARGETS = (
    *("/v2/_catalog", "/v2/_catalog/", "/v2//_catalog", "/v2/./_catalog", "//v2/_catalog"),
    *("/v2/%5fcatalog", "/v2/_catalog%00", "/v2/_catalog;x", "/v2/_catalog%3fn=1"),
    *("/V2/_catalog", "/v2/app/../_catalog", "/v2/app/%2e%2e/_catalog", "/v1/search?q=a"),
    *("/api/v2.0/search?q=app", "/v2/_catalog?q=app", "/v2/_catalog?n=1&last="),
    *("/v2/app/a/tags/list", "/v2/app/a/tags/list/", "/v2/app%2fa/tags/list"),
    *("/v2/app/a/manifests/latest", "/v2/app/a/manifests/latest/", "/v2/app/a/manifests/"),
    *("/v2/app/a/_manifests/revisions/", "/v2/app/a/blobs/../tags/list"),
    *("/metrics", "/debug/health", "/debug/vars", "/debug/pprof/", "/v2/metrics"),
)

#: Some with rights, and some whose names look like those of others who have them.
USERS = ("root", "builder", "reader")
ALIKE = ("root2", "ROOT", "ro", "ci", "builder/", "builder-2", "@ci", "*", "anonymous", "admin")


@pytest.fixture
def daemon(tmp_path: Path, make_daemon: MakeDaemon) -> Daemon:
    """
    A registry that gives tokens away.
    """
    known = passwords(tmp_path, *USERS, *ALIKE, tokens=True)
    return make_daemon(configuration={**known, "policies": deepcopy(POLICIES)})


def presenting(daemon: Daemon, name: str) -> Iterator[Person]:
    """
    Somebody, once with his password and once with a token for as much as he is given.
    """
    yield person(daemon.host, name)
    scopes = ("repository:app/a:pull,push,delete", "repository:new/a:pull,push")
    yield bearer(daemon.host, name, *scopes, "registry:catalog:*")


class RightsTests:
    """
    Rights that one has by one's name, and by nothing else.
    """

    def test_no_tag_is_special(self, daemon: Daemon) -> None:
        """
        Who may only pull makes and moves no tag, be it ``latest``, be it named beside a digest.
        """
        image = push_image(person(daemon.host, "builder"), "app/a")
        other = push_image(person(daemon.host, "reader"), "new/a")
        payload = person(daemon.host, "reader").manifest("new/a", other.digest).expect(200).body
        kind = {"Content-Type": MANIFEST}
        for who in presenting(daemon, "reader"):
            for reference in ("latest", "fresh", image.digest):
                for tags in ("", "?tag=latest", "?tag=fresh&tag=latest"):
                    target = f"/v2/app/a/manifests/{reference}{tags}"
                    assert who.request("PUT", target, payload, kind).status in (401, 403)
            assert who.digest_of("app/a", "latest") == image.digest
            assert who.tags("app/a") == ["latest"]

    def test_names_that_look_like_others(self, daemon: Daemon) -> None:
        """
        Whose name begins like an admin's, or is that of a group or of a pattern, has no right of
        theirs.
        """
        image = push_image(person(daemon.host, "builder"), "app/a")
        wishes = (
            ("GET", "app/a/manifests/latest"),
            ("POST", "app/a/blobs/uploads/"),
            ("DELETE", f"app/a/manifests/{image.digest}"),
            ("GET", "_catalog"),
        )
        for name, (method, target) in product(ALIKE, wishes):
            for who in presenting(daemon, name):
                assert who.get("/v2/").status == 200
                assert who.request(method, f"/v2/{target}").status in (401, 403), (name, target)

    def test_left_the_group(self, daemon: Daemon) -> None:
        """
        Who was taken out of a group has nothing of its rights, not by a token of before either.
        """
        image = push_image(person(daemon.host, "builder"), "app/a")
        before = [*presenting(daemon, "builder")]
        lasting = posted(daemon, grant_type="password", username="builder", password=PASSWORD)
        refresh = lasting["refresh_token"]
        daemon.stop()
        daemon.configuration["policies"]["groups"] = {"ci": ["root"]}
        daemon.start()
        renewed = posted(daemon, grant_type="refresh_token", refresh_token=refresh)
        by_renewed = Person(daemon.host, f"Bearer {renewed['access_token']}")
        for who in (*before, *presenting(daemon, "builder"), by_renewed):
            assert who.manifest("app/a", "latest").status in (401, 403)
            assert who.request("POST", "/v2/app/a/blobs/uploads/").status in (401, 403)
            assert who.delete(f"/v2/app/a/manifests/{image.digest}").status in (401, 403)

    def test_saying_more_than_was_asked(self, daemon: Daemon) -> None:
        """
        What somebody adds to his wish for a token, who he would like to be and what he would like
        to have, makes it no better.
        """
        push_image(person(daemon.host, "builder"), "app/a")
        wishes = {
            "sub": "root",
            "account": "root",
            "user": "root",
            "admin": "true",
            "groups": "ci",
            "role": "admin",
            "access": '[{"type":"repository","name":"app/a","actions":["*"]}]',
            "iss": "txregistry",
            "exp": "99999999999",
        }
        more = {**wishes, "scope": "repository:app/a:* repository:app/a:push registry:catalog:*"}
        by_form = posted(
            daemon, grant_type="password", username="reader", password=PASSWORD, **more
        )
        by_query = person(daemon.host, "reader").get(f"/auth/token?{urlencode(more)}").expect(200)
        for issued in (by_form, by_query.json()):
            assert issued["expires_in"] <= 300
            who = Person(daemon.host, f"Bearer {issued['access_token']}")
            assert who.request("POST", "/v2/app/a/blobs/uploads/").status == 401
            assert who.get("/v2/_catalog").status == 401
        document = {"Content-Type": "application/json"}
        asked = Wire(daemon.host).request("POST", "/auth/token", b'{"admin": true}', document)
        asked.expect(400)


class DoorTests:
    """
    Ways that go beside the one that is guarded.
    """

    def test_nothing_for_nobody(self, daemon: Daemon) -> None:
        """
        Nobody gets anything of what is there by another way to write it, nor by what the registry
        has for its operator, with whatever method.
        """
        image = push_image(person(daemon.host, "builder"), "app/a")
        methods = ("GET", "HEAD", "POST", "PUT", "DELETE", "get")
        for target, method in product(TARGETS, methods):
            answer = Wire(daemon.host).request(method, target)
            assert answer.status in (400, 401, 404, 405, 501), (method, target, answer.status)
            assert image.digest not in str(answer)
            assert b"tags" not in answer.body
            assert b"repositories" not in answer.body

    def test_fields_that_say_who_one_is(self, daemon: Daemon) -> None:
        """
        What a proxy might say of a user, of another path or of another method is not believed, from
        wherever it comes.
        """
        push_image(person(daemon.host, "builder"), "app/a")
        fields = {
            "X-Forwarded-User": "root",
            "X-Remote-User": "root",
            "Remote-User": "root",
            "X-Auth-Request-User": "root",
            "X-Original-URL": "/v2/",
            "X-Rewrite-URL": "/v2/",
            "X-HTTP-Method-Override": "OPTIONS",
            "X-Forwarded-For": "127.0.0.1",
            "Cookie": "sid=root; session=root",
        }
        answer = Wire(daemon.host).request("GET", "/v2/app/a/manifests/latest", None, fields)
        answer.expect(401)

    def test_other_sites(self, daemon: Daemon) -> None:
        """
        A page of another site is told nothing that would let it read answers: there is no cookie
        either, with which it could act as somebody.
        """
        origin = {"Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"}
        for method in ("GET", "OPTIONS"):
            for target in ("/v2/", "/v2/app/a/tags/list", "/auth/token", "/auth/jwks"):
                answer = Wire(daemon.host).request(method, target, None, origin)
                names = {name.lower() for name, _ in answer.headers}
                assert not {name for name in names if name.startswith("access-control-")}
                assert "set-cookie" not in names

    def test_usual_passwords(self, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        A registry that makes its file of passwords itself lets nobody in by a password that all
        such registries would have, nor by an empty one.
        """
        htpasswd = {"realm": "here", "path": str(tmp_path / "fresh" / "htpasswd")}
        made = make_daemon(configuration={"auth": {"htpasswd": htpasswd}})
        for name in ("docker", "admin", "root"):
            for password in ("", name, "admin", "password"):
                status = person(made.host, name, password).get("/v2/").status
                assert status in (401, 429), (name, password)
        assert (tmp_path / "fresh" / "htpasswd").read_text().startswith("docker:$2b$10$")


class ContentTests:
    """
    What clients send.
    """

    def test_numbers_reserve_no_memory(self, daemon: Daemon) -> None:
        """
        How many names a client would like on a page is no number of places that are made.
        """
        builder = person(daemon.host, "builder")
        push_image(builder, "app/a")
        builder.get("/v2/_catalog").expect(200)
        before = resident(daemon.pid)
        for number in (10**6, 2**31 - 1, 2**63 - 1, 10**18):
            builder.get(f"/v2/_catalog?n={number}").expect(200)
            builder.get(f"/v2/app/a/tags/list?n={number}").expect(200)
        assert resident(daemon.pid) - before < 8 * MIB

    def test_nothing_is_unpacked(self, daemon: Daemon) -> None:
        """
        What says of itself to be packed is taken as the bytes that it is: a small body never
        becomes a large one.
        """
        builder = person(daemon.host, "builder")
        builder.get("/v2/").expect(200)
        packed = compress(b" " * 128 * MIB)
        kinds = [("Content-Encoding", "gzip"), ("Content-Type", MANIFEST)]
        before = resident(daemon.pid)
        builder.request("PUT", "/v2/app/a/manifests/t", packed, kinds).expect(400)
        target = f"/v2/app/a/blobs/uploads/?digest={sha256(packed)}"
        builder.request("POST", target, packed, kinds[:1]).expect(201)
        answer = builder.blob("app/a", sha256(packed)).expect(200)
        assert (answer.body, answer.header("Content-Encoding")) == (packed, None)
        assert resident(daemon.pid) - before < 32 * MIB

    def test_pages_in_blobs(self, daemon: Daemon) -> None:
        """
        A page with a script is bytes to whoever opens it here, and no manifest; and no error shows
        what was asked for as a page.
        """
        builder = person(daemon.host, "builder")
        page = b"<html><script>alert(1)</script></html>"
        builder.push_blob("app/a", page)
        answer = builder.blob("app/a", sha256(page)).expect(200)
        assert answer.header("Content-Type") == "application/octet-stream"
        pushed = builder.request(
            "PUT", "/v2/app/a/manifests/page", page, {"Content-Type": "text/html"}
        )
        assert pushed.status == 400
        for target in ("/v2/<script>/tags/list", "/v2/app/a/manifests/<script>", "/<script>"):
            shown = builder.get(target)
            assert_no_page(shown)

    def test_no_objects_are_read(self) -> None:
        """
        Nothing that is stored or sent is read by a module that would run what it says.
        """
        dangerous = {"pickle", "cPickle", "dill", "marshal", "shelve", "jsonpickle", "cloudpickle"}
        files = [*Path(txregistry.__file__).parent.rglob("*.py")]
        assert len(files) > 100
        imported = {name for file in files for name in _imports(file)}
        assert imported & dangerous == set()


def posted(daemon: Daemon, **fields: str) -> dict[str, Any]:
    """
    Ask for a token by a form.

    :return: what is said to who gets one.
    """
    asked = {"service": "txregistry", "client_id": "test", "access_type": "offline", **fields}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = Wire(daemon.host).request("POST", "/auth/token", urlencode(asked).encode(), kind)
    issued: dict[str, Any] = answer.expect(200).json()
    return issued


def assert_no_page(answer: Answer) -> None:
    """
    See that a browser would not take an answer for a page.
    """
    assert answer.status in (400, 404)
    assert answer.header("Content-Type") in (None, "application/json")


def _imports(file: Path) -> Iterator[str]:
    """
    The modules that a file imports.
    """
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
