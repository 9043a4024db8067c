"""
What real clients depend on, one test for each trap that the authors of registries have fallen into.

The requests are sent byte by byte as the client named sends them. ``docs/clients.md`` lists the
same traps by the same numbers.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.auth.token.issuer import ISSUER, REALM, SERVICE, Issuer, allowed, key_for, key_set
from tests.clients.images import CONFIG, Document, Image, Index, descriptor, encoded
from tests.clients.test_ranges import parts_of
from tests.clients.wire import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    Answer,
    Wire,
    sha256,
    with_query,
)
from tests.conftest import MakeDaemon
from tests.daemon import Daemon

IMAGE = Image.of({"hello": b"trap"})
BLOB = bytes(range(256)) * 40
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """
    One daemon for all traps that need no configuration of their own.
    """
    daemon = Daemon(tmp_path_factory.mktemp("traps")).start()
    try:
        yield daemon
    finally:
        daemon.stop()
    assert not daemon.troubles(), daemon.log()


@pytest.fixture
def wire(registry: Daemon) -> Wire:
    """
    What talks to it.
    """
    return Wire(registry.host)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """
    The name of a repository that no other test uses.
    """
    return "trap/" + "-".join(re.findall("[a-z0-9]+", request.node.name.lower()))


class PingTests:
    """
    The ping, and what holds for requests of any kind.
    """

    def test_trap_01_ping_is_answered_directly(self, wire: Wire) -> None:
        """
        The ping is 200 with its slash and without: skopeo and crane take a redirect for a failure.
        """
        for target in ("/v2/", "/v2"):
            answer = wire.get(target).expect(200)
            assert answer.header("Location") is None

    def test_trap_02_no_challenge_without_authentication(self, wire: Wire) -> None:
        """
        A registry that asks for no password sends no challenge: skopeo would use it for everything.
        """
        assert wire.get("/v2/").values("WWW-Authenticate") == []

    def test_trap_03_api_version(self, wire: Wire, name: str) -> None:
        """
        Every answer under ``/v2/`` names the API, for old docker engines, whoever asks with
        that header too.
        """
        sent = {"Docker-Distribution-Api-Version": "registry/2.0"}
        for target in ("/v2/", f"/v2/{name}/manifests/missing", "/v2/no/such/route"):
            answer = wire.get(target, sent)
            assert answer.values("Docker-Distribution-Api-Version") == ["registry/2.0"]

    def test_trap_05_mounts_never_fail_a_push(self, wire: Wire, name: str) -> None:
        """
        A mount that can't be is an upload: containerd, crane and oras go on with it.
        """
        digest = sha256(BLOB)
        target = f"/v2/{name}/blobs/uploads/?mount={digest}&from=no/such/repository"
        location = wire.request("POST", target).expect(202).location
        wire.request("PUT", with_query(location, f"digest={digest}"), BLOB, OCTETS).expect(201)

    def test_trap_06_refusal_before_the_body(self, wire: Wire, name: str) -> None:
        """
        A request that can be refused at its head is, without a ``100 Continue``, and the
        connection stays in step.
        """
        head = (
            f"PATCH /v2/{name}/blobs/uploads/6ba7b810-9dad-41d1-80b4-00c04fd430c8 HTTP/1.1\r\n"
            f"Host: {wire.address}\r\nContent-Length: {len(BLOB)}\r\n"
        ).encode()
        with wire.connect() as connection:
            connection.send(head + b"Expect: 100-continue\r\n\r\n")
            answer = connection.receive("PATCH").expect(404)
            assert answer.codes == ["BLOB_UPLOAD_UNKNOWN"]
        with wire.connect() as connection:
            connection.send(head + b"\r\n" + BLOB)
            refused = connection.receive("PATCH").expect(404)
            if (refused.header("Connection") or "").lower() != "close":
                connection.send(f"GET /v2/ HTTP/1.1\r\nHost: {wire.address}\r\n\r\n".encode())
                connection.receive().expect(200)

    def test_trap_07_location_keeps_host_and_scheme(
        self, wire: Wire, name: str, make_daemon: MakeDaemon
    ) -> None:
        """
        ``Location`` has the host and scheme that the client used, or is a path from the root:
        containerd drops its credentials on any other.
        """
        target = f"/v2/{name}/blobs/uploads/"
        with wire.connect() as connection:
            lines = "Host: registry.example:8443\r\nX-Forwarded-Proto: https\r\nContent-Length: 0"
            connection.send(f"POST {target} HTTP/1.1\r\n{lines}\r\n\r\n".encode())
            location = connection.receive("POST").expect(202).header("Location")
        assert location is not None
        assert location.startswith(f"https://registry.example:8443/v2/{name}/blobs/uploads/")

        relative = make_daemon(configuration={"http": {"relativeurls": True}})
        location = Wire(relative.host).request("POST", target).expect(202).header("Location")
        assert location is not None
        assert location.startswith(f"/v2/{name}/blobs/uploads/")

    def test_trap_08_cancel_needs_no_right_to_delete(
        self, name: str, make_daemon: MakeDaemon
    ) -> None:
        """
        An upload is cancelled where deleting is switched off: it is part of pushing.
        """
        wire = Wire(make_daemon(configuration={"storage": {"delete": {"enabled": False}}}).host)
        location = wire.begin_upload(name)
        wire.delete(location).expect(204)
        wire.get(location).expect(404)


class ManifestTests:
    """
    What clients read in the answers about manifests.
    """

    def test_trap_09_digest_header(self, wire: Wire, name: str) -> None:
        """
        The digest is on GET, HEAD and PUT of manifests and blobs: containerd's push fails
        without it, crane's HEAD needs type and length too.
        """
        digest = IMAGE.push(wire, name)
        target = f"/v2/{name}/manifests/{digest}"
        for answer in (wire.get(target), wire.head(target)):
            assert answer.expect(200).header("Docker-Content-Digest") == digest
            assert answer.header("Content-Type") == MANIFEST
            assert answer.header("Content-Length") == str(len(IMAGE.manifest))
        put = wire.push_manifest(name, "tag", IMAGE.manifest).expect(201)
        assert put.header("Docker-Content-Digest") == digest

        location = with_query(wire.begin_upload(name), f"digest={sha256(BLOB)}")
        blobs = [wire.request("PUT", location, BLOB, OCTETS).expect(201)]
        target = f"/v2/{name}/blobs/{sha256(BLOB)}"
        blobs += [wire.get(target).expect(200), wire.head(target).expect(200)]
        assert {answer.header("Docker-Content-Digest") for answer in blobs} == {sha256(BLOB)}

    def test_trap_10_digest_header_of_another_algorithm(self, wire: Wire, name: str) -> None:
        """
        A blob pushed by its sha512 is answered with that digest, never with the sha256 that it
        has as well.
        """
        digest = "sha512:" + hashlib.sha512(BLOB).hexdigest()
        location = with_query(wire.begin_upload(name), f"digest={digest}")
        put = wire.request("PUT", location, BLOB, OCTETS).expect(201)
        head = wire.head(f"/v2/{name}/blobs/{digest}").expect(200)
        assert put.header("Docker-Content-Digest") == head.header("Docker-Content-Digest") == digest
        assert wire.get(put.location).body == BLOB

    def test_trap_11_bare_content_type(self, wire: Wire, name: str) -> None:
        """
        ``Content-Type`` is the media type alone: crane takes the header's text for the type.
        """
        IMAGE.push(wire, name, "tag")
        assert wire.manifest(name, "tag").header("Content-Type") == MANIFEST
        put = {"Content-Type": f"{MANIFEST}; charset=utf-8"}
        target = f"/v2/{name}/manifests/again"
        wire.request("PUT", target, IMAGE.manifest, put).expect(201)
        assert wire.manifest(name, "again").header("Content-Type") == MANIFEST

    def test_trap_12_bytes_are_never_changed(self, wire: Wire, name: str) -> None:
        """
        Content comes back as pushed, and never compressed, though containerd says that it would
        take that.
        """
        spaced = json.dumps(json.loads(IMAGE.manifest), indent=3).encode() + b"\n\n"
        IMAGE.push(wire, name)
        wire.push_manifest(name, "spaced", spaced).expect(201)
        digest = wire.push_blob(name, BLOB)
        accept = {"Accept-Encoding": "zstd;q=1.0, gzip;q=0.8, deflate;q=0.5"}
        for target, content in (
            (f"/v2/{name}/manifests/spaced", spaced),
            (f"/v2/{name}/blobs/{digest}", BLOB),
        ):
            answer = wire.get(target, accept).expect(200)
            assert answer.body == content
            assert answer.header("Content-Encoding") is None
            assert answer.header("Content-Length") == str(len(content))

    def test_trap_13_any_accept(self, wire: Wire, name: str) -> None:
        """
        A manifest is served however a client writes ``Accept``: on six lines, in one without
        spaces, as one type, as ``*/*`` or not at all.
        """
        IMAGE.push(wire, name, "tag")
        signed = "application/vnd.docker.distribution.manifest.v1+prettyjws"
        lines = (MANIFEST, DOCKER_MANIFEST, signed, signed[:-9] + "json", DOCKER_LIST, INDEX)
        for accept in (
            [("Accept", line) for line in lines],
            [("Accept", f"{DOCKER_MANIFEST},{DOCKER_LIST},{MANIFEST},{INDEX}")],
            [("Accept", MANIFEST)],
            [("Accept", f"{DOCKER_MANIFEST}, */*")],
            [("Accept", "*/*")],
            [],
        ):
            for method in ("GET", "HEAD"):
                answer = wire.request(method, f"/v2/{name}/manifests/tag", headers=accept)
                assert answer.expect(200).header("Content-Type") == MANIFEST

    def test_trap_14_missing_is_404(self, wire: Wire, name: str) -> None:
        """
        A digest that isn't there is 404 on both routes that containerd tries, at HEAD as at GET.
        """
        for route in ("manifests", "blobs"):
            target = f"/v2/{name}/{route}/{sha256(b'missing')}"
            assert (wire.head(target).status, wire.get(target).status) == (404, 404)

    def test_trap_15_push_is_201(self, wire: Wire, name: str) -> None:
        """
        A manifest pushed is 201, again too: the one status that oras takes.
        """
        IMAGE.push(wire, name)
        for _ in range(2):
            wire.push_manifest(name, "tag", IMAGE.manifest).expect(201)

    def test_trap_16_error_codes(self, wire: Wire, name: str) -> None:
        """
        What is wrong with a manifest is told by the code: skopeo tries another format on some
        of them.
        """
        IMAGE.push(wire, name)
        broken = wire.push_manifest(name, "tag", b'{"schemaVersion": 2')
        assert broken.expect(400).codes == ["MANIFEST_INVALID"]
        other_type = wire.push_manifest(name, "tag", IMAGE.manifest, INDEX)
        assert other_type.expect(400).codes == ["MANIFEST_INVALID"]
        bad_tag = wire.push_manifest(name, f"{IMAGE.digest}?tag=-bad", IMAGE.manifest)
        assert bad_tag.expect(400).codes == ["TAG_INVALID"]
        missing = Image.of({"hello": b"no blobs"})
        unknown = wire.push_manifest(name, "tag", missing.manifest).expect(400)
        assert unknown.codes == ["MANIFEST_BLOB_UNKNOWN"] * 2

    def test_trap_17_size_limit(self, wire: Wire, name: str) -> None:
        """
        A manifest of 4 MiB, which is as much as skopeo reads, is accepted; of a byte more, it
        is 413.
        """
        IMAGE.push(wire, name)
        document = json.loads(IMAGE.manifest)
        document["annotations"] = {"filler": ""}
        room = (4 << 20) - len(encoded(document))
        document["annotations"]["filler"] = "x" * room
        wire.push_manifest(name, "largest", encoded(document)).expect(201)
        assert len(wire.manifest(name, "largest").expect(200).body) == 4 << 20

        document["annotations"]["filler"] += "x"
        too_large = encoded(document)
        wire.push_manifest(name, "larger", too_large).expect(413)
        chunked = iter([too_large])
        kind = {"Content-Type": MANIFEST}
        wire.request("PUT", f"/v2/{name}/manifests/larger", chunked, kind).expect(413)
        wire.manifest(name, "larger").expect(404)

    def test_trap_18_index_after_its_children(self, wire: Wire, name: str) -> None:
        """
        Children are pushed by digest and the index by tag; without a child it is refused, and
        says which.
        """
        one, two = Image.of({"hello": b"1"}), Image.of({"hello": b"2"}, "arm64")
        index = Index((one, two))
        one.push(wire, name)
        refused = wire.push_manifest(name, "tag", index.manifest, INDEX).expect(400)
        assert refused.codes == ["MANIFEST_BLOB_UNKNOWN"]
        assert two.digest in refused.body.decode()
        two.push(wire, name)
        wire.push_manifest(name, "tag", index.manifest, INDEX).expect(201)

    def test_trap_19_artifacts(self, wire: Wire, name: str) -> None:
        """
        A config of ``{}``, a layer without a byte, and members and types that nobody knows are
        kept.
        """
        config, empty = wire.push_blob(name, b"{}"), wire.push_blob(name, b"")
        assert config.startswith("sha256:44136fa3")
        assert empty.startswith("sha256:e3b0c442")
        assert wire.blob(name, empty).expect(200).header("Content-Length") == "0"
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": "application/vnd.wasm.example",
            "config": descriptor("application/vnd.nobody.knows", b"{}", surprise=[1, None]),
            "layers": [descriptor("application/vnd.nobody.knows.either", b"", annotations={})],
            "org.example.extra": {"deep": [{"er": True}]},
        }
        wire.push_manifest(name, "artifact", encoded(document)).expect(201)
        assert wire.manifest(name, "artifact").body == encoded(document)

    def test_trap_20_deletes_are_202(self, wire: Wire, name: str) -> None:
        """
        Deleting is 202 for tags, manifests and blobs: oras and skopeo take nothing else.
        """
        digest = IMAGE.push(wire, name, "one", "two")
        assert wire.manifest(name, "one").header("Docker-Content-Digest") == digest
        wire.delete(f"/v2/{name}/manifests/one").expect(202)
        assert wire.tags(name) == ["two"]
        wire.delete(f"/v2/{name}/manifests/{digest}").expect(202)
        assert wire.tags(name) == []
        wire.delete(f"/v2/{name}/blobs/{sha256(IMAGE.layer)}").expect(202)
        wire.blob(name, sha256(IMAGE.layer)).expect(404)

    def test_trap_21_only_tags_are_listed(self, wire: Wire, name: str, registry: Daemon) -> None:
        """
        What lies among the tags and is none, as a file that a tool left, isn't listed: skopeo
        fails on it.
        """
        IMAGE.push(wire, name, "tag")
        tags = registry.root / "docker/registry/v2/repositories" / name / "_manifests/tags"
        assert [entry.name for entry in tags.iterdir()] == ["tag"]
        (tags / "-no.tag").mkdir()
        (tags / ".file").write_text("not a tag")
        assert wire.tags(name) == ["tag"]

    def test_trap_22_warnings(self, wire: Wire, name: str) -> None:
        """
        Skopeo and containerd show every ``Warning`` to people, so ordinary use has none.
        """
        IMAGE.push(wire, name, "tag")
        for answer in (wire.get("/v2/"), wire.manifest(name, "tag")):
            assert answer.values("Warning") == []


