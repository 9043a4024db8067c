"""
Mounting a blob from another repository.
"""

from __future__ import annotations

import pytest

from tests.wire.access import AccessTable, rights
from tests.wire.contents import ABSENT, EMPTY
from tests.wire.harness import HOST, Answer, Field, Served
from txregistry.model.digest import Digest

CONTENT = b"to be mounted"
DIGEST = Digest.of(CONTENT)


def mount(served: Served, name: str, query: str, *fields: Field, body: bytes = b"") -> Answer:
    """
    POST a mount.
    """
    return served.ask("POST", f"v2/{name}/blobs/uploads/?{query}", *fields, body=body)


def is_upload(answer: Answer) -> bool:
    """
    Whether an ordinary upload has begun.
    """
    started = answer["Docker-Upload-UUID"] is not None
    return (answer.status, answer["Range"]) == (202, "0-0") and started


class FromTests:
    """
    Mounts that name their source.
    """

    def test_mounted(self, served: Served) -> None:
        """
        It is 201, and a GET at its Location gives the content.
        """
        served.push_blob("source/x", CONTENT)
        answer = mount(served, "target/y", f"mount={DIGEST}&from=source/x")
        assert answer.status == 201
        assert answer["Location"] == f"http://{HOST}/v2/target/y/blobs/{DIGEST}"
        assert answer["Docker-Content-Digest"] == str(DIGEST)
        assert (answer["Content-Length"], answer.body) == ("0", b"")
        assert served.get(answer["Location"] or "").body == CONTENT

    def test_encoded(self, served: Served) -> None:
        """
        The parameters come percent-encoded from most clients.
        """
        served.push_blob("source/x", CONTENT)
        query = f"from=source%2Fx&mount={str(DIGEST).replace(':', '%3A')}&origin=registry.example"
        assert mount(served, "target", query).status == 201

    def test_empty_blob(self, served: Served) -> None:
        """
        The empty blob can be mounted too.
        """
        served.push_blob("source", b"")
        assert mount(served, "target", f"mount={EMPTY}&from=source").status == 201
        assert served.get(f"v2/target/blobs/{EMPTY}").status == 200

    def test_from_itself(self, served: Served) -> None:
        """
        A repository may mount from itself.
        """
        served.push_blob("a", CONTENT)
        assert mount(served, "a", f"mount={DIGEST}&from=a").status == 201

    @pytest.mark.parametrize(
        "source", ["nowhere", "empty", "UPPER", "", "a//b", "../source", "x" * 256, "%00"]
    )
    def test_not_there(self, served: Served, source: str) -> None:
        """
        Where the source is unknown, has not got it, or is no name, an ordinary upload begins:
        it is never 404.
        """
        served.push_blob("empty", b"something else")
        assert is_upload(mount(served, "target", f"mount={ABSENT}&from={source}"))

    def test_upload_can_be_used(self, served: Served) -> None:
        """
        The client may go on with that upload.
        """
        answer = mount(served, "target", f"mount={DIGEST}&from=nowhere")
        target = f"{answer['Location']}?digest={DIGEST}"
        assert served.ask("PUT", target, body=CONTENT).status == 201

    def test_from_without_mount(self, served: Served) -> None:
        """
        A source without a digest means nothing.
        """
        assert is_upload(mount(served, "target", "from=source"))
        assert is_upload(mount(served, "target", "from=source&mount="))

    def test_deleted(self, served: Served) -> None:
        """
        What was deleted from the source can't be mounted from it.
        """
        served.push_blob("source", CONTENT)
        served.delete(f"v2/source/blobs/{DIGEST}")
        assert is_upload(mount(served, "target", f"mount={DIGEST}&from=source"))
        assert served.get(f"v2/target/blobs/{DIGEST}").status == 404

    def test_source_goes(self, served: Served) -> None:
        """
        What was mounted stays when the source gives it up.
        """
        served.push_blob("source", CONTENT)
        mount(served, "target", f"mount={DIGEST}&from=source")
        served.delete(f"v2/source/blobs/{DIGEST}")
        assert served.get(f"v2/target/blobs/{DIGEST}").body == CONTENT


class WithDigestTests:
    """
    Mounts with a whole push behind them.
    """

    def test_mount_first(self, served: Served) -> None:
        """
        The mount is tried first: the body is not needed then.
        """
        served.push_blob("source", CONTENT)
        other = Digest.of(b"another")
        query = f"mount={DIGEST}&from=source&digest={other}"
        answer = mount(served, "target", query, body=b"another")
        assert answer.status == 201
        assert answer["Docker-Content-Digest"] == str(DIGEST)
        assert served.get(f"v2/target/blobs/{DIGEST}").status == 200
        assert served.get(f"v2/target/blobs/{other}").status == 404

    def test_push_then(self, served: Served) -> None:
        """
        Where it can't be, the body is pushed.
        """
        query = f"mount={DIGEST}&from=nowhere&digest={DIGEST}"
        answer = mount(served, "target", query, body=CONTENT)
        assert answer.status == 201
        assert served.get(f"v2/target/blobs/{DIGEST}").body == CONTENT


