"""
The work that every registry is given to see which events it makes of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

import attrs

from tests.proofs.client import INDEX, MANIFEST, Answer, with_digest
from tests.proofs.content import sha256

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
#: What JSON has to escape in one way or another, and bytes that are no UTF-8.
AGENT: Final = ("worker/1 <&> \u2028 (ä 🐳) \"\\\t/'".encode() + b"\xff\xc3( \xed\xa0\x80").decode(
    "latin-1"
)

CONFIG: Final = b"{}"
LAYER: Final = b"a layer" * 1000


def _descriptor(media_type: str, content: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(content), "size": len(content), **more}


def _json(**members: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, **members}).encode()


IMAGE: Final = _json(
    mediaType=MANIFEST,
    config=_descriptor("application/vnd.oci.image.config.v1+json", CONFIG),
    layers=[
        _descriptor(
            "application/vnd.oci.image.layer.v1.tar+gzip",
            LAYER,
            annotations={"z": "<a href='b'> & \u2028", "a": "ä"},
        )
    ],
)
DOCKER_IMAGE: Final = _json(
    mediaType=DOCKER_MANIFEST,
    config=_descriptor("application/vnd.docker.container.image.v1+json", CONFIG),
    layers=[_descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", LAYER)],
)
LIST: Final = _json(
    mediaType=DOCKER_LIST,
    manifests=[
        _descriptor(
            DOCKER_MANIFEST,
            DOCKER_IMAGE,
            platform={"architecture": "amd64", "os": "linux", "variant": "v2"},
        )
    ],
)
OCI_INDEX: Final = _json(
    mediaType=INDEX,
    manifests=[
        _descriptor(MANIFEST, IMAGE, platform={"architecture": "amd64", "os": "linux"}),
    ],
)


class Asking(Protocol):
    """
    What is needed of a client.
    """

    def request(
        self, method: str, target: str, *, headers: Mapping[str, str] | None, body: bytes
    ) -> Answer: ...


@attrs.frozen
class Work:
    """
    Requests of a client.
    """

    client: Asking
    name: str = "team/app"

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """
        Send a request below the repository.
        """
        fields = {"User-Agent": AGENT} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        target = path if path.startswith("/") else f"/v2/{self.name}/{path}"
        return self.client.request(method, target, headers=fields, body=body)

    def push_blob(self, content: bytes) -> None:
        """
        Push a blob with POST and PUT.
        """
        location = self.ask("POST", "blobs/uploads/").expect(202).location
        self.ask("PUT", with_digest(location, sha256(content)), content).expect(201)

    def put(self, reference: str, manifest: bytes) -> None:
        """
        Push a manifest.
        """
        media_type = json.loads(manifest)["mediaType"]
        self.ask("PUT", f"manifests/{reference}", manifest, Content_Type=media_type).expect(201)

    def put_image(self) -> None:
        """
        Push an image.
        """
        self.push_blob(CONFIG)
        self.push_blob(LAYER)
        self.put("image", IMAGE)

    def push(self) -> None:
        """
        Push blobs, manifests by tag and by digest, and lists of them.
        """
        self.put_image()
        self.put(sha256(DOCKER_IMAGE), DOCKER_IMAGE)
        self.put("list", LIST)
        self.put("index", OCI_INDEX)

    def mount(self) -> None:
        """
        Mount a blob into another repository.
        """
        query = f"mount={sha256(LAYER)}&from={self.name}"
        self.ask("POST", f"/v2/other/app/blobs/uploads/?{query}").expect(201)

    def pull(self) -> None:
        """
        Pull blobs and manifests, with GET and HEAD, whole and in part, and as an old client.
        """
        layer = f"blobs/{sha256(LAYER)}"
        self.ask("HEAD", layer).expect(200)
        self.ask("GET", layer).expect(200)
        self.ask("GET", layer, Range="bytes=10-19").expect(206)
        accepted = f"{MANIFEST}, {INDEX}, {DOCKER_LIST}, {DOCKER_MANIFEST}"
        self.ask("HEAD", "manifests/image", Accept=accepted).expect(200)
        self.ask("GET", "manifests/image", Accept=accepted).expect(200)
        self.ask("GET", f"manifests/{sha256(IMAGE)}", Accept=accepted).expect(200)
        self.ask("GET", "manifests/list", Accept=accepted).expect(200)

    def pull_as_old(self) -> None:
        """
        Pull a list as a client that knows none.
        """
        self.ask("GET", "manifests/list", Accept=DOCKER_MANIFEST).expect(200)

    def ask_for_unchanged(self) -> None:
        """
        Ask for a manifest that the client has.
        """
        etag = f'"{sha256(IMAGE)}"'
        self.ask("GET", "manifests/image", Accept=MANIFEST, If_None_Match=etag).expect(304)

    def ask_for_unchanged_blob(self) -> None:
        """
        Ask for a blob that the client has.
        """
        etag = f'"{sha256(LAYER)}"'
        self.ask("GET", f"blobs/{sha256(LAYER)}", If_None_Match=etag).expect(304)

    def fail(self) -> None:
        """
        Ask for what isn't there, and push what isn't right.
        """
        self.ask("GET", "manifests/unknown").expect(404)
        self.ask("GET", f"blobs/{sha256(b'?')}").expect(404)
        location = self.ask("POST", "blobs/uploads/").expect(202).location
        self.ask("PUT", with_digest(location, sha256(b"?")), b"!").expect(400)
        self.ask("PUT", "manifests/bad", b"{", Content_Type=MANIFEST).expect(400)
        self.ask("DELETE", f"manifests/{sha256(b'?')}").expect(400, 404)

    def delete_tag(self) -> None:
        """
        Delete a tag and nothing else.
        """
        self.ask("DELETE", "manifests/index").expect(202)

    def delete_manifest(self) -> None:
        """
        Delete a manifest that has a tag.
        """
        self.ask("DELETE", f"manifests/{sha256(IMAGE)}").expect(202)

    def delete_blob(self) -> None:
        """
        Delete a blob.
        """
        self.ask("DELETE", f"blobs/{sha256(LAYER)}").expect(202)