class BlobTests:
    """
    Blobs, whole and in parts.
    """

    def test_trap_23_head_has_the_length(self, wire: Wire, name: str) -> None:
        """
        HEAD of a blob is 200 with its length, or 404: skopeo knows nothing else.
        """
        digest = wire.push_blob(name, BLOB)
        head = wire.head(f"/v2/{name}/blobs/{digest}").expect(200)
        assert head.header("Content-Length") == str(len(BLOB))
        wire.head(f"/v2/{name}/blobs/{sha256(b'missing')}").expect(404)

    def test_trap_24_no_redirect_from_a_local_store(self, wire: Wire, name: str) -> None:
        """
        A store that can't be reached by itself is never redirected to.
        """
        digest = wire.push_blob(name, BLOB)
        for method in ("GET", "HEAD"):
            answer = wire.request(method, f"/v2/{name}/blobs/{digest}").expect(200)
            assert answer.header("Location") is None

    def test_trap_25_resumed_and_abandoned_downloads(self, wire: Wire, name: str) -> None:
        """
        containerd resumes with ``bytes=N-``, and in its parallel mode goes away in the middle
        of each answer.
        """
        large = BLOB * 400
        digest = wire.push_blob(name, large)
        target = f"/v2/{name}/blobs/{digest}"
        assert wire.head(target).header("Accept-Ranges") == "bytes"
        for start in (1, 1 << 20, len(large) - 1):
            answer = wire.get(target, {"Range": f"bytes={start}-"}).expect(206)
            assert answer.header("Content-Range") == f"bytes {start}-{len(large) - 1}/{len(large)}"
            assert answer.header("Content-Length") == str(len(large) - start)
            assert answer.body == large[start:]
        for start in range(0, len(large), 1 << 20):
            with wire.connect() as connection:
                lines = f"Host: {wire.address}\r\nRange: bytes={start}-"
                connection.send(f"GET {target} HTTP/1.1\r\n{lines}\r\n\r\n".encode())
                assert connection.socket.recv(12) == b"HTTP/1.1 206"
        assert wire.get(target).expect(200).body == large

    def test_trap_26_several_ranges(self, wire: Wire, name: str) -> None:
        """
        Several ranges come as as many parts in the order asked, neighbours not joined: podman's
        partial pulls.
        """
        digest = wire.push_blob(name, BLOB)
        asked = [(7, 99), (100, 1023), (4096, 4096), (10_000, len(BLOB) - 1)]
        ranges = "bytes=" + ",".join(f"{first}-{last}" for first, last in asked)
        answer = wire.blob(name, digest, {"Range": ranges}).expect(206)
        assert answer.header("Content-Length") == str(len(answer.body))
        assert parts_of(answer) == [
            (f"bytes {first}-{last}/{len(BLOB)}", BLOB[first : last + 1]) for first, last in asked
        ]

    def test_trap_27_exact_length(self, wire: Wire, name: str) -> None:
        """
        A whole blob is 200 with its length, not chunked, also where the content is compressible
        or compressed.
        """
        for content in (b"", b"a" * 100_000, gzip.compress(BLOB)):
            answer = wire.blob(name, wire.push_blob(name, content)).expect(200)
            assert answer.header("Content-Length") == str(len(content))
            assert answer.header("Transfer-Encoding") is None