class AnywhereTests:
    """
    Mounts that name no source.
    """

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_mounted(self, served: Served, algorithm: str) -> None:
        """
        A blob that was pushed anywhere is found at once.
        """
        digest = served.push_blob("source", CONTENT, algorithm=algorithm)
        answer = mount(served, "target", f"mount={digest}")
        assert answer.status == 201
        assert answer["Docker-Content-Digest"] == str(digest)
        assert served.get(f"v2/target/blobs/{digest}").body == CONTENT

    def test_committed(self, served: Served) -> None:
        """
        So is one that came in pieces.
        """
        location = served.start("source")
        served.ask("PUT", f"{location}?digest={DIGEST}", body=CONTENT)
        assert mount(served, "target", f"mount={DIGEST}").status == 201

    def test_mounted_on(self, served: Served) -> None:
        """
        So is one that was itself mounted.
        """
        served.push_blob("source", CONTENT)
        mount(served, "middle", f"mount={DIGEST}&from=source")
        served.delete(f"v2/source/blobs/{DIGEST}")
        assert mount(served, "target", f"mount={DIGEST}").status == 201

    def test_unknown(self, served: Served) -> None:
        """
        Where nobody has it an upload begins.
        """
        assert is_upload(mount(served, "target", f"mount={ABSENT}"))

    def test_deleted(self, served: Served) -> None:
        """
        A deleted blob is never brought back.
        """
        served.push_blob("source", CONTENT)
        served.delete(f"v2/source/blobs/{DIGEST}")
        assert is_upload(mount(served, "target", f"mount={DIGEST}"))
        assert served.get(f"v2/target/blobs/{DIGEST}").status == 404

    async def test_each_hit_is_checked(self, served: Served) -> None:
        """
        What somebody else removed from the tree is not believed to be there.
        """
        served.push_blob("source", CONTENT)
        await served.driver.delete(
            f"/docker/registry/v2/repositories/source/_layers/sha256/{DIGEST.hex}"
        )
        assert is_upload(mount(served, "target", f"mount={DIGEST}"))

    def test_index_is_thrown_away(self, served: Served) -> None:
        """
        Without the index, as after a restart, an upload begins; nothing is lost.
        """
        served.push_blob("source", CONTENT)
        restarted = Served(driver=served.driver)
        assert is_upload(mount(restarted, "target", f"mount={DIGEST}"))
        assert restarted.get(f"v2/source/blobs/{DIGEST}").body == CONTENT


class RightsTests:
    """
    Mounts need the right to pull from the source.
    """

    RIGHTS = rights(
        all="pull:source push:source pull:target push:target",
        some="pull:target push:target",
    )

    def served(self, *, bearer: bool, denies: bool = True) -> tuple[Served, AccessTable]:
        """
        A registry with a blob in a repository that not everybody may read.
        """
        table = AccessTable(self.RIGHTS, bearer, denies)
        served = Served(controller=table)
        served.push_blob("source", CONTENT, table.credentials("all"))
        return served, table

    @pytest.mark.parametrize("bearer", [False, True])
    @pytest.mark.parametrize("query", ["&from=source", ""])
    def test_allowed(self, query: str, *, bearer: bool) -> None:
        """
        Who may pull from it may mount from it.
        """
        served, table = self.served(bearer=bearer)
        answer = mount(served, "target", f"mount={DIGEST}{query}", table.credentials("all"))
        assert answer.status == 201

    def test_bearer(self) -> None:
        """
        A token that is not enough is answered with a challenge for both repositories, so that the
        client can ask for a token that is.
        """
        served, table = self.served(bearer=True)
        answer = mount(served, "target", f"mount={DIGEST}&from=source", table.credentials("some"))
        assert answer.is_error(401, "UNAUTHORIZED")
        challenge = answer["WWW-Authenticate"] or ""
        assert 'error="insufficient_scope"' in challenge
        for scope in ("target:pull", "target:push", "source:pull"):
            assert f"repository:{scope}" in challenge
        detail = answer.json["errors"][0]["detail"]
        wanted = {(record["Name"], record["Action"]) for record in detail}
        assert wanted == {("target", "pull"), ("target", "push"), ("source", "pull")}

    def test_bearer_and_unknown(self) -> None:
        """
        So it is where the source has nothing, or is nowhere: the answer tells nothing.
        """
        served, table = self.served(bearer=True)
        some = table.credentials("some")
        known = mount(served, "target", f"mount={DIGEST}&from=source", some)
        for query in (f"mount={ABSENT}&from=source", f"mount={DIGEST}&from=nowhere"):
            unknown = mount(served, "target", query, some)
            assert (unknown.status, unknown.codes) == (known.status, known.codes)

    @pytest.mark.parametrize("denies", [False, True])
    def test_basic(self, *, denies: bool) -> None:
        """
        With passwords, where nobody could ask for more, an upload begins.
        """
        served, table = self.served(bearer=False, denies=denies)
        some = table.credentials("some")
        assert is_upload(mount(served, "target", f"mount={DIGEST}&from=source", some))
        assert served.get(f"v2/target/blobs/{DIGEST}", some).status == 404

    @pytest.mark.parametrize("bearer", [False, True])
    def test_anywhere(self, *, bearer: bool) -> None:
        """
        Without a source, a repository that one may not read is as if it were absent: there is no
        challenge that would tell that it has the blob.
        """
        served, table = self.served(bearer=bearer)
        some = table.credentials("some")
        assert is_upload(mount(served, "target", f"mount={DIGEST}", some))
        assert is_upload(mount(served, "target", f"mount={ABSENT}", some))

    @pytest.mark.parametrize("bearer", [False, True])
    def test_not_to_the_target(self, *, bearer: bool) -> None:
        """
        Who may not push to the target may not mount either.
        """
        served, table = self.served(bearer=bearer)
        some = table.credentials("some")
        answer = mount(served, "source", f"mount={DIGEST}&from=target", some)
        assert answer.status == (401 if bearer else 403)

    def test_nobody(self) -> None:
        """
        Who hasn't said who he is is asked first.
        """
        served, _ = self.served(bearer=False)
        answer = mount(served, "target", f"mount={DIGEST}&from=source")
        assert answer.is_error(401, "UNAUTHORIZED")
        assert answer["WWW-Authenticate"] == 'Basic realm="registry"'
