"""
Whole pushes and pulls by an HTTP client that others wrote: what we answer is read as it is meant.
"""

from __future__ import annotations

import pytest
from twisted.web.http_headers import Headers

from tests.wire.contents import OCI, Image
from tests.wire.harness import HOST, Served
from txregistry.model.digest import Digest
from txregistry.testing.web import MemoryClient

BASE = f"http://{HOST}/v2"
CONTENT = bytes(range(256)) * 4096
BLOB = Digest.of(CONTENT)
IMAGE = Image.of("x")


@pytest.fixture
def client() -> MemoryClient:
    """
    A client of a registry of its own.
    """
    return MemoryClient(Served().site.dispatch)


class FlowTests:
    """
    What clients do.
    """

    async def test_push_and_pull(self, client: MemoryClient) -> None:
        """
        Blobs in each way that there is, a manifest, and all of it back.
        """
        started = await client.post(f"{BASE}/a/blobs/uploads/", data=b"")
        assert started.code == 202
        location = started.headers.getRawHeaders("Location")[0]
        for first in range(0, len(CONTENT), 300_000):
            piece = CONTENT[first : first + 300_000]
            patched = await client.patch(
                location,
                data=piece,
                headers=Headers({"Content-Range": [f"{first}-{first + len(piece) - 1}"]}),
            )
            assert patched.code == 202
            location = patched.headers.getRawHeaders("Location")[0]
        committed = await client.put(location, params={"digest": str(BLOB)}, data=b"")
        assert committed.code == 201
        pulled = await client.get(committed.headers.getRawHeaders("Location")[0])
        assert await pulled.content() == CONTENT
        for blob in IMAGE.blobs:
            url = f"{BASE}/a/blobs/uploads/"
            pushed = await client.post(url, params={"digest": str(Digest.of(blob))}, data=blob)
            assert pushed.code == 201
        tagged = await client.put(
            f"{BASE}/a/manifests/t", data=IMAGE.payload, headers=Headers({"Content-Type": [OCI]})
        )
        assert tagged.code == 201
        manifest = await client.get(f"{BASE}/a/manifests/t")
        assert await manifest.content() == IMAGE.payload
        assert manifest.headers.getRawHeaders("Content-Type") == [OCI]
        tags = await client.get(f"{BASE}/a/tags/list")
        assert await tags.json() == {"name": "a", "tags": ["t"]}

    async def test_head_and_delete(self, client: MemoryClient) -> None:
        """
        HEAD tells the length and nothing more; what was deleted is gone.
        """
        url = f"{BASE}/a/blobs/{BLOB}"
        await client.post(f"{BASE}/a/blobs/uploads/", params={"digest": str(BLOB)}, data=CONTENT)
        head = await client.head(url)
        assert head.headers.getRawHeaders("Content-Length") == [str(len(CONTENT))]
        assert await head.content() == b""
        assert (await client.delete(url)).code == 202
        gone = await client.get(url)
        assert gone.code == 404
        assert (await gone.json())["errors"][0]["code"] == "BLOB_UNKNOWN"

    async def test_ranges(self, client: MemoryClient) -> None:
        """
        A part of a blob has its own length.
        """
        await client.post(f"{BASE}/a/blobs/uploads/", params={"digest": str(BLOB)}, data=CONTENT)
        url = f"{BASE}/a/blobs/{BLOB}"
        part = await client.get(url, headers=Headers({"Range": ["bytes=1000-1999"]}))
        assert part.code == 206
        assert await part.content() == CONTENT[1000:2000]