class UploadTests:
    """
    The ways in which clients push blobs.
    """

    def test_trap_28_location_is_followed_exactly(self, wire: Wire, name: str) -> None:
        """
        Each answer's ``Location`` works for the next request, with ``digest`` added and with
        its query dropped.
        """
        location = wire.begin_upload(name)
        for part in (BLOB[:100], BLOB[100:]):
            location = wire.request("PATCH", location, part, OCTETS).expect(202).location
        location = with_query(location.partition("?")[0], f"digest={sha256(BLOB)}")
        final = wire.request("PUT", location).expect(201)
        assert wire.get(final.location).expect(200).body == BLOB

    def test_trap_29_docker_and_skopeo_stream(self, wire: Wire, name: str) -> None:
        """
        docker and skopeo: POST, one chunked PATCH without a range, PUT without a body.
        """
        pieces = iter([BLOB[:5000], BLOB[5000:]])
        patch = wire.request("PATCH", wire.begin_upload(name), pieces, OCTETS).expect(202)
        wire.request("PUT", with_query(patch.location, f"digest={sha256(BLOB)}")).expect(201)
        assert wire.blob(name, sha256(BLOB)).body == BLOB

    def test_trap_29_crane_types_its_post(self, wire: Wire, name: str) -> None:
        """
        crane: POST with a JSON content type and no body, PATCH with a length, PUT.
        """
        post = wire.request(
            "POST", f"/v2/{name}/blobs/uploads/", headers={"Content-Type": "application/json"}
        ).expect(202)
        patch = wire.request("PATCH", post.location, BLOB).expect(202)
        wire.request("PUT", with_query(patch.location, f"digest={sha256(BLOB)}")).expect(201)
        assert wire.blob(name, sha256(BLOB)).body == BLOB

    def test_trap_29_containerd_and_oras_put(self, wire: Wire, name: str) -> None:
        """
        containerd, BuildKit and oras: POST, one PUT with the body, of a known length or chunked.
        """
        for content in (BLOB, iter([BLOB])):
            location = with_query(wire.begin_upload(name), f"digest={sha256(BLOB)}")
            wire.request("PUT", location, content, OCTETS).expect(201)
        assert wire.blob(name, sha256(BLOB)).body == BLOB

    @pytest.mark.parametrize("excess", [0, 1], ids=["inclusive", "exclusive"])
    def test_trap_29_regctl_says_where_chunks_belong(
        self, wire: Wire, name: str, excess: int
    ) -> None:
        """
        regctl: chunks with a ``Content-Range``, whose end old versions write as one too many,
        and one on the last PUT.
        """
        location, size = wire.begin_upload(name), len(BLOB)
        for start in range(0, size, 4096):
            chunk = BLOB[start : start + 4096]
            where = {"Content-Range": f"{start}-{start + len(chunk) - 1 + excess}", **OCTETS}
            location = wire.request("PATCH", location, chunk, where).expect(202).location
        last = {"Content-Range": f"{size}-{size - 1 + excess}"}
        location = with_query(location, f"digest={sha256(BLOB)}")
        wire.request("PUT", location, headers=last).expect(201)
        assert wire.blob(name, sha256(BLOB)).body == BLOB

    def test_trap_30_range_of_patch(self, wire: Wire, name: str) -> None:
        """
        Each PATCH is answered with ``Range: 0-<last byte>``, without a unit: docker's client
        reads it as two numbers.
        """
        location, end = wire.begin_upload(name), 0
        for size in (1, 4095, 1, 5000):
            chunk = BLOB[end : end + size]
            patch = wire.request("PATCH", location, chunk, OCTETS).expect(202)
            location, end = patch.location, end + size
            assert patch.header("Range") == f"0-{end - 1}"
            assert wire.get(location).expect(204).header("Range") == f"0-{end - 1}"

    def test_trap_31_statuses_of_an_upload(self, wire: Wire, name: str) -> None:
        """
        POST is 202, PATCH 202, status 204, PUT 201: what each client takes.
        """
        post = wire.request("POST", f"/v2/{name}/blobs/uploads/").expect(202)
        patch = wire.request("PATCH", post.location, BLOB, OCTETS).expect(202)
        wire.get(patch.location).expect(204)
        wire.head(patch.location).expect(204)
        wire.request("PUT", with_query(patch.location, f"digest={sha256(BLOB)}")).expect(201)

    def test_trap_32_mounts(self, wire: Wire, name: str) -> None:
        """
        A mount is 201, or 202 and an upload that skopeo cancels; crane's ``origin`` changes
        nothing.
        """
        digest = wire.push_blob(f"{name}-source", BLOB)
        target = (
            f"/v2/{name}/blobs/uploads/?mount={digest}&from={name}-source&origin={wire.address}"
        )
        mounted = wire.request("POST", target).expect(201)
        assert mounted.header("Docker-Content-Digest") == digest
        assert wire.get(mounted.location).body == BLOB

        missing = sha256(b"missing")
        for source in (f"{name}-source", "no/such/repository"):
            target = f"/v2/{name}/blobs/uploads/?mount={missing}&from={source}"
            upload = wire.request("POST", target).expect(202)
            assert upload.header("Docker-Upload-UUID")
            wire.delete(upload.location).expect(204)

    def test_trap_33_mismatch(self, wire: Wire, name: str) -> None:
        """
        A body that hasn't the digest is 400 ``DIGEST_INVALID``, and is not there.
        """
        digest = sha256(BLOB)
        location = with_query(wire.begin_upload(name), f"digest={digest}")
        answer = wire.request("PUT", location, BLOB[:-1] + b"?", OCTETS).expect(400)
        assert answer.codes == ["DIGEST_INVALID"]
        wire.head(f"/v2/{name}/blobs/{digest}").expect(404)

    def test_trap_34_forms(self, wire: Wire, name: str) -> None:
        """
        A body that curl calls a form is content, even when it reads like parameters.
        """
        content = b"digest=sha256:0&mount=x&from=y&_state=z"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        location = (
            wire.request("PATCH", wire.begin_upload(name), content, form).expect(202).location
        )
        final = with_query(location, f"digest={sha256(content * 2)}")
        wire.request("PUT", final, content, form).expect(201)
        assert wire.blob(name, sha256(content * 2)).body == content * 2

    def test_trap_35_expect_continue(self, wire: Wire, name: str) -> None:
        """
        A client that waits for ``100 Continue``, as curl above 1 MiB, gets it before it sends.
        """
        location = with_query(wire.begin_upload(name), f"digest={sha256(BLOB)}")
        with wire.connect() as connection:
            lines = f"Host: {wire.address}\r\nExpect: 100-continue\r\nContent-Length: {len(BLOB)}"
            connection.send(f"PUT {location} HTTP/1.1\r\n{lines}\r\n\r\n".encode())
            assert connection.receive_interim() == 100
            connection.send(BLOB)
            connection.receive("PUT").expect(201)

    def test_trap_36_parallel_pushes(self, wire: Wire, name: str) -> None:
        """
        Several clients that push one blob at once all succeed.
        """
        content, answers = BLOB * 100, list[Answer]()

        def push() -> None:
            location = with_query(wire.begin_upload(name), f"digest={sha256(content)}")
            answers.append(wire.request("PUT", location, content, OCTETS))

        pushers = [threading.Thread(target=push) for _ in range(8)]
        for pusher in pushers:
            pusher.start()
        for pusher in pushers:
            pusher.join()
        assert [answer.status for answer in answers] == [201] * 8
        assert wire.blob(name, sha256(content)).body == content


