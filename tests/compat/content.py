"""
What is in a registry's repositories: pushed by one server, asked of another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from tests.proofs.client import INDEX, MANIFEST, Answer, Client, Remote, image
from tests.proofs.content import KIB, Content, sha256

DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
EVERYTHING = f"{MANIFEST}, {INDEX}, {DOCKER_IMAGE}, {DOCKER_LIST}"

CONFIG = Content(20, 500)
LAYERS = [Content(200 + i, size) for i, size in enumerate((1, 4 * KIB, 300 * KIB, 1_000_003))]
EMPTY = Content(20, 0)


@attrs.frozen
class Manifest:
    """
    A manifest that was pushed.
    """

    media_type: str
    payload: bytes

    @property
    def digest(self) -> str:
        """
        Its digest.
        """
        return sha256(self.payload)


@attrs.define
class Repository:
    """
    What a repository holds.

    :ivar blobs: by the digests that clients may ask for.
    :ivar manifests: by digest.
    :ivar tags: which manifests they name.
    :ivar gone: digests of manifests that were deleted.
    """

    name: str
    blobs: dict[str, Content] = attrs.field(factory=dict)
    manifests: dict[str, Manifest] = attrs.field(factory=dict)
    tags: dict[str, str] = attrs.field(factory=dict)
    gone: set[str] = attrs.field(factory=set)

    def push_blobs(self, client: Client, *contents: Content) -> None:
        """
        Push blobs, each in another way.
        """
        remote = Remote(client, self.name)
        ways: list[Callable[[Content], Answer]] = [
            remote.push,
            remote.push_chunked,
            lambda content: remote.push_in_pieces(content, 100 * KIB),
        ]
        for number, content in enumerate(contents):
            ways[number % 3](content).expect(201)
            self.blobs[content.digest] = content

    def push(self, client: Client, manifest: Manifest, tag: str | None = None) -> None:
        """
        Push a manifest.
        """
        remote = Remote(client, self.name)
        reference = tag or manifest.digest
        remote.put_manifest(reference, manifest.payload, manifest.media_type).expect(201)
        self.manifests[manifest.digest] = manifest
        if tag is not None:
            self.tags[tag] = manifest.digest

    def delete(self, client: Client, digest: str) -> None:
        """
        Delete a manifest, and so its tags.
        """
        Remote(client, self.name).delete(f"manifests/{digest}").expect(202)
        del self.manifests[digest]
        self.gone.add(digest)
        self.tags = {tag: named for tag, named in self.tags.items() if named != digest}

    def check(self, client: Client) -> None:
        """
        See that a server has all of it, and nothing of what was deleted.
        """
        listed = client.request("GET", f"/v2/{self.name}/tags/list").expect(200).json()
        assert sorted(listed["tags"] or []) == sorted(self.tags)
        for reference, digest in [*self.tags.items(), *((d, d) for d in self.manifests)]:
            manifest = self.manifests[digest]
            answer = get(client, self.name, reference).expect(200)
            assert answer.body == manifest.payload
            assert answer.headers["content-type"] == manifest.media_type
            assert answer.headers["docker-content-digest"] == digest
        for digest, content in self.blobs.items():
            status, pulled = Remote(client, self.name).pull(digest)
            assert (status, pulled) == (200, content.digest), digest
            checked = client.request("HEAD", f"/v2/{self.name}/blobs/{digest}").expect(200)
            assert checked.headers["content-length"] == str(content.size)
        for digest in self.gone:
            get(client, self.name, digest).expect(404)


def get(client: Client, name: str, reference: str) -> Answer:
    """
    Get a manifest, whatever it is.
    """
    target = f"/v2/{name}/manifests/{reference}"
    return client.request("GET", target, headers={"Accept": EVERYTHING})


def sha512(content: Content) -> str:
    """
    The sha512 digest of a content.
    """
    return "sha512:" + hashlib.sha512(content.whole()).hexdigest()


def docker_image(*layers: Content) -> Manifest:
    """
    A Docker image of schema 2.
    """
    kind = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_IMAGE,
        "config": described(CONFIG, "application/vnd.docker.container.image.v1+json"),
        "layers": [described(layer, kind) for layer in layers],
    }
    return Manifest(DOCKER_IMAGE, json.dumps(document, indent=3).encode())


def oci_image(*layers: Content, note: str = "") -> Manifest:
    """
    An OCI image.
    """
    return Manifest(MANIFEST, image(CONFIG, layers, note=note))


def collection(media_type: str, *children: Manifest) -> Manifest:
    """
    An index or a list.
    """
    entries = [
        {
            "mediaType": child.media_type,
            "digest": child.digest,
            "size": len(child.payload),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for child, architecture in zip(children, ("amd64", "arm64"), strict=False)
    ]
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
    return Manifest(media_type, json.dumps(document).encode())


def described(content: Content, media_type: str) -> Mapping[str, Any]:
    """
    A descriptor.
    """
    return {"mediaType": media_type, "digest": content.digest, "size": content.size}


def fill(client: Client) -> Iterator[Repository]:
    """
    Push something of everything that both servers know, into several repositories.
    """
    first = Repository("first")
    first.push_blobs(client, CONFIG, *LAYERS, EMPTY)
    images = [docker_image(*LAYERS[:2]), oci_image(*LAYERS[2:])]
    for tag, manifest in zip(("latest", "V1.0_rc-1"), images, strict=True):
        first.push(client, manifest, tag)
    first.push(client, collection(DOCKER_LIST, images[0]), "Multi")
    first.push(client, collection(INDEX, images[1]), "index")
    first.push(client, oci_image(note="untagged"))
    first.push(client, images[1], "latest")
    yield first

    nested = Repository("first/deep-er/ne.st_ed")
    target = f"/v2/{nested.name}/blobs/uploads/?mount={CONFIG.digest}&from={first.name}"
    client.request("POST", target).expect(201)
    nested.blobs[CONFIG.digest] = CONFIG
    nested.push_blobs(client, LAYERS[3])
    nested.push(client, oci_image(LAYERS[3]), "a" * 128)
    yield nested

    emptied = Repository("emptied")
    emptied.push_blobs(client, CONFIG)
    gone = oci_image(note="gone")
    emptied.push(client, gone, "kept-for-a-while")
    emptied.push(client, oci_image(note="kept"), "kept")
    emptied.delete(client, gone.digest)
    yield emptied
