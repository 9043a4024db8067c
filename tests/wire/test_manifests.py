"""
Pulling, pushing and deleting manifests and tags.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.wire.access import AccessTable, rights
from tests.wire.contents import (
    ABSENT,
    ALGORITHMS,
    CONFIG,
    DOCKER,
    INDEX,
    LAYER,
    LIST,
    OCI,
    Document,
    Image,
    descriptor,
    encoded,
    index_of,
)
from tests.wire.harness import HOST, Answer, Field, Served
from txregistry.model import media_types
from txregistry.model.digest import Digest
from txregistry.model.manifest import Platform
from txregistry.storage.validation import Required, Validation
from txregistry.web.routes import Limits

IMAGE = Image.of("x")
DOCKER_IMAGE = Image.of("y", media_type=DOCKER)


def changed(image: Image, **members: Any) -> bytes:
    """
    An image's manifest with other members; None takes one away.
    """
    document = {**json.loads(image.payload), **members}
    return encoded({key: value for key, value in document.items() if value is not None})


class PullTests:
    """
    GET and HEAD of a manifest.
    """

    @pytest.mark.parametrize("image", [IMAGE, DOCKER_IMAGE], ids=["oci", "docker"])
    @pytest.mark.parametrize("by", ["tag", "digest"])
    def test_pulled(self, served: Served, image: Image, by: str) -> None:
        """
        The bytes come back as they were, with the bare type, the length, the digest and the tag.
        """
        image.push(served, "a/b", "t")
        answer = served.get(f"v2/a/b/manifests/{'t' if by == 'tag' else image.digest}")
        assert answer.status == 200
        assert answer.body == image.payload
        assert answer["Content-Type"] == image.media_type
        assert answer["Content-Length"] == str(len(image.payload))
        assert answer["Docker-Content-Digest"] == str(image.digest)
        assert answer["ETag"] == f'"{image.digest}"'
        assert answer["Warning"] is None

    @pytest.mark.parametrize("image", [IMAGE, DOCKER_IMAGE], ids=["oci", "docker"])
    @pytest.mark.parametrize("by", ["tag", "digest"])
    def test_head(self, served: Served, image: Image, by: str) -> None:
        """
        HEAD has the same fields, and no body.
        """
        image.push(served, "a", "t")
        target = f"v2/a/manifests/{'t' if by == 'tag' else image.digest}"
        answer, head = served.get(target), served.head(target)
        assert (head.status, head.fields, head.body) == (200, answer.fields, b"")

    @pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html", OCI, "x;y"])
    @pytest.mark.parametrize("kind", ["image", "docker image", "index", "list by digest"])
    def test_whatever_the_accept(self, served: Served, accept: str | None, kind: str) -> None:
        """
        Whatever the Accept, stored bytes are served.
        """
        IMAGE.push(served, "a")
        DOCKER_IMAGE.push(served, "a")
        payload, media_type = {
            "image": (IMAGE.payload, OCI),
            "docker image": (DOCKER_IMAGE.payload, DOCKER),
            "index": (index_of(IMAGE.descriptor()), INDEX),
            "list by digest": (index_of(DOCKER_IMAGE.descriptor(), media_type=LIST), LIST),
        }[kind]
        served.push_manifest("a", "t", payload, media_type)
        digest = Digest.of(payload)
        fields = [("Accept", accept)] if accept else []
        references = ["t", digest] if kind != "list by digest" else [digest]
        for reference in references:
            answer = served.get(f"v2/a/manifests/{reference}", *fields)
            assert (answer.status, answer.body) == (200, payload)
            assert answer["Content-Type"] == media_type

    @pytest.mark.parametrize("reference", ["t", str(ABSENT), str(Digest.of(b"", "sha512"))])
    @pytest.mark.parametrize("name", ["a", "nowhere"])
    def test_unknown(self, served: Served, name: str, reference: str) -> None:
        """
        What isn't there is 404.
        """
        IMAGE.push(served, "a", "other")
        for method in ("GET", "HEAD", "DELETE"):
            answer = served.ask(method, f"v2/{name}/manifests/{reference}")
            assert answer.status == 404
            if method != "HEAD":
                assert answer.codes == ["MANIFEST_UNKNOWN"]

    @pytest.mark.parametrize(
        "tag", [".x", "-x", "x" * 129, "a b", "a%2Cb", "%C3%A9", "a%0A", "a+b"]
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
    def test_no_tag(self, served: Served, method: str, tag: str) -> None:
        """
        What can be no tag is 400.
        """
        IMAGE.push(served, "a")
        tag = tag.replace(" ", "%20")
        body = IMAGE.payload if method == "PUT" else None
        fields = [("Content-Type", OCI)] if body else []
        answer = served.ask(method, f"v2/a/manifests/{tag}", *fields, body=body)
        assert answer.status == 400
        if method != "HEAD":
            assert answer.codes == ["TAG_INVALID"]

    @pytest.mark.parametrize("tag", ["_", "9", "A", "a" * 128, "v1.0-rc.1_x", "latest", "uploads"])
    def test_tags(self, served: Served, tag: str) -> None:
        """
        What can be one, is one.
        """
        IMAGE.push(served, "a", tag)
        assert served.get(f"v2/a/manifests/{tag}").body == IMAGE.payload
        assert served.tags("a") == [tag]


class ConditionTests:
    """
    ``If-None-Match`` and ``If-Match`` of GET and HEAD.
    """

    @pytest.mark.parametrize(
        "value", ['"{}"', "{}", 'W/"{}"', "*", '"x", "{}"', '"x",W/"{}"'], ids=str
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_unchanged(self, served: Served, method: str, value: str) -> None:
        """
        What the client has already is not sent again.
        """
        IMAGE.push(served, "a", "t")
        for reference in ("t", IMAGE.digest):
            field = ("If-None-Match", value.format(IMAGE.digest))
            answer = served.ask(method, f"v2/a/manifests/{reference}", field)
            assert answer.status == 304
            assert answer["ETag"] == f'"{IMAGE.digest}"'
            assert answer["Docker-Content-Digest"] == str(IMAGE.digest)

    def test_changed(self, served: Served) -> None:
        """
        A tag that has moved is.
        """
        IMAGE.push(served, "a", "t")
        Image.of("new").push(served, "a", "t")
        answer = served.get("v2/a/manifests/t", ("If-None-Match", f'"{IMAGE.digest}"'))
        assert (answer.status, answer.body) == (200, Image.of("new").payload)

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_after_existence(self, served: Served, method: str) -> None:
        """
        It is evaluated after existence: what isn't there is 404, also when it was just now.
        """
        IMAGE.push(served, "a", "t")
        field = ("If-None-Match", f'"{IMAGE.digest}"')
        assert served.ask(method, f"v2/a/manifests/{IMAGE.digest}", field).status == 304
        served.delete(f"v2/a/manifests/{IMAGE.digest}")
        for reference in ("t", IMAGE.digest):
            assert served.ask(method, f"v2/a/manifests/{reference}", field).status == 404
            star = ("If-None-Match", "*")
            assert served.ask(method, f"v2/a/manifests/{reference}", star).status == 404

    def test_match(self, served: Served) -> None:
        """
        If-Match that doesn't hold is 412.
        """
        IMAGE.push(served, "a", "t")
        assert served.get("v2/a/manifests/t", ("If-Match", f'"{IMAGE.digest}"')).status == 200
        assert served.get("v2/a/manifests/t", ("If-Match", f'"{ABSENT}"')).status == 412


class OldClientTests:
    """
    A Docker list for a client that knows no lists.
    """

    @pytest.fixture
    def listed(self, served: Served) -> Served:
        """
        A registry with a Docker list of three platforms.
        """
        children = []
        for architecture in ("arm64", "amd64", "s390x"):
            image = Image.of(architecture, media_type=DOCKER)
            image.push(served, "a")
            platform = {"os": "linux", "architecture": architecture}
            children.append(image.descriptor(platform=platform))
        served.push_manifest("a", "t", index_of(*children, media_type=LIST), LIST)
        return served

    @pytest.mark.parametrize(
        "accept",
        [
            [DOCKER],
            [f"{DOCKER}, application/json;q=0.5"],
            ["application/vnd.docker.distribution.manifest.v1+json", f"{DOCKER};q=0.9"],
            [f"*/*,{DOCKER.upper()}"],
            [DOCKER, "application/json"],
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_child(self, listed: Served, method: str, accept: list[str]) -> None:
        """
        Who names schema 2 and no list or index gets the linux/amd64 child.
        """
        child = Image.of("amd64", media_type=DOCKER)
        answer = listed.ask(method, "v2/a/manifests/t", *(("Accept", line) for line in accept))
        assert answer.status == 200
        assert answer["Content-Type"] == DOCKER
        assert answer["Docker-Content-Digest"] == str(child.digest)
        assert answer["Content-Length"] == str(len(child.payload))
        if method == "GET":
            assert answer.body == child.payload

    @pytest.mark.parametrize(
        "accept",
        [
            [],
            ["*/*"],
            [DOCKER, LIST],
            [LIST, DOCKER],
            [f"{DOCKER},{LIST}"],
            [f"{DOCKER},{INDEX}"],
            [LIST],
            [OCI],
            ["application/json"],
        ],
    )
    def test_list(self, listed: Served, accept: list[str]) -> None:
        """
        Everybody else gets the list.
        """
        for method in ("GET", "HEAD"):
            answer = listed.ask(method, "v2/a/manifests/t", *(("Accept", line) for line in accept))
            assert (answer.status, answer["Content-Type"]) == (200, LIST)

    def test_by_digest(self, listed: Served) -> None:
        """
        So does who asks by digest.
        """
        digest = listed.get("v2/a/manifests/t")["Docker-Content-Digest"]
        answer = listed.get(f"v2/a/manifests/{digest}", ("Accept", DOCKER))
        assert answer["Content-Type"] == LIST

    def test_index(self, served: Served) -> None:
        """
        An OCI index is never taken apart.
        """
        IMAGE.push(served, "a")
        platform = {"os": "linux", "architecture": "amd64"}
        index = index_of(IMAGE.descriptor(platform=platform))
        served.push_manifest("a", "t", index, INDEX)
        assert served.get("v2/a/manifests/t", ("Accept", DOCKER)).body == index

    def test_no_such_child(self, served: Served) -> None:
        """
        Without such a child the list is served.
        """
        DOCKER_IMAGE.push(served, "a")
        platform = {"os": "windows", "architecture": "amd64"}
        payload = index_of(DOCKER_IMAGE.descriptor(platform=platform), media_type=LIST)
        served.push_manifest("a", "t", payload, LIST)
        assert served.get("v2/a/manifests/t", ("Accept", DOCKER)).body == payload

    def test_unchanged_child(self, listed: Served) -> None:
        """
        Conditions go by what would be sent.
        """
        child = Image.of("amd64", media_type=DOCKER)
        fields = [("Accept", DOCKER), ("If-None-Match", f'"{child.digest}"')]
        assert listed.get("v2/a/manifests/t", *fields).status == 304


class PushTests:
    """
    PUT of a manifest.
    """

    @pytest.mark.parametrize("chunked", [False, True])
    @pytest.mark.parametrize("by", ["tag", "digest"])
    def test_pushed(self, served: Served, by: str, chunked: bool) -> None:
        """
        It is 201, empty, and a GET at its Location, always by digest, gives the manifest.
        """
        IMAGE.push(served, "a")
        reference = "t" if by == "tag" else str(IMAGE.digest)
        answer = served.ask(
            "PUT",
            f"v2/a/manifests/{reference}",
            ("Content-Type", OCI),
            body=IMAGE.payload,
            chunked=chunked,
        )
        assert answer.status == 201
        assert answer["Location"] == f"http://{HOST}/v2/a/manifests/{IMAGE.digest}"
        assert answer["Docker-Content-Digest"] == str(IMAGE.digest)
        assert (answer["Content-Length"], answer.body) == ("0", b"")
        assert answer["OCI-Subject"] is None
        assert answer.all("OCI-Tag") == []
        assert served.get(answer["Location"] or "").body == IMAGE.payload

    def test_again(self, served: Served) -> None:
        """
        Pushed again it is 201 again.
        """
        for _ in range(2):
            IMAGE.push(served, "a", "t")
        assert served.tags("a") == ["t"]

    def test_tag_moves(self, served: Served) -> None:
        """
        A tag moves to what is pushed under it; what it named before stays.
        """
        new = Image.of("new")
        IMAGE.push(served, "a", "t")
        new.push(served, "a", "t")
        assert served.get("v2/a/manifests/t").body == new.payload
        assert served.get(f"v2/a/manifests/{IMAGE.digest}").body == IMAGE.payload

    @pytest.mark.parametrize("media_type", [OCI, DOCKER])
    @pytest.mark.parametrize("parameters", ["; charset=utf-8", ";x=y;z", " ;charset=UTF-8"])
    def test_parameters_of_the_type(self, served: Served, media_type: str, parameters: str) -> None:
        """
        Parameters of the Content-Type are ignored, and not given back.
        """
        image = Image.of("x", media_type=media_type)
        image.push(served, "a")
        answer = served.push_manifest("a", "t", image.payload, media_type + parameters)
        assert answer.status == 201
        assert served.get("v2/a/manifests/t")["Content-Type"] == media_type

    @pytest.mark.parametrize("media_type", [OCI, INDEX])
    def test_without_media_type(self, served: Served, media_type: str) -> None:
        """
        An OCI manifest need not have a mediaType; it is told by its shape.
        """
        IMAGE.push(served, "a")
        payload = (
            changed(IMAGE, mediaType=None)
            if media_type == OCI
            else encoded({"schemaVersion": 2, "manifests": [IMAGE.descriptor()]})
        )
        assert served.push_manifest("a", "t", payload, media_type).status == 201
        answer = served.get("v2/a/manifests/t")
        assert (answer.body, answer["Content-Type"]) == (payload, media_type)

    def test_limit(self) -> None:
        """
        What is over the limit is 413, counted while reading where nobody announced a length.
        """
        served = Served(limits=Limits(manifest=len(IMAGE.payload)))
        IMAGE.push(served, "a", "t")
        payload = IMAGE.payload + b" "
        for chunked in (False, True):
            answer = served.ask(
                "PUT", "v2/a/manifests/u", ("Content-Type", OCI), body=payload, chunked=chunked
            )
            assert answer.is_error(413, "MANIFEST_INVALID")
        assert served.tags("a") == ["t"]

    @pytest.mark.parametrize("chunked", [False, True])
    def test_four_mebibytes(self, served: Served, chunked: bool) -> None:
        """
        By default it is 4 MiB.
        """
        IMAGE.push(served, "a")
        fits = IMAGE.payload + b" " * (4 * 1024 * 1024 - len(IMAGE.payload))
        for payload, status in ((fits, 201), (fits + b" ", 413)):
            answer = served.ask(
                "PUT", "v2/a/manifests/t", ("Content-Type", OCI), body=payload, chunked=chunked
            )
            assert answer.status == status
        assert served.get("v2/a/manifests/t").body == fits


class InvalidTests:
    """
    What is no manifest.
    """

    @pytest.mark.parametrize(
        ("content_type", "payload"),
        [
            (OCI, b""),
            (OCI, b"nonsense"),
            (OCI, b"[]"),
            (OCI, b"null"),
            (OCI, b'"text"'),
            (OCI, b"{}"),
            (OCI, b"\xff\xfe"),
            (OCI, b"[" * 100_000),
            (OCI, b'{"a":' * 100_000),
            (OCI, IMAGE.payload + b"x"),
            (OCI, IMAGE.payload.replace(b'"schemaVersion": 2', b'"schemaVersion": NaN')),
            # mediaType and Content-Type
            (DOCKER, IMAGE.payload),
            (INDEX, IMAGE.payload),
            ("application/json", IMAGE.payload),
            (OCI, changed(IMAGE, mediaType=DOCKER)),
            (DOCKER, changed(IMAGE, mediaType=None)),
            (LIST, encoded({"schemaVersion": 2, "manifests": []})),
            # of two kinds at once
            (OCI, changed(IMAGE, manifests=[])),
            (INDEX, changed(IMAGE, manifests=[], mediaType=INDEX)),
            (INDEX, encoded({"schemaVersion": 2, "manifests": [], "config": {}})),
            (INDEX, encoded({"schemaVersion": 2, "manifests": [], "layers": []})),
            # of none
            (OCI, changed(IMAGE, config=None, layers=None)),
            (OCI, changed(IMAGE, layers=None)),
            (OCI, changed(IMAGE, config=None)),
            (INDEX, encoded({"schemaVersion": 2, "mediaType": INDEX})),
            # a key twice
            (OCI, IMAGE.payload.replace(b"{", b'{"schemaVersion": 2,', 1)),
            (OCI, IMAGE.payload.replace(b'"config": {', b'"config": {"size": 1,', 1)),
            # wrong types
            (OCI, changed(IMAGE, schemaVersion="2")),
            (OCI, changed(IMAGE, schemaVersion=1)),
            (OCI, changed(IMAGE, schemaVersion=3)),
            (OCI, changed(IMAGE, schemaVersion=True)),
            (OCI, changed(IMAGE, schemaVersion=None)),
            (OCI, changed(IMAGE, mediaType=5)),
            (OCI, changed(IMAGE, layers={})),
            (OCI, changed(IMAGE, layers="x")),
            (OCI, changed(IMAGE, layers=[5])),
            (OCI, changed(IMAGE, config=[])),
            (OCI, changed(IMAGE, config={})),
            (OCI, changed(IMAGE, config={"mediaType": CONFIG, "digest": 5, "size": 1})),
            (OCI, changed(IMAGE, config={**descriptor(CONFIG, b""), "size": "1"})),
            (OCI, changed(IMAGE, config={**descriptor(CONFIG, b""), "size": -1})),
            (OCI, changed(IMAGE, config={**descriptor(CONFIG, b""), "size": 1.5})),
            (OCI, changed(IMAGE, config={**descriptor(CONFIG, b""), "mediaType": None})),
            (OCI, changed(IMAGE, subject="x")),
            (OCI, changed(IMAGE, subject={"digest": str(ABSENT)})),
            (OCI, changed(IMAGE, artifactType=5)),
            (OCI, changed(IMAGE, annotations=[])),
            (OCI, changed(IMAGE, annotations={"a": 5})),
            (INDEX, encoded({"schemaVersion": 2, "manifests": {}})),
            (INDEX, encoded({"schemaVersion": 2, "manifests": ["x"]})),
            # schema 1 is not taken any more
            (media_types.DOCKER_SCHEMA1, encoded({"schemaVersion": 1, "fsLayers": []})),
            (media_types.DOCKER_SCHEMA1_SIGNED, encoded({"schemaVersion": 1, "fsLayers": []})),
        ],
    )
    def test_refused(self, served: Served, content_type: str, payload: bytes) -> None:
        """
        It is MANIFEST_INVALID, by tag and by digest, and nothing is stored.
        """
        IMAGE.push(served, "a")
        digest = Digest.of(payload)
        for reference in ("t", digest):
            answer = served.push_manifest("a", reference, payload, content_type)
            assert answer.is_error(400, "MANIFEST_INVALID")
        assert served.tags("a") == []
        assert served.get(f"v2/a/manifests/{digest}").status == (
            200 if payload == IMAGE.payload else 404
        )

    @pytest.mark.parametrize("where", ["config", "layers", "subject", "manifests"])
    def test_wrong_digest_inside(self, served: Served, where: str) -> None:
        """
        A descriptor whose digest is none is refused.
        """
        wrong = {**descriptor(LAYER, b"x"), "digest": "sha256:abc"}
        if where == "manifests":
            payload, media_type = index_of(wrong), INDEX
        else:
            payload = changed(IMAGE, **{where: [wrong] if where == "layers" else wrong})
            media_type = OCI
        answer = served.push_manifest("a", "t", payload, media_type)
        assert answer.status == 400
        assert answer.codes in (["DIGEST_INVALID"], ["MANIFEST_INVALID"])

    @pytest.mark.parametrize(
        "media_type", ["a/b\r\nX-Forged: 1", "a/b\nc", "a b", "é/x", "a/b;c=d", "x" * 300, "\x00"]
    )
    def test_media_type_that_is_none(self, served: Served, media_type: str) -> None:
        """
        A mediaType that could be none, and would break the answer's head, is refused.
        """
        IMAGE.push(served, "a")
        payload = changed(IMAGE, mediaType=media_type)
        answer = served.ask("PUT", "v2/a/manifests/t", body=payload)
        assert answer.is_error(400, "MANIFEST_INVALID")
        assert served.tags("a") == []


class MissingTests:
    """
    Manifests that name what isn't here.
    """

    def missing_of(self, answer: Answer) -> list[str]:
        """
        What is said to be missing.
        """
        assert answer.status == 400
        assert set(answer.codes) == {"MANIFEST_BLOB_UNKNOWN"}
        return sorted(entry["detail"] for entry in answer.json["errors"])

    @pytest.mark.parametrize("image", [IMAGE, DOCKER_IMAGE], ids=["oci", "docker"])
    def test_blobs(self, served: Served, image: Image) -> None:
        """
        One error per digest that is missing; what is there is none.
        """
        named = sorted(str(Digest.of(blob)) for blob in image.blobs)
        answer = served.push_manifest("a", "t", image.payload, image.media_type)
        assert self.missing_of(answer) == named
        served.push_blob("a", image.blobs[0])
        answer = served.push_manifest("a", "t", image.payload, image.media_type)
        assert self.missing_of(answer) == [str(Digest.of(image.blobs[1]))]
        assert served.get("v2/a/manifests/t").status == 404

    def test_blobs_elsewhere(self, served: Served) -> None:
        """
        A blob of another repository is missing here.
        """
        IMAGE.push(served, "other", "t")
        answer = served.push_manifest("a", "t", IMAGE.payload, OCI)
        assert len(self.missing_of(answer)) == 2

    def test_named_twice(self, served: Served) -> None:
        """
        What is named twice is missing once.
        """
        layer = descriptor(LAYER, b"x")
        payload = encoded({"schemaVersion": 2, "config": layer, "layers": [layer, layer]})
        assert len(self.missing_of(served.push_manifest("a", "t", payload, OCI))) == 1

    @pytest.mark.parametrize("media_type", [INDEX, LIST])
    def test_children(self, served: Served, media_type: str) -> None:
        """
        So it is with the children of an index.
        """
        IMAGE.push(served, "a")
        absent = descriptor(OCI, b"nobody pushed this")
        payload = index_of(IMAGE.descriptor(), absent, media_type=media_type)
        answer = served.push_manifest("a", "t", payload, media_type)
        assert self.missing_of(answer) == [str(ABSENT)]

    def test_child_that_is_a_blob(self, served: Served) -> None:
        """
        A blob is no child.
        """
        served.push_blob("a", b"nobody pushed this")
        payload = index_of(descriptor(OCI, b"nobody pushed this"))
        assert self.missing_of(served.push_manifest("a", "t", payload, INDEX)) == [str(ABSENT)]

    def test_sparse_images(self) -> None:
        """
        A registry may be told not to want the blobs.
        """
        served = Served(validation=Validation(blobs=Required.NONE))
        assert served.push_manifest("a", "t", IMAGE.payload, OCI).status == 201
        absent = index_of(descriptor(OCI, b"nobody pushed this"))
        assert served.push_manifest("a", "i", absent, INDEX).status == 400

    def test_sparse_indexes(self) -> None:
        """
        Or the children.
        """
        served = Served(validation=Validation(platforms=Required.NONE))
        absent = index_of(descriptor(OCI, b"nobody pushed this"))
        assert served.push_manifest("a", "i", absent, INDEX).status == 201
        assert served.push_manifest("a", "t", IMAGE.payload, OCI).status == 400

    def test_some_platforms(self) -> None:
        """
        Or only those of some platforms.
        """
        served = Served(
            validation=Validation(
                platforms=Required.LISTED, platform_list=(Platform("amd64", "linux"),)
            )
        )
        absent = {
            architecture: descriptor(
                OCI,
                architecture.encode(),
                platform={"os": "linux", "architecture": architecture},
            )
            for architecture in ("amd64", "arm64")
        }
        answer = served.push_manifest("a", "i", index_of(*absent.values()), INDEX)
        assert self.missing_of(answer) == [absent["amd64"]["digest"]]
        answer = served.push_manifest("a", "i", index_of(absent["arm64"]), INDEX)
        assert answer.status == 201

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_missing_subject(self, served: Served, algorithm: str) -> None:
        """
        A subject need not be there.
        """
        subject = descriptor(OCI, b"nobody pushed this", algorithm)
        Image.of("x", subject=subject).push(served, "a", "t")


class UrlTests:
    """
    Layers that are to be had elsewhere.
    """

    FOREIGN = media_types.DOCKER_FOREIGN_LAYER
    OCI_FOREIGN = media_types.OCI_NONDISTRIBUTABLE_PREFIX + "+gzip"

    def push(self, served: Served, url: str, media_type: str, layer_type: str) -> Answer:
        """
        Push an image with a layer that is elsewhere.
        """
        config = b"{}"
        served.push_blob("a", config)
        layer = descriptor(layer_type, b"elsewhere", urls=[url])
        payload = encoded(
            {
                "schemaVersion": 2,
                "mediaType": media_type,
                "config": descriptor(CONFIG, config),
                "layers": [layer],
            }
        )
        return served.push_manifest("a", "t", payload, media_type)

    KINDS = pytest.mark.parametrize(
        ("media_type", "layer_type"), [(DOCKER, FOREIGN), (OCI, OCI_FOREIGN)], ids=["docker", "oci"]
    )

    @KINDS
    def test_none_by_default(self, served: Served, media_type: str, layer_type: str) -> None:
        """
        Where nothing is allowed no URL passes.
        """
        answer = self.push(served, "https://store.example/x", media_type, layer_type)
        assert answer.is_error(400, "MANIFEST_INVALID")

    @KINDS
    def test_allowed(self, media_type: str, layer_type: str) -> None:
        """
        Where it passes, the layer need not be here.
        """
        served = Served(validation=Validation(urls_allow=(re.compile(r"^https://store\."),)))
        answer = self.push(served, "https://store.example/x", media_type, layer_type)
        assert answer.status == 201
        answer = self.push(served, "https://other.example/x", media_type, layer_type)
        assert answer.is_error(400, "MANIFEST_INVALID")

    @KINDS
    def test_denied(self, media_type: str, layer_type: str) -> None:
        """
        What is denied doesn't pass, though it is allowed.
        """
        served = Served(
            validation=Validation(
                urls_allow=(re.compile(".*"),), urls_deny=(re.compile(r"^https://bad\."),)
            )
        )
        good = self.push(served, "https://store.example/x", media_type, layer_type)
        assert good.status == 201
        bad = self.push(served, "https://bad.example/x", media_type, layer_type)
        assert bad.is_error(400, "MANIFEST_INVALID")

    @KINDS
    @pytest.mark.parametrize("url", ["ftp://x/y", "/x", "", "https://x/#y", "https:///x", "x"])
    def test_no_url(self, media_type: str, layer_type: str, url: str) -> None:
        """
        It must be absolute, http or https, without a fragment.
        """
        served = Served(validation=Validation(urls_allow=(re.compile(".*"),)))
        answer = self.push(served, url, media_type, layer_type)
        assert answer.is_error(400, "MANIFEST_INVALID")


class AnyManifestTests:
    """
    Whatever is a manifest in the OCI or Docker way is taken, and given back byte for byte.
    """

    EMPTY = descriptor("application/vnd.oci.empty.v1+json", b"{}")

    @pytest.mark.parametrize(
        ("media_type", "document"),
        [
            (OCI, {"mediaType": OCI, "config": EMPTY, "layers": []}),
            (OCI, {"config": EMPTY, "layers": [EMPTY], "artifactType": "application/x"}),
            (OCI, {"config": {**EMPTY, "data": "e30=", "annotations": {"a": "b"}}, "layers": []}),
            (OCI, {"config": {**EMPTY, "mediaType": "application/vnd.helm+json"}, "layers": []}),
            (OCI, {"config": EMPTY, "layers": [], "annotations": {}, "custom": {"a": [1, None]}}),
            (OCI, {"config": EMPTY, "layers": [], "custom": "é<>&\u2028\ud83d\ude00"}),
            (INDEX, {"manifests": []}),
            (INDEX, {"mediaType": INDEX, "manifests": [], "artifactType": "application/x"}),
            (INDEX, {"mediaType": INDEX, "manifests": [], "custom": 5}),
            (LIST, {"mediaType": LIST, "manifests": []}),
            (DOCKER, {"mediaType": DOCKER, "config": EMPTY, "layers": []}),
            (
                media_types.OCI_ARTIFACT,
                {"mediaType": media_types.OCI_ARTIFACT, "artifactType": "x/y", "blobs": [EMPTY]},
            ),
            (
                "application/vnd.example.thing+json",
                {
                    "mediaType": "application/vnd.example.thing+json",
                    "config": EMPTY,
                    "layers": [EMPTY],
                },
            ),
        ],
    )
    def test_taken(self, served: Served, media_type: str, document: Document) -> None:
        """
        Unknown members, types and annotations are kept.
        """
        served.push_blob("a", b"{}")
        artifact = media_type == media_types.OCI_ARTIFACT
        payload = encoded(document if artifact else {"schemaVersion": 2, **document})
        assert served.push_manifest("a", "t", payload, media_type).status == 201
        answer = served.get("v2/a/manifests/t")
        assert (answer.body, answer["Content-Type"]) == (payload, media_type)
        assert served.head("v2/a/manifests/t")["Content-Type"] == media_type

    @pytest.mark.parametrize(
        "payload",
        [
            IMAGE.payload + b"\n",
            b" \t\r\n" + IMAGE.payload,
            json.dumps(json.loads(IMAGE.payload)).encode(),
            json.dumps(json.loads(IMAGE.payload), separators=(",", ":"), sort_keys=True).encode(),
            IMAGE.payload.replace(b"schemaVersion", rb"schem\u0061Version"),
        ],
    )
    def test_byte_for_byte(self, served: Served, payload: bytes) -> None:
        """
        White space, order and escapes are left as they are.
        """
        IMAGE.push(served, "a")
        assert served.push_manifest("a", "t", payload, OCI).status == 201
        assert served.get("v2/a/manifests/t").body == payload

    def test_nested_index(self, served: Served) -> None:
        """
        An index may list indexes.
        """
        IMAGE.push(served, "a")
        inner = index_of(IMAGE.descriptor())
        assert served.push_manifest("a", Digest.of(inner), inner, INDEX).status == 201
        outer = index_of(descriptor(INDEX, inner))
        assert served.push_manifest("a", "t", outer, INDEX).status == 201


class SubjectTests:
    """
    ``OCI-Subject``.
    """

    @pytest.mark.parametrize("there", [False, True])
    @pytest.mark.parametrize("by", ["tag", "digest"])
    def test_image(self, served: Served, by: str, there: bool) -> None:
        """
        The answer to an image with a subject names it, whether or not it is there.
        """
        subject = Image.of("subject")
        if there:
            subject.push(served, "a")
        image = Image.of("x", subject=subject.descriptor())
        answer = image.push(served, "a", "t" if by == "tag" else image.digest)
        assert answer["OCI-Subject"] == str(subject.digest)

    @pytest.mark.parametrize("by", ["tag", "digest"])
    def test_index(self, served: Served, by: str) -> None:
        """
        So does that to an index.
        """
        index = index_of(subject=IMAGE.descriptor())
        reference = "t" if by == "tag" else Digest.of(index)
        answer = served.push_manifest("a", reference, index, INDEX)
        assert (answer.status, answer["OCI-Subject"]) == (201, str(IMAGE.digest))

    def test_sha512(self, served: Served) -> None:
        """
        It is the digest that the manifest gives.
        """
        subject = {**IMAGE.descriptor(), "digest": str(IMAGE.sha512)}
        answer = Image.of("x", subject=subject).push(served, "a", "t")
        assert answer["OCI-Subject"] == str(IMAGE.sha512)


class TagParameterTests:
    """
    ``PUT manifests/<digest>?tag=a&tag=b``.
    """

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_set(self, served: Served, algorithm: str) -> None:
        """
        Each tag is set, and each is named in OCI-Tag.
        """
        digest = Digest.of(IMAGE.payload, algorithm)
        answer = IMAGE.push(served, "a", f"{digest}?tag=b&tag=a&tag=c.1")
        assert sorted(answer.all("OCI-Tag")) == ["a", "b", "c.1"]
        assert served.tags("a") == ["a", "b", "c.1"]
        for tag in ("a", "b", "c.1"):
            assert served.head(f"v2/a/manifests/{tag}")["Docker-Content-Digest"] == str(digest)

    def test_index(self, served: Served) -> None:
        """
        An index may have them as well.
        """
        index = index_of()
        answer = served.push_manifest("a", f"{Digest.of(index)}?tag=t", index, INDEX)
        assert answer.all("OCI-Tag") == ["t"]

    def test_twice(self, served: Served) -> None:
        """
        One that stands there twice is set once.
        """
        answer = IMAGE.push(served, "a", f"{IMAGE.digest}?tag=t&tag=t")
        assert answer.all("OCI-Tag") == ["t"]

    def test_hundred(self, served: Served) -> None:
        """
        A hundred can be set at once, and one more is 414 and sets none.
        """
        tags = [f"t{number:03}" for number in range(101)]
        too_many = "&".join(f"tag={tag}" for tag in tags)
        IMAGE.push(served, "a")
        answer = served.push_manifest("a", f"{IMAGE.digest}?{too_many}", IMAGE.payload, OCI)
        assert answer.is_error(414, "TAG_INVALID")
        assert served.tags("a") == []
        query = "&".join(f"tag={tag}" for tag in tags[:100])
        IMAGE.push(served, "a", f"{IMAGE.digest}?{query}")
        assert served.tags("a") == tags[:100]

    def test_hundred_long_ones(self, served: Served) -> None:
        """
        A hundred of the longest fit into a request's head.
        """
        tags = [f"{number:03}".ljust(128, "x") for number in range(100)]
        query = "&".join(f"tag={tag}" for tag in tags)
        IMAGE.push(served, "a" * 255, f"{IMAGE.sha512}?{query}")
        assert served.tags("a" * 255) == tags

    @pytest.mark.parametrize("bad", ["", ".x", "a:b", "x" * 129, "a%20b", "%C3%A9", "a/b"])
    def test_all_or_nothing(self, served: Served, bad: str) -> None:
        """
        If one is no tag it is 400, and none is set.
        """
        IMAGE.push(served, "a")
        target = f"{IMAGE.digest}?tag=good&tag={bad}"
        assert served.push_manifest("a", target, IMAGE.payload, OCI).is_error(400, "TAG_INVALID")
        assert served.tags("a") == []

    def test_nothing_of_a_bad_manifest(self, served: Served) -> None:
        """
        If the manifest can't be taken, none is set.
        """
        answer = served.push_manifest("a", f"{IMAGE.digest}?tag=t", IMAGE.payload, OCI)
        assert answer.status == 400
        assert served.get("v2/a/tags/list").status == 404

    @pytest.mark.parametrize("query", ["tag=other", "tag=.bad", "tag=" + "&tag=".join("x" * 200)])
    def test_by_tag(self, served: Served, query: str) -> None:
        """
        On a push by tag the parameter is ignored.
        """
        answer = IMAGE.push(served, "a", f"t?{query}")
        assert answer.all("OCI-Tag") == []
        assert served.tags("a") == ["t"]

    def test_without_right(self) -> None:
        """
        Each needs the right of a push by tag.
        """
        table = AccessTable(rights(joe="pull:a"), bearer=False)
        served = Served(controller=table)
        answer = served.push_manifest(
            "a", f"{IMAGE.digest}?tag=t", IMAGE.payload, OCI, table.credentials("joe")
        )
        assert answer.is_error(403, "DENIED")


class ConditionalPushTests:
    """
    ``If-Match`` and ``If-None-Match`` of a push by tag.
    """

    OLD = Image.of("old")
    NEW = Image.of("new")

    def push(self, served: Served, *fields: Field) -> Answer:
        """
        Push the new one on a condition.
        """
        self.NEW.push(served, "a")
        return served.push_manifest("a", "t", self.NEW.payload, OCI, *fields)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("If-Match", '"{old}"'),
            ("If-Match", "{old}"),
            ("If-Match", '"x", "{old}"'),
            ("If-Match", "*"),
            ("If-None-Match", '"{new}"'),
        ],
    )
    def test_holds(self, served: Served, name: str, value: str) -> None:
        """
        Where it holds, the tag moves.
        """
        self.OLD.push(served, "a", "t")
        value = value.format(old=self.OLD.digest, new=self.NEW.digest)
        assert self.push(served, (name, value)).status == 201
        assert served.get("v2/a/manifests/t").body == self.NEW.payload

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("If-Match", '"{new}"'),
            ("If-Match", '"x"'),
            ("If-Match", 'W/"{old}"'),
            ("If-None-Match", "*"),
            ("If-None-Match", '"{old}"'),
        ],
    )
    def test_fails(self, served: Served, name: str, value: str) -> None:
        """
        Where it doesn't, it is 412, and the tag stays.
        """
        self.OLD.push(served, "a", "t")
        answer = self.push(served, (name, value.format(old=self.OLD.digest, new=self.NEW.digest)))
        assert answer.status == 412
        assert answer.codes
        assert served.get("v2/a/manifests/t").body == self.OLD.payload

    @pytest.mark.parametrize(
        ("name", "value", "status"),
        [("If-None-Match", "*", 201), ("If-Match", "*", 412), ("If-Match", '"x"', 412)],
    )
    def test_new_tag(self, served: Served, name: str, value: str, status: int) -> None:
        """
        Where there is no tag yet, If-None-Match: * holds and If-Match doesn't.
        """
        assert self.push(served, (name, value)).status == status
        assert served.tags("a") == (["t"] if status == 201 else [])


class DeleteTests:
    """
    DELETE of manifests and tags.
    """

    def test_by_tag(self, served: Served) -> None:
        """
        By tag it removes that tag only.
        """
        IMAGE.push(served, "a", f"{IMAGE.digest}?tag=t&tag=u")
        answer = served.delete("v2/a/manifests/t")
        assert (answer.status, answer.body, answer["Content-Length"]) == (202, b"", "0")
        assert served.get("v2/a/manifests/t").is_error(404, "MANIFEST_UNKNOWN")
        assert served.head("v2/a/manifests/t").status == 404
        assert served.tags("a") == ["u"]
        assert served.get(f"v2/a/manifests/{IMAGE.digest}").body == IMAGE.payload
        assert served.delete("v2/a/manifests/t").is_error(404, "MANIFEST_UNKNOWN")

    def test_by_digest(self, served: Served) -> None:
        """
        By digest it removes the manifest and all its tags.
        """
        other = Image.of("other")
        IMAGE.push(served, "a", f"{IMAGE.digest}?tag=t&tag=u")
        other.push(served, "a", "o")
        served.head(f"v2/a/manifests/{IMAGE.digest}")  # into whatever caches there are
        assert served.delete(f"v2/a/manifests/{IMAGE.digest}").status == 202
        for reference in ("t", "u", IMAGE.digest):
            assert served.get(f"v2/a/manifests/{reference}").status == 404
            assert served.head(f"v2/a/manifests/{reference}").status == 404
        assert served.tags("a") == ["o"]
        again = served.delete(f"v2/a/manifests/{IMAGE.digest}")
        assert again.is_error(404, "MANIFEST_UNKNOWN")

    def test_tag_that_moved_on(self, served: Served) -> None:
        """
        A tag that names something else by now stays.
        """
        new = Image.of("new")
        IMAGE.push(served, "a", "t")
        new.push(served, "a", "t")
        served.delete(f"v2/a/manifests/{IMAGE.digest}")
        assert served.get("v2/a/manifests/t").body == new.payload

    def test_referenced(self, served: Served) -> None:
        """
        It is never refused because an index lists it, and the index stays.
        """
        IMAGE.push(served, "a")
        served.push_manifest("a", "i", index_of(IMAGE.descriptor()), INDEX)
        assert served.delete(f"v2/a/manifests/{IMAGE.digest}").status == 202
        assert served.get("v2/a/manifests/i").status == 200

    def test_index(self, served: Served) -> None:
        """
        The children of an index that goes stay.
        """
        IMAGE.push(served, "a")
        index = index_of(IMAGE.descriptor())
        served.push_manifest("a", "i", index, INDEX)
        assert served.delete(f"v2/a/manifests/{Digest.of(index)}").status == 202
        assert served.get(f"v2/a/manifests/{IMAGE.digest}").status == 200

    def test_subject(self, served: Served) -> None:
        """
        Nor is it refused because something refers to it.
        """
        IMAGE.push(served, "a")
        Image.of("x", subject=IMAGE.descriptor()).push(served, "a")
        assert served.delete(f"v2/a/manifests/{IMAGE.digest}").status == 202

    def test_other_repository(self, served: Served) -> None:
        """
        Other repositories keep it.
        """
        IMAGE.push(served, "a", "t")
        IMAGE.push(served, "b", "t")
        served.delete(f"v2/a/manifests/{IMAGE.digest}")
        assert served.get("v2/b/manifests/t").body == IMAGE.payload

    def test_pushed_again(self, served: Served) -> None:
        """
        Pushed again it is there at once.
        """
        for _ in range(3):
            IMAGE.push(served, "a", "t")
            assert served.get("v2/a/manifests/t").body == IMAGE.payload
            assert served.delete(f"v2/a/manifests/{IMAGE.digest}").status == 202
            assert served.head(f"v2/a/manifests/{IMAGE.digest}").status == 404

    @pytest.mark.parametrize("by", ["tag", "digest"])
    def test_switched_off(self, by: str) -> None:
        """
        Where deletes are off it is 405, UNSUPPORTED, and nothing goes.
        """
        served = Served(deletes=False)
        IMAGE.push(served, "a", "t")
        answer = served.delete(f"v2/a/manifests/{'t' if by == 'tag' else IMAGE.digest}")
        assert answer.is_error(405, "UNSUPPORTED")
        assert answer["Allow"] == "GET, HEAD, OPTIONS, PUT"
        assert served.get("v2/a/manifests/t").body == IMAGE.payload


class DeprecatedTests:
    """
    Manifests of schema 1, which old trees hold.
    """

    PAYLOAD = encoded({"schemaVersion": 1, "name": "a", "tag": "t", "fsLayers": [], "history": []})

    async def served(self) -> Served:
        """
        A tree that distribution wrote long ago.
        """
        served = Served()
        digest = Digest.of(self.PAYLOAD)
        root = "/docker/registry/v2"
        manifests = f"{root}/repositories/a/_manifests"
        put, link = served.driver.put_content, str(digest).encode()
        await put(f"{root}/blobs/sha256/{digest.hex[:2]}/{digest.hex}/data", self.PAYLOAD)
        await put(f"{manifests}/revisions/sha256/{digest.hex}/link", link)
        await put(f"{manifests}/tags/t/current/link", link)
        return served

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize("accept", [None, media_types.DOCKER_SCHEMA1, OCI])
    async def test_served(self, method: str, accept: str | None) -> None:
        """
        They are served as stored under their own type, with a warning that clients show.
        """
        served = await self.served()
        fields = [("Accept", accept)] if accept else []
        for reference in ("t", Digest.of(self.PAYLOAD)):
            answer = served.ask(method, f"v2/a/manifests/{reference}", *fields)
            assert answer.status == 200
            assert answer["Content-Type"] == media_types.DOCKER_SCHEMA1
            assert answer.body == (self.PAYLOAD if method == "GET" else b"")
            warning = answer["Warning"] or ""
            assert re.fullmatch(r'299 - "[^"\\]+"', warning)
            assert len(warning) <= 4096