class ListTests:
    """
    Tags, the catalog and referrers.
    """

    def test_trap_37_pages(self, wire: Wire, name: str, make_daemon: MakeDaemon) -> None:
        """
        Tags come without ``n`` and with a large one; ``Link`` has the prefix in its path; the
        last page may be empty.
        """
        wanted = [f"tag-{number:02}" for number in range(7)]
        IMAGE.push(wire, name, *wanted)
        assert wire.tags(name) == wanted
        for size in (100, 1000, 100_000):
            assert wire.get(f"/v2/{name}/tags/list?n={size}").expect(200).json()["tags"] == wanted
            wire.get(f"/v2/_catalog?n={size}").expect(200)
        paged = [
            tag for page in wire.pages(f"/v2/{name}/tags/list?n=2") for tag in page.json()["tags"]
        ]
        assert paged == wanted
        last = wire.get(f"/v2/{name}/tags/list?n=2&last=tag-06").expect(200)
        assert (last.json()["tags"], last.header("Link")) == ([], None)

        prefixed = Wire(make_daemon(configuration={"http": {"prefix": "/some/where/"}}).host)
        for content in IMAGE.contents[:2]:
            start = prefixed.request("POST", f"/some/where/v2/{name}/blobs/uploads/").expect(202)
            assert start.location.startswith("/some/where/v2/")
            final = with_query(start.location, f"digest={sha256(content)}")
            prefixed.request("PUT", final, content, OCTETS).expect(201)
        for tag in ("a", "b"):
            target = f"/some/where/v2/{name}/manifests/{tag}"
            kind = {"Content-Type": MANIFEST}
            prefixed.request("PUT", target, IMAGE.manifest, kind).expect(201)
        link = prefixed.get(f"/some/where/v2/{name}/tags/list?n=1").expect(200).header("Link")
        assert link == f'</some/where/v2/{name}/tags/list?last=a&n=1>; rel="next"'

    def test_trap_38_probing_for_referrers(self, wire: Wire, name: str) -> None:
        """
        crane's and oras's probes find the referrers API, and ``OCI-Subject`` tells oras that it
        need not index.
        """
        for digest in (IMAGE.digest, "sha256:" + "0" * 64):
            answer = wire.get(f"/v2/{name}/referrers/{digest}").expect(200)
            assert answer.header("Content-Type") == INDEX
        referrer = Image.of({"hello": b"about it"}, subject=IMAGE.descriptor)
        referrer.push(wire, name)
        put = wire.push_manifest(name, "tag", referrer.manifest).expect(201)
        assert put.header("OCI-Subject") == IMAGE.digest

    def test_trap_39_listing_referrers(self, wire: Wire, name: str) -> None:
        """
        Unknown digests have an empty index; a filter is said to be applied, and containerd's
        several types are any of.
        """
        unknown = wire.get(f"/v2/no/such/repository/referrers/{IMAGE.digest}").expect(200)
        assert unknown.json() == {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
        assert unknown.header("OCI-Filters-Applied") is None

        pushed: dict[str, Document] = {}
        for kind in ("a/one", "a/two", None):
            document: Document = {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                **({"artifactType": kind} if kind else {}),
                "config": descriptor(CONFIG, b"{}"),
                "layers": [],
                "subject": IMAGE.descriptor,
                "annotations": {"kind": str(kind)},
            }
            wire.push_blob(name, b"{}")
            content = encoded(document)
            wire.push_manifest(name, sha256(content), content).expect(201)
            pushed[kind or CONFIG] = {
                "mediaType": MANIFEST,
                "digest": sha256(content),
                "size": len(content),
                "artifactType": kind or CONFIG,
                "annotations": {"kind": str(kind)},
            }

        target = f"/v2/{name}/referrers/{IMAGE.digest}"
        for query, kinds in (
            ("?artifactType=a/one", ["a/one"]),
            ("?artifactType=a%2Ftwo&artifactType=" + CONFIG.replace("+", "%2B"), ["a/two", CONFIG]),
            ("?artifactType=a/three", []),
        ):
            answer = wire.get(target + query).expect(200)
            assert answer.header("OCI-Filters-Applied") == "artifactType"
            found = {entry["artifactType"]: entry for entry in answer.json()["manifests"]}
            assert found == {kind: pushed[kind] for kind in kinds}
        everything = wire.referrers(name, IMAGE.digest)
        assert sorted(entry["digest"] for entry in everything) == sorted(
            entry["digest"] for entry in pushed.values()
        )

    def test_trap_40_fallback_tags(self, wire: Wire, name: str) -> None:
        """
        What a client indexed under the fallback tag, when there was no API, is in the API's
        list, and once; the superseded index can be deleted.
        """
        subject = IMAGE.push(wire, name, "tag")
        referrer = Image.of({"hello": b"about it"}, subject=IMAGE.descriptor)
        referrer.push(wire, name)
        stranger = Image.of({"hello": b"about nothing"})
        stranger.push(wire, name)
        entries = [
            {**referrer.descriptor, "artifactType": CONFIG},
            {**stranger.descriptor, "artifactType": CONFIG},
            descriptor(MANIFEST, b"gone", artifactType=CONFIG),
        ]
        tag = subject.replace(":", "-")
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries[:2]}
        wire.push_manifest(name, tag, encoded(index), INDEX).expect(201)
        assert [entry["digest"] for entry in wire.referrers(name, subject)] == [referrer.digest]

        superseded = wire.digest_of(name, tag)
        wire.push_manifest(name, tag, encoded({**index, "manifests": entries[:1]}), INDEX).expect(
            201
        )
        wire.delete(f"/v2/{name}/manifests/{superseded}").expect(202)
        assert [entry["digest"] for entry in wire.referrers(name, subject)] == [referrer.digest]

    def test_trap_41_signature_tags_and_extensions(self, wire: Wire, name: str) -> None:
        """
        cosign's old tags are tags as any other; extensions are neither announced nor there.
        """
        stem = IMAGE.digest.replace(":", "-")
        tags = [f"{stem}.{kind}" for kind in ("att", "sbom", "sig")]
        IMAGE.push(wire, name, *tags)
        assert wire.tags(name) == tags
        assert wire.get("/v2/").header("X-Registry-Supports-Signatures") is None
        wire.get(f"/extensions/v2/{name}/signatures/{IMAGE.digest}").expect(404)


