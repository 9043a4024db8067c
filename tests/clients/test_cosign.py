"""
cosign signs what is in the registry, and verifies it: with its own tags, and with referrers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.images import Image
from tests.clients.programs import run
from tests.clients.wire import Wire

pytestmark = pytest.mark.component("cosign")

IMAGE = Image.of({"hello": b"cosign"})

Cosign = Callable[..., str]


@pytest.fixture
def cosign(tmp_path: Path) -> Cosign:
    """
    cosign with a key pair of its own, without the public log.
    """
    environment = {"COSIGN_PASSWORD": "test", "HOME": str(tmp_path)}

    def call(*arguments: str, fails: bool = False) -> str:
        return run("cosign", *arguments, environment=environment, directory=tmp_path, fails=fails)

    call("generate-key-pair")
    return call


# Neither the public log nor the services of the public instance.
ALONE = ("--use-signing-config=false", "--tlog-upload=false", "--allow-http-registry", "--yes")
SIGN = ("sign", "--key=cosign.key", *ALONE)
VERIFY = ("verify", "--key=cosign.pub", "--insecure-ignore-tlog", "--allow-http-registry")
OLD_WAY = "--new-bundle-format=false"


def test_tags(cosign: Cosign, wire: Wire, repository: str) -> None:
    """
    A signature under cosign's own tag is verified, and the tag is listed as any other.
    """
    IMAGE.push(wire, repository, "1")
    name = f"{wire.address}/{repository}@{IMAGE.digest}"
    cosign(*VERIFY, OLD_WAY, name, fails=True)
    cosign(*SIGN, OLD_WAY, name)
    assert wire.tags(repository) == ["1", IMAGE.digest.replace(":", "-") + ".sig"]
    assert IMAGE.digest in cosign(*VERIFY, OLD_WAY, name)


def test_referrers(cosign: Cosign, wire: Wire, repository: str) -> None:
    """
    A signature as a bundle is a referrer of the image, found by the referrers API alone.
    """
    IMAGE.push(wire, repository, "1")
    name = f"{wire.address}/{repository}@{IMAGE.digest}"
    cosign(*VERIFY, name, fails=True)
    cosign(*SIGN, name)
    (signature,) = wire.referrers(repository, IMAGE.digest)
    assert signature["artifactType"].startswith("application/vnd.dev.sigstore.bundle")
    assert wire.tags(repository) == ["1"]
    assert IMAGE.digest in cosign(*VERIFY, name)


def test_attestation(cosign: Cosign, wire: Wire, repository: str, tmp_path: Path) -> None:
    """
    An attestation is a referrer beside the signature, and verified.
    """
    IMAGE.push(wire, repository, "1")
    name = f"{wire.address}/{repository}@{IMAGE.digest}"
    (tmp_path / "predicate.json").write_text(json.dumps({"made": "here"}))
    cosign(*SIGN, name)
    cosign("attest", "--type=custom", "--predicate=predicate.json", *SIGN[1:], name)
    assert len(wire.referrers(repository, IMAGE.digest)) == 2
    assert IMAGE.digest in cosign("verify-attestation", "--type=custom", *VERIFY[1:], name)


def test_another_image(cosign: Cosign, wire: Wire, repository: str) -> None:
    """
    The signature of one image doesn't verify another.
    """
    other = Image.of({"hello": b"unsigned"})
    for image in (IMAGE, other):
        image.push(wire, repository)
    cosign(*SIGN, f"{wire.address}/{repository}@{IMAGE.digest}")
    cosign(*VERIFY, f"{wire.address}/{repository}@{other.digest}", fails=True)
