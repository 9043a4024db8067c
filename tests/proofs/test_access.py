"""
Who may do what, in a daemon with passwords and policies.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import attrs
import jwt
import pytest

from tests.clients.wire import Answer, with_query
from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.proofs.people import Person, Pushed, bearer, passwords, person, push_image
from tests.wire.test_access import ALL
from tests.workers.kit import eventually

ABSENT = "sha256:" + "0" * 64

POLICIES: dict[str, Any] = {
    "admins": ["root"],
    "groups": {"ci": ["builder"]},
    "catalog": {"anonymous": True},
    "rules": [
        {"repositories": "**", "anonymous": True, "allow": "pull"},
        {"repositories": "ci/**", "groups": "ci", "allow": ["pull", "push"]},
        {"repositories": "alice/**", "users": "alice", "allow": ["pull", "push", "delete"]},
        {"repositories": "private/**", "anonymous": True, "allow": []},
        {"repositories": "private/**", "users": "alice", "allow": ["pull", "push", "delete"]},
        {"repositories": "open/**", "anonymous": True, "allow": ["pull", "push"]},
    ],
}
USERS = ("root", "builder", "alice", "bob")


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def guarded(request: pytest.FixtureRequest, tmp_path: Path, make_daemon: MakeDaemon) -> Daemon:
    """
    A registry with passwords and policies.
    """
    return make_daemon(
        configuration={
            **passwords(tmp_path, *USERS),
            "policies": POLICIES,
            "workers": request.param,
        }
    )


@pytest.fixture
def tokens(tmp_path: Path, make_daemon: MakeDaemon) -> Daemon:
    """
    A registry with passwords and policies that gives tokens away.
    """
    return make_daemon(
        configuration={**passwords(tmp_path, *USERS, tokens=True), "policies": POLICIES}
    )


def known(daemon: Daemon, name: str = "") -> Person:
    """
    Somebody who comes to a registry.
    """
    return person(daemon.host, name)


class ExampleTests:
    """
    Everybody pulls, CI pushes to ``ci/**``, Alice deletes in ``alice/**``.
    """

    def test_all_of_it(self, guarded: Daemon) -> None:
        """
        Each may what the rules say, at each worker.
        """
        anybody, bob = known(guarded), known(guarded, "bob")
        builder, alice = known(guarded, "builder"), known(guarded, "alice")
        image = push_image(builder, "ci/app")
        for puller in (anybody, bob, builder, alice):
            puller.manifest("ci/app", "latest").expect(200)
            puller.blob("ci/app", image.blobs[1]).expect(200)
        anybody.request("POST", "/v2/ci/app/blobs/uploads/").expect(401)
        bob.request("POST", "/v2/ci/app/blobs/uploads/").expect(403)
        builder.request("POST", "/v2/alice/app/blobs/uploads/").expect(403)
        builder.delete(f"/v2/ci/app/manifests/{image.digest}").expect(403)
        own = push_image(alice, "alice/app")
        alice.delete(f"/v2/alice/app/manifests/{own.digest}").expect(202)
        alice.delete(f"/v2/ci/app/manifests/{image.digest}").expect(403)
        known(guarded, "root").delete(f"/v2/ci/app/manifests/{image.digest}").expect(202)

    def test_ping(self, guarded: Daemon) -> None:
        """
        With passwords ``/v2/`` asks for one, whatever the anonymous may do.
        """
        challenge = known(guarded).get("/v2/").expect(401).header("WWW-Authenticate")
        assert challenge == 'Basic realm="a registry"'
        known(guarded, "bob").get("/v2/").expect(200)
        person(guarded.host, "bob", "wrong").get("/v2/").expect(401)
        warning = "policies.catalog.anonymous: docker and most other clients"
        eventually(lambda: warning in guarded.log())

    def test_ping_with_tokens(self, tokens: Daemon) -> None:
        """
        With tokens it says where one is to be had, by somebody or by nobody.
        """
        challenge = known(tokens).get("/v2/").expect(401).header("WWW-Authenticate") or ""
        assert challenge.startswith("Bearer realm=")
        push_image(bearer(tokens.host, "builder", "repository:ci/a:pull,push"), "ci/a")
        bearer(tokens.host, "", "repository:ci/a:pull").manifest("ci/a", "latest").expect(200)
        refused = bearer(tokens.host, "", "repository:ci/a:pull,push")
        refused.request("POST", "/v2/ci/a/blobs/uploads/").expect(401)
        assert "anonymous: docker" not in tokens.log()

    def test_wrong_is_not_nobody(self, guarded: Daemon) -> None:
        """
        Wrong credentials get nothing, not even what everybody gets.
        """
        push_image(known(guarded, "builder"), "ci/app")
        person(guarded.host, "bob", "wrong").manifest("ci/app", "latest").expect(401)
        Person(guarded.host, "Bearer nonsense").manifest("ci/app", "latest").expect(401)

    def test_unchanged_for_distribution(
        self, guarded: Daemon, component: Callable[..., Path], tmp_path: Path
    ) -> None:
        """
        The same configuration starts distribution, which doesn't look at our sections.
        """
        program = component("registry")
        guarded.stop()
        other = _Distribution(tmp_path / "other", program, guarded.configuration).start()
        try:
            person(other.host, "bob").get("/v2/").expect(200)
        finally:
            other.stop()


class _Distribution(Daemon):
    """
    distribution, with a configuration of ours.
    """

    def __init__(self, directory: Path, program: Path, configuration: dict[str, Any]) -> None:
        super().__init__(directory)
        self.configuration = {**configuration, "http": self.configuration["http"]}
        self.program = program

    def command(self) -> list[str]:
        return [str(self.program), "serve", str(self.configuration_path)]


#: Where anything is done in the table of routes.
THERE = "a/b"

STRICT: dict[str, Any] = {
    "catalog": {"users": "right"},
    "rules": [
        {"repositories": THERE, "users": "right", "allow": ["pull", "push", "delete"]},
        {"repositories": "other", "users": "other", "allow": ["pull", "push", "delete"]},
    ],
}


class RouteTests:
    """
    Every route and method, with right and wrong credentials.
    """

    def strict(self, make_daemon: MakeDaemon, directory: Path, *, tokens: bool) -> Daemon:
        """
        A registry in which one user has all rights, and another has them elsewhere.
        """
        known_ones = passwords(directory, "right", "other", tokens=tokens)
        return make_daemon(configuration={**known_ones, "policies": STRICT})

    def test_passwords(self, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        Nobody but who has the right gets more than a refusal; the ping wants a password only.
        """
        daemon = self.strict(make_daemon, tmp_path, tokens=False)
        for method, target, needs in ALL:
            path = f"/{target}"
            assert known(daemon).request(method, path).status == 401, (method, path)
            wrong = person(daemon.host, "right", "wrong").request(method, path)
            assert wrong.status == 401, (method, path)
            other = known(daemon, "other").request(method, path)
            assert other.status == (403 if needs else 200), (method, path)
            right = known(daemon, "right").request(method, path)
            assert right.status not in (401, 403), (method, path)

    def test_tokens(self, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        So it is with tokens: none, garbled, expired, for another repository, of another user.
        """
        daemon = self.strict(make_daemon, tmp_path, tokens=True)
        host = daemon.host
        scopes = [f"repository:{THERE}:pull,push,delete", "registry:catalog:*"]
        right = bearer(host, "right", *scopes)
        elsewhere = bearer(host, "other", "repository:other:pull,push,delete")
        wrong = [
            Person(host),
            attrs.evolve(right, authorization=right.authorization[:-8] + "AAAAAAAA"),
            attrs.evolve(right, authorization=self.expired(right, tmp_path / "signing.pem")),
        ]
        less = [elsewhere, bearer(host, "other", *scopes), bearer(host, "right")]
        for method, target, needs in ALL:
            path = f"/{target}"
            for who in wrong:
                assert who.request(method, path).status == 401, (method, path)
            for who in less:
                answer = who.request(method, path)
                assert answer.status == (401 if needs else 200), (method, path)
                if needs:
                    challenge = answer.header("WWW-Authenticate") or ""
                    assert 'error="insufficient_scope"' in challenge
            assert right.request(method, path).status not in (401, 403), (method, path)

    def test_open_pages(self, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        What needs no right says nothing of what is there.
        """
        daemon = self.strict(make_daemon, tmp_path, tokens=False)
        push_image(known(daemon, "right"), THERE)
        anybody = known(daemon)
        assert anybody.get("/").expect(200).body == b""
        for path in (f"/v2/{THERE}/tags/list", "/v2/absent/tags/list"):
            answer = anybody.request("OPTIONS", path).expect(204)
            assert (answer.body, answer.header("Allow")) == (b"", "GET, HEAD, OPTIONS")

    def expired(self, holder: Person, signing_key: Path) -> str:
        """
        A token as somebody has it, but from an hour ago.
        """
        token = holder.authorization.removeprefix("Bearer ")
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
        old = {key: claims[key] - 3600 for key in ("iat", "nbf", "exp")}
        key = signing_key.read_bytes()
        again = jwt.encode({**claims, **old}, key, header["alg"], headers=header)
        assert jwt.encode(claims, key, header["alg"], headers=header)  # it is the key
        return f"Bearer {again}"


class SecrecyTests:
    """
    What those who may not pull find out.
    """

    def test_crawl(self, guarded: Daemon) -> None:
        """
        A crawl as nobody, and as somebody without rights, over all lists and links there are
        finds no name and no digest of what is private.
        """
        alice = known(guarded, "alice")
        hidden = [push_image(alice, f"private/{name}") for name in ("a", "b/c", "z")]
        shown = [push_image(alice, f"alice/{name}") for name in ("a", "z")]
        secrets = self.secrets(hidden)
        for crawler in (known(guarded), known(guarded, "bob")):
            seen = self.crawl(crawler, [*hidden, *shown])
            text = "\n".join(str(answer) for answer in seen)
            assert [secret for secret in secrets if secret in text] == []
            assert crawler.repositories() == ["alice/a", "alice/z"]
            assert all(image.digest in text for image in shown)
        assert alice.repositories() == [
            "alice/a",
            "alice/z",
            "private/a",
            "private/b/c",
            "private/z",
        ]

    def secrets(self, images: list[Pushed]) -> list[str]:
        """
        What of some images must not be seen.
        """
        found = [secret for image in images for secret in (image.digest, *image.blobs)]
        return [digest.removeprefix("sha256:") for digest in found]

    def crawl(self, crawler: Person, images: list[Pushed]) -> list[Answer]:
        """
        Ask for everything that there is: lists, their pages, and what is private by its name.
        """
        seen = [*crawler.pages("/v2/_catalog?n=1")]
        for image in images:
            base = f"/v2/{image.repository}"
            targets = ["tags/list", "tags/list?n=1", "manifests/latest", "referrers/" + ABSENT]
            seen += [crawler.get(f"{base}/{target}") for target in targets]
            for digest in (image.digest, *image.blobs):
                for kind in ("manifests", "blobs", "referrers"):
                    answer = crawler.get(f"{base}/{kind}/{digest}")
                    if image.repository.startswith("private"):
                        assert answer.status in (401, 403)
                    seen.append(answer)
        return seen

    def test_mounts(self, guarded: Daemon) -> None:
        """
        A blob of a private repository is mounted by nobody else, named as the source or guessed,
        and the answer is that to a blob that isn't there.
        """
        image = push_image(known(guarded, "alice"), "private/a")
        builder = known(guarded, "builder")
        for source in ("&from=private/a", "", "&from=private/b"):
            for digest in (image.blobs[1], ABSENT):
                target = f"/v2/ci/app/blobs/uploads/?mount={digest}{source}"
                builder.request("POST", target).expect(202)
        builder.head(f"/v2/ci/app/blobs/{image.blobs[1]}").expect(404)

    def test_known_digests(self, guarded: Daemon) -> None:
        """
        Who knows the digest of a private blob, and no more of it, gets nothing by it: to push it he
        must send it.
        """
        image = push_image(known(guarded, "alice"), "private/a")
        builder, blob = known(guarded, "builder"), image.blobs[1]
        for digest in (blob, ABSENT):
            target = f"/v2/ci/app/blobs/uploads/?digest={digest}"
            builder.request("POST", target, b"").expect(202)
            location = with_query(builder.begin_upload("ci/app"), f"digest={digest}")
            builder.request("PUT", location, b"").expect(400)
            builder.head(f"/v2/ci/app/blobs/{digest}").expect(404)

    def test_same_answers(
        self, guarded: Daemon, scale: Callable[..., int], figure: Callable[[str, object], None]
    ) -> None:
        """
        What is there and what isn't get the same answer, in the same time.
        """
        image = push_image(known(guarded, "alice"), "private/there")
        blob, manifest = image.blobs[1], image.digest
        for who in (known(guarded), known(guarded, "bob")):
            for kind, digest in (("blobs", blob), ("manifests", manifest), ("manifests", "latest")):
                there = f"/v2/private/there/{kind}/{digest}"
                # As long as the other, so that only what is there can make a difference.
                absent = f"/v2/private/other/{kind}/{digest}"
                gone = f"/v2/private/there/{kind}/{ABSENT}"
                answers = [self.shape(who.get(target), target) for target in (there, absent, gone)]
                assert answers[0] == answers[1] == answers[2]
            there, absent = f"/v2/private/there/blobs/{blob}", f"/v2/private/other/blobs/{ABSENT}"
            first, second = self.medians(who, there, absent, scale(60, 1000))
            figure("refusal of what is there and what isn't", f"{first:.6f} s, {second:.6f} s")
            assert abs(first - second) < max(0.1 * max(first, second), 0.001)

    def shape(self, answer: Answer, target: str) -> tuple[int, Any, bytes]:
        """
        An answer without its date, and without the name that was asked for.
        """
        name = target.split("/")[3].encode()
        headers = [(key, value) for key, value in answer.headers if key != "Date"]
        return answer.status, headers, answer.body.replace(name, b"NAME")

    def medians(self, who: Person, one: str, other: str, count: int) -> tuple[float, float]:
        """
        How long answers take, asked by turns.
        """
        times: dict[str, list[float]] = {one: [], other: []}
        for _ in range(count):
            for target in (one, other):
                began = time.perf_counter()
                who.head(target)
                times[target].append(time.perf_counter() - began)
        return statistics.median(times[one]), statistics.median(times[other])


class UploadTests:
    """
    To whom an upload belongs.
    """

    def test_bound(self, guarded: Daemon) -> None:
        """
        An upload is there for who began it, in its repository, at whatever worker; for everybody
        else, with rights there or without, it isn't.
        """
        alice, root = known(guarded, "alice"), known(guarded, "root")
        for _ in range(4):
            location = alice.begin_upload("alice/app")
            elsewhere = location.replace("/alice/app/", "/alice/other/")
            for who, where in ((root, location), (alice, elsewhere)):
                assert who.get(where).expect(404).codes == ["BLOB_UPLOAD_UNKNOWN"]
                who.request("PATCH", where, b"evil").expect(404)
                who.request("PUT", with_query(where, f"digest={ABSENT}")).expect(404)
                who.delete(where).expect(404)
            known(guarded).get(location).expect(401)
            known(guarded, "bob").get(location).expect(403)
            alice.request("PATCH", location, b"good").expect(202)
            alice.get(location).expect(204)
            alice.delete(location).expect(204)

    @pytest.mark.parametrize("written", [b"", b"good"])
    def test_nobodys(self, guarded: Daemon, written: bytes) -> None:
        """
        An upload that somebody began without saying who he is isn't there for those who are known,
        nor is theirs for him; those of nobody share theirs.
        """
        nobody, others = known(guarded), [known(guarded, name) for name in ("root", "bob")]
        for _ in range(4):
            location = nobody.begin_upload("open/app")
            if written:
                nobody.request("PATCH", location, written).expect(202)
            for who in others:
                self.is_hidden(who, location)
                theirs = who.begin_upload("open/app")
                self.is_hidden(nobody, theirs)
                who.delete(theirs).expect(204)
            known(guarded).get(location).expect(204)
            nobody.delete(location).expect(204)

    def is_hidden(self, who: Person, location: str) -> None:
        """
        See that an upload isn't there for somebody who may push beside it.
        """
        assert who.get(location).expect(404).codes == ["BLOB_UPLOAD_UNKNOWN"]
        who.request("PATCH", location, b"evil").expect(404)
        who.request("PUT", with_query(location, f"digest={ABSENT}")).expect(404)
        who.delete(location).expect(404)

    def test_unknown_looks_the_same(self, guarded: Daemon) -> None:
        """
        Somebody else's upload looks as one that never was.
        """
        alice, root = known(guarded, "alice"), known(guarded, "root")
        location = alice.begin_upload("alice/app")
        path = location.partition("?")[0]
        id_ = path.rpartition("/")[2]
        never = str(uuid4())
        theirs = root.get(path).expect(404)
        unknown = root.get(path.replace(id_, never)).expect(404)
        assert theirs.body.replace(id_.encode(), b"") == unknown.body.replace(never.encode(), b"")


class OldTokenTests:
    """
    What tokens are good for that were issued before something changed.
    """

    def test_repository_made_again(self, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        A repository is deleted and made again by somebody who shares it no more: who has a token
        for it from before gets by it what the rules give him now, which is nothing of it, also as
        the source of a mount.
        """
        shared = {"repositories": "private/**", "users": "bob", "allow": ["pull", "push", "delete"]}
        daemon = self.daemon(make_daemon, tmp_path, shared)
        scope = "repository:private/app:pull,push,delete"
        alice = bearer(daemon.host, "alice", scope)
        bob = bearer(daemon.host, "bob", scope, "repository:open/app:pull,push")
        image = push_image(alice, "private/app")
        bob.manifest("private/app", "latest").expect(200)
        bob.delete(f"/v2/private/app/manifests/{image.digest}").expect(202)
        daemon.stop()
        shutil.rmtree(daemon.root)
        assert daemon.configuration["policies"]["rules"].pop() == shared
        daemon.start()
        image = push_image(alice, "private/app")
        self.has_nothing(bob, image)
        bob.request("POST", "/v2/open/app/blobs/uploads/").expect(202)
        alice.delete(f"/v2/private/app/manifests/{image.digest}").expect(202)

    def has_nothing(self, who: Person, image: Pushed) -> None:
        """
        See that somebody gets nothing of an image, with rights in another repository.
        """
        base, blob = f"/v2/{image.repository}", image.blobs[1]
        for method, target in (
            ("GET", "manifests/latest"),
            ("HEAD", f"blobs/{blob}"),
            ("GET", "tags/list"),
            ("POST", "blobs/uploads/"),
            ("DELETE", f"manifests/{image.digest}"),
        ):
            assert who.request(method, f"{base}/{target}").status == 403, target
        mount = f"/v2/open/app/blobs/uploads/?mount={blob}&from={image.repository}"
        who.request("POST", mount).expect(202)
        who.head(f"/v2/open/app/blobs/{blob}").expect(404)

    def daemon(self, make_daemon: MakeDaemon, directory: Path, *more: dict[str, Any]) -> Daemon:
        """
        A registry that gives tokens away, with more rules than others have.
        """
        policies = {**POLICIES, "rules": [*POLICIES["rules"], *more]}
        known_ones = passwords(directory, *USERS, tokens=True)
        return make_daemon(configuration={**known_ones, "policies": policies})


class LimitTests:
    """
    Requests and bytes are limited, and counted at all workers together.
    """

    @pytest.mark.parametrize("workers", [1, 2])
    def test_requests(self, make_daemon: MakeDaemon, tmp_path: Path, workers: int) -> None:
        """
        Who had too many is told when to come again; others are served.
        """
        limit = {"user": {"requests": 1, "burst": 20}, "exempt": {"users": "root"}}
        daemon = make_daemon(
            configuration={
                **passwords(tmp_path, *USERS),
                "ratelimit": limit,
                "workers": workers,
            }
        )
        bob, alice, root = (known(daemon, name) for name in ("bob", "alice", "root"))
        answers = [bob.get("/v2/") for _ in range(30)]
        statuses = [answer.status for answer in answers]
        assert statuses[:20] == [200] * 20
        assert statuses.count(429) >= 5
        refused = next(answer for answer in answers if answer.status == 429)
        assert refused.codes == ["TOOMANYREQUESTS"]
        assert refused.header("Retry-After") == "1"
        alice.get("/v2/").expect(200)
        assert {root.get("/v2/").status for _ in range(30)} == {200}
        time.sleep(1.1)
        bob.get("/v2/").expect(200)

    def test_before_the_body(self, make_daemon: MakeDaemon) -> None:
        """
        A body that isn't wanted needn't be sent.
        """
        limit = {"address": {"requests": 1, "burst": 2}}
        daemon = make_daemon(configuration={"ratelimit": limit})
        wire = known(daemon)
        while wire.get("/v2/").status != 429:
            pass
        with wire.connect() as connection:
            head = "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n"
            connection.send(f"{head}Expect: 100-continue\r\n\r\n".encode())
            assert connection.receive().status == 429

    def test_bytes(self, make_daemon: MakeDaemon) -> None:
        """
        Bytes count in both directions; who has had too many waits.
        """
        limit = {"address": {"bytes": 100_000, "bytesburst": 150_000}}
        daemon = make_daemon(configuration={"ratelimit": limit, "workers": 2})
        wire = known(daemon)
        digest = wire.push_blob("a", b"x" * 100_000)
        wire.blob("a", digest).expect(200)
        refused = wire.get("/v2/").expect(429)
        assert refused.header("Retry-After") == "1"
        time.sleep(1.5)
        wire.get("/v2/").expect(200)

    def test_tokens(self, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        Where tokens are given away, that counts too.
        """
        daemon = make_daemon(
            configuration={
                **passwords(tmp_path, *USERS, tokens=True),
                "ratelimit": {"address": {"requests": 1, "burst": 10}},
            }
        )
        bob = known(daemon, "bob")
        statuses = [bob.get("/auth/token?service=txregistry").status for _ in range(15)]
        assert statuses[:9] == [200] * 9
        assert 429 in statuses

    def test_off(self, make_daemon: MakeDaemon) -> None:
        """
        Where nothing is said, nothing is limited.
        """
        wire = known(make_daemon())
        assert {wire.get("/v2/").status for _ in range(200)} == {200}


DELETED = {"type": "repository", "name": "a", "actions": ["delete"]}


class AuditTests:
    """
    The audit log.
    """

    @pytest.mark.parametrize("workers", [1, 2])
    def test_lines(self, make_daemon: MakeDaemon, tmp_path: Path, workers: int) -> None:
        """
        It says who did what by which rule, at whatever worker, in whole lines and without secrets;
        it goes on in a new file where the old one was moved away.
        """
        path = tmp_path / "audit.log"
        daemon = make_daemon(
            configuration={
                **passwords(tmp_path, *USERS),
                "policies": POLICIES,
                "log": {"audit": {"path": str(path)}},
                "workers": workers,
            }
        )
        builder, bob = known(daemon, "builder"), known(daemon, "bob")
        push_image(builder, "ci/app")
        bob.delete("/v2/ci/app/manifests/latest").expect(403)
        known(daemon).get("/v2/private/a/tags/list").expect(401)
        known(daemon).repositories()
        time.sleep(1.1)
        path.rename(tmp_path / "audit.log.1")
        bob.manifest("ci/app", "latest").expect(200)
        time.sleep(1.1)
        bob.manifest("ci/app", "latest").expect(200)
        daemon.stop()
        assert re.search(r'bob \[.*"DELETE /v2/ci/app/manifests/latest HTTP/1.1" 403', daemon.log())
        text = (tmp_path / "audit.log.1").read_text() + path.read_text()
        assert "Basic" not in text
        lines = [json.loads(line) for line in text.splitlines()]
        told = {
            (line["user"], each["name"], *each["actions"], line["granted"], line["rule"])
            for line in lines
            for each in line["access"]
        }
        assert told == {
            ("builder", "ci/app", "pull", "push", True, "rule 2 (ci/**)"),
            ("bob", "ci/app", "delete", False, "rule 1 (**)"),
            ("bob", "ci/app", "pull", True, "rule 1 (**)"),
            ("", "private/a", "pull", False, ""),
            ("", "catalog", "*", True, "catalog"),
        }
        assert all(re.fullmatch(r"[0-9a-f-]{36}", line["request"]) for line in lines)
        assert all(line["address"] == "127.0.0.1" for line in lines)
        assert path.read_text().count("\n") >= 1

    def test_tokens(self, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        It says who was given a token, and who wasn't; the keys are no secret, and no line.  Who is
        refused since his token isn't good for it is named, and so is the rule why it isn't.
        """
        path = tmp_path / "audit.log"
        daemon = make_daemon(
            configuration={
                **passwords(tmp_path, *USERS, tokens=True),
                "policies": POLICIES,
                "log": {"audit": {"path": str(path)}},
            }
        )
        bob = bearer(daemon.host, "bob", "repository:a:pull")
        bob.get("/v2/").expect(200)
        bob.delete("/v2/a/manifests/latest").expect(401)
        bearer(daemon.host, "", "repository:a:pull")
        wrong = person(daemon.host, "bob", "open sesam")
        wrong.get("/auth/token?service=txregistry").expect(401)
        known(daemon).request("OPTIONS", "/auth/token")
        known(daemon).get("/auth/jwks").expect(200)
        daemon.stop()
        text = path.read_text()
        assert "sesam" not in text
        lines = [json.loads(line) for line in text.splitlines()]
        told = [
            (line["user"], line["granted"], line.get("error", ""))
            for line in lines
            if [each["type"] for each in line["access"]] == ["token"]
        ]
        assert told == [("bob", True, ""), ("", True, ""), ("", False, "UNAUTHORIZED")]
        [denied] = [line for line in lines if line["access"][:1] == [DELETED]]
        assert (denied["user"], denied["rule"]) == ("bob", "rule 1 (**)")
        assert re.search(r'bob \[.*"DELETE /v2/a/manifests/latest HTTP/1.1" 401', daemon.log())
        assert all(re.fullmatch(r"[0-9a-f-]{36}", line["request"]) for line in lines)

    def test_cannot_be_opened(self, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        Where it can't be written, the registry doesn't start.
        """
        path = tmp_path / "missing" / "audit.log"
        daemon = make_daemon(configuration={"log": {"audit": {"path": str(path)}}}, start=False)
        daemon.tolerant = True
        with pytest.raises(Exception, match=r"log\.audit\.path"):
            daemon.start()
