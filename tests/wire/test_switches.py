"""
A registry that is read-only, or from which nothing can be deleted.
"""

from __future__ import annotations

import pytest

from tests.wire.contents import OCI, Image
from tests.wire.harness import Served
from txregistry.model.digest import Digest

IMAGE = Image.of("x")
BLOB = Digest.of(IMAGE.blobs[0])


@pytest.fixture
def before() -> Served:
    """
    A registry with something in it, and an upload that was begun.
    """
    served = Served()
    IMAGE.push(served, "a", "t")
    return served


class ReadOnlyTests:
    """
    ``storage.maintenance.readonly``.
    """

    def test_no_change(self, before: Served) -> None:
        """
        Every change is 405 with the JSON body, and changes nothing.
        """
        location = before.start("a")
        before.ask("PATCH", location, body=b"x")
        served = Served(driver=before.driver, read_only=True)
        upload = location.partition("/v2/")[2]
        for method, target, body in (
            ("PUT", "a/manifests/u", IMAGE.payload),
            ("PUT", f"a/manifests/{IMAGE.digest}?tag=u", IMAGE.payload),
            ("DELETE", "a/manifests/t", None),
            ("DELETE", f"a/manifests/{IMAGE.digest}", None),
            ("DELETE", f"a/blobs/{BLOB}", None),
            ("POST", "a/blobs/uploads/", b""),
            ("POST", f"a/blobs/uploads/?digest={BLOB}", IMAGE.blobs[0]),
            ("POST", f"b/blobs/uploads/?mount={BLOB}&from=a", b""),
            ("POST", f"b/blobs/uploads/?mount={BLOB}", b""),
            ("PATCH", upload, b"y"),
            ("PUT", f"{upload}?digest={Digest.of(b'x')}", b""),
            ("DELETE", upload, None),
        ):
            fields = [("Content-Type", OCI)] if "manifests" in target and body else []
            answer = served.ask(method, f"v2/{target}", *fields, body=body)
            assert answer.is_error(405, "UNSUPPORTED"), (method, target)
            assert method not in (answer["Allow"] or "").split(", ")
        assert served.tags("a") == ["t"]
        assert served.get("v2/_catalog").json == {"repositories": ["a"]}
        assert served.get(f"v2/{upload}")["Range"] == "0-0"

    def test_pulls(self, before: Served) -> None:
        """
        Everything can be looked at, uploads too.
        """
        location = before.start("a")
        before.ask("PATCH", location, body=b"xyz")
        served = Served(driver=before.driver, read_only=True)
        assert served.get("v2/a/manifests/t").body == IMAGE.payload
        assert served.get(f"v2/a/blobs/{BLOB}").body == IMAGE.blobs[0]
        for method in ("GET", "HEAD"):
            answer = served.ask(method, location)
            assert (answer.status, answer["Range"]) == (204, "0-2")


class UndeletableTests:
    """
    ``storage.delete.enabled: false``.
    """

    def test_nothing_goes(self, before: Served) -> None:
        """
        Deletes of manifests, tags and blobs are 405, whether or not it is there.
        """
        served = Served(driver=before.driver, deletes=False)
        for target in (
            "manifests/t",
            f"manifests/{IMAGE.digest}",
            f"blobs/{BLOB}",
            "manifests/nothing",
            f"blobs/{Digest.of(b'nothing')}",
        ):
            answer = served.delete(f"v2/a/{target}")
            assert answer.is_error(405, "UNSUPPORTED")
        assert served.get("v2/a/manifests/t").body == IMAGE.payload

    def test_pushes(self, before: Served) -> None:
        """
        Pushing goes on, and uploads can be cancelled.
        """
        served = Served(driver=before.driver, deletes=False)
        Image.of("new").push(served, "a", "t")
        assert served.delete(served.start("a")).status == 204