class TransportTests:
    """
    Below HTTP's requests, and around them.
    """

    def test_trap_42_only_what_is_served_is_announced(self, wire: Wire, name: str) -> None:
        """
        HTTP/2 isn't offered on a plain port, an attempt to upgrade to it goes on as HTTP/1.1,
        and chunks are taken.
        """
        lines = "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"
        with wire.connect() as connection:
            connection.send(
                f"GET /v2/ HTTP/1.1\r\nHost: {wire.address}\r\n{lines}\r\n\r\n".encode()
            )
            answer = connection.receive().expect(200)
        assert (answer.header("Upgrade"), answer.header("Alt-Svc")) == (None, None)
        pieces = iter([b"a" * 10] * 100)
        location = with_query(wire.begin_upload(name), f"digest={sha256(b'a' * 1000)}")
        wire.request("PUT", location, pieces, OCTETS).expect(201)

    def test_trap_43_unusual_names(self, wire: Wire, name: str) -> None:
        """
        Names with dots, double underscores and runs of dashes work, and so does ``%3A`` in a
        digest.
        """
        unusual = f"{name}/a.b/c__d/e---f/g_h/0"
        digest = IMAGE.push(wire, unusual, "Tag_1.2-x")
        assert wire.digest_of(unusual, "Tag_1.2-x") == digest
        assert unusual in wire.repositories()
        escaped = digest.replace(":", "%3A")
        wire.get(f"/v2/{unusual}/manifests/{escaped}").expect(200)
        blob = sha256(IMAGE.layer)
        wire.get(f"/v2/{unusual}/blobs/{blob.replace(':', '%3a')}").expect(200)
        location = with_query(wire.begin_upload(name), f"digest={sha256(BLOB).replace(':', '%3A')}")
        wire.request("PUT", location, BLOB, OCTETS).expect(201)

    def test_trap_45_namespace_parameter(self, wire: Wire, name: str) -> None:
        """
        ``?ns=``, which containerd adds for a mirror, and parameters that nobody knows change
        nothing.
        """
        digest = IMAGE.push(wire, name, "tag")
        blob = sha256(IMAGE.layer)
        for target in (
            "manifests/tag?ns=docker.io&x=",
            f"blobs/{blob}?ns=docker.io",
            "tags/list?ns",
        ):
            wire.get(f"/v2/{name}/{target}").expect(200)
        put = f"{digest}?ns=docker.io"
        assert wire.push_manifest(name, put, IMAGE.manifest).expect(201).header("OCI-Tag") is None

    def test_trap_46_mirror_of_the_hub(self, wire: Wire) -> None:
        """
        A docker engine that uses the registry as its mirror finds ``library/`` images at the
        root of the domain.
        """
        digest = IMAGE.push(wire, "library/hello", "latest")
        target = "/v2/library/hello/manifests/latest"
        for method in ("HEAD", "GET"):
            answer = wire.request(
                method, target, headers={"Accept": f"{DOCKER_MANIFEST}, {MANIFEST}"}
            )
            assert answer.expect(200).header("Docker-Content-Digest") == digest

    def test_trap_47_tls_on_a_plain_port(self, wire: Wire) -> None:
        """
        A client that tries TLS first is told at once, in HTTP or by the end of the connection,
        that there is none.
        """
        outgoing = ssl.MemoryBIO()
        client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing)
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        with wire.connect(timeout=5) as connection:
            connection.send(outgoing.read())
            first = connection.socket.recv(5)
        assert first in (b"HTTP/", b"")
        wire.get("/v2/").expect(200)


