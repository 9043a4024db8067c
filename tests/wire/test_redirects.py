"""
Storage that has URLs of its own for its content.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from tests.wire.access import AccessTable, rights
from tests.wire.contents import ABSENT, Image
from tests.wire.harness import Served
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.inmemory import MemoryDriver
from txregistry.drivers.wrapper import DriverWrapper
from txregistry.model.digest import Digest

CONTENT = b"content"
BLOB = Digest.of(CONTENT)
IMAGE = Image.of("x")


class Elsewhere(DriverWrapper):
    """
    A driver that has a URL for everything.
    """

    def redirect_url(self, method: str, path: str) -> Deferred[str | None]:
        """
        Sign for one method.
        """
        return succeed(f"https://store.example{path}?signed-for={method}")


def elsewhere(**options: Any) -> Served:
    """
    A registry on such a driver.
    """
    served = Served(driver=CheckedDriver(Elsewhere(MemoryDriver())), **options)
    served.push_blob("a", CONTENT)
    IMAGE.push(served, "a", "t")
    return served


class RedirectTests:
    """
    Pulls from such storage.
    """

    @pytest.mark.parametrize(
        "fields", [[], [("Range", "bytes=1-2")], [("Range", "bytes=99-")]], ids=str
    )
    def test_get(self, fields: list[tuple[str, str]]) -> None:
        """
        GET is sent there, with the digest, and without a body; a range is asked for there.
        """
        answer = elsewhere().get(f"v2/a/blobs/{BLOB}", *fields)
        assert (answer.status, answer.body) == (307, b"")
        assert answer["Location"] == (
            f"https://store.example/docker/registry/v2/blobs/sha256/{BLOB.hex[:2]}/{BLOB.hex}"
            "/data?signed-for=GET"
        )
        assert answer["Docker-Content-Digest"] == str(BLOB)
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Content-Length"] == "0"

    def test_head(self) -> None:
        """
        HEAD is answered here: a URL is signed for one method.
        """
        answer = elsewhere().head(f"v2/a/blobs/{BLOB}")
        assert answer.status == 200
        assert answer["Content-Length"] == str(len(CONTENT))

    def test_unknown(self) -> None:
        """
        What isn't in the repository is 404 here.
        """
        served = elsewhere()
        for target in (f"v2/a/blobs/{ABSENT}", f"v2/b/blobs/{BLOB}"):
            assert served.get(target).is_error(404, "BLOB_UNKNOWN")

    def test_manifest(self) -> None:
        """
        Manifests are always sent from here.
        """
        assert elsewhere().get("v2/a/manifests/t").body == IMAGE.payload

    def test_switched_off(self) -> None:
        """
        On demand everything is sent from here.
        """
        answer = elsewhere(redirects=False).get(f"v2/a/blobs/{BLOB}")
        assert (answer.status, answer.body) == (200, CONTENT)

    def test_right(self) -> None:
        """
        Nobody gets a URL without the right to pull.
        """
        served = elsewhere()
        guarded = Served(driver=served.driver, controller=AccessTable(rights()))
        answer = guarded.get(f"v2/a/blobs/{BLOB}")
        assert (answer.status, answer["Location"]) == (401, None)