class TokenTests:
    """
    What shows only where a token is asked for.
    """

    SIGNER = Issuer(key_for("ES256"), "ES256", {"kid": "k"})

    @pytest.fixture
    def wire(self, make_daemon: MakeDaemon, tmp_path: Path) -> Wire:
        """
        A registry that takes tokens.
        """
        (tmp_path / "keys").write_bytes(key_set(self.SIGNER.key, kid="k"))
        names = {"realm": REALM, "issuer": ISSUER, "service": SERVICE}
        token = {**names, "jwks": str(tmp_path / "keys")}
        return Wire(make_daemon(configuration={"auth": {"token": token}}).host)

    def headers(self, *access: Document, **claims: object) -> dict[str, str]:
        """
        The header by which a token is shown.
        """
        return {"Authorization": f"Bearer {self.SIGNER.token(*access, **claims)}"}

    def test_trap_04_too_small_a_scope(self, wire: Wire) -> None:
        """
        A token that is good for something else is 401, not 403, with the scope that would do, for
        which skopeo asks its token server then.
        """
        target = "/v2/a/b/manifests/tag"
        answer = wire.get(target, self.headers(allowed("a/b", "push"))).expect(401)
        assert answer.codes == ["UNAUTHORIZED"]
        challenge = answer.header("WWW-Authenticate") or ""
        assert challenge.startswith("Bearer ")
        assert 'scope="repository:a/b:pull"' in challenge
        assert 'error="insufficient_scope"' in challenge
        wire.get(target, self.headers(allowed("a/b", "pull"))).expect(404)

    def test_trap_48_clocks_differ(self, wire: Wire) -> None:
        """
        A token counts a minute before and after its time, for clocks of token servers differ.
        """
        now = int(time.time())
        wire.get("/v2/", self.headers(nbf=now + 50, iat=now + 50)).expect(200)
        wire.get("/v2/", self.headers(exp=now - 50)).expect(200)
        wire.get("/v2/", self.headers(nbf=now + 70)).expect(401)
        wire.get("/v2/", self.headers(exp=now - 70)).expect(401)
