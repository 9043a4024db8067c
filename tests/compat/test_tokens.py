"""
distribution 3 with our token server, and we with the tokens that it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.images import Image, write_layout
from tests.clients.programs import run
from tests.clients.test_skopeo import skopeo
from tests.clients.wire import Wire
from tests.compat.distribution import Distribution
from tests.conftest import MakeDaemon
from tests.daemon import Daemon, merged
from txregistry.auth.htpasswd.hashes import new_hash

IMAGE = Image.of({"hello": b"theirs"})


@pytest.fixture
def ours(make_daemon: MakeDaemon, tmp_path: Path) -> Daemon:
    """
    Our token server: Joe may push to ``joe/**``, and everybody pull from there.
    """
    (tmp_path / "htpasswd").write_bytes(b"joe:" + new_hash(b"secret", 5) + b"\n")
    rules = [
        {"repositories": "joe/**", "anonymous": True, "allow": "pull"},
        {"repositories": "joe/**", "users": "joe", "allow": ["pull", "push", "delete"]},
    ]
    return make_daemon(
        configuration={
            "auth": {"htpasswd": {"realm": "here", "path": str(tmp_path / "htpasswd")}},
            "policies": {"rules": rules},
            "tokenserver": {
                "signingkey": str(tmp_path / "key.pem"),
                "issuer": "tokens.example",
                "service": "registry.example",
            },
        }
    )


@pytest.fixture
def theirs(component: Callable[..., Path], ours: Daemon, tmp_path: Path) -> Iterator[Distribution]:
    """
    distribution 3, which trusts the keys that our token server publishes.
    """
    keys = tmp_path / "jwks.json"
    keys.write_bytes(Wire(ours.host).get("/auth/jwks").expect(200).body)
    root = tmp_path / "tree"
    root.mkdir()
    distribution = Distribution(tmp_path / "theirs", program=component("registry"), root=root)
    token = {
        "realm": f"{ours.url}/auth/token",
        "issuer": "tokens.example",
        "service": "registry.example",
        "jwks": str(keys),
    }
    distribution.configuration = merged(distribution.configuration, {"auth": {"token": token}})
    distribution.start()
    yield distribution
    distribution.stop()


@pytest.mark.component("registry")
@pytest.mark.component("skopeo")
def test_our_tokens(theirs: Distribution, tmp_path: Path) -> None:
    """
    distribution takes our tokens: Joe pushes and deletes by them, everybody pulls, and nobody
    does anything else.
    """
    layout = write_layout(tmp_path / "in", IMAGE)
    there = f"docker://{theirs.host}/joe/image:1"
    push = ("--dest-tls-verify=false", f"oci:{layout}:latest")
    skopeo("copy", "--dest-creds=joe:secret", *push, there)
    skopeo("copy", "--src-tls-verify=false", there, f"dir:{tmp_path / 'out'}")
    assert (tmp_path / "out" / "manifest.json").read_bytes() == IMAGE.manifest

    words = ("skopeo", "--insecure-policy")
    for target, who in (
        (there, ()),
        (f"docker://{theirs.host}/ann/x:1", ["--dest-creds=joe:secret"]),
    ):
        said = run(*words, "copy", *who, *push, target, fails=True)
        assert "denied" in said or "unauthorized" in said, said
    said = run(*words, "copy", "--dest-creds=joe:wrong", *push, there, fails=True)
    assert "invalid username/password" in said or "unauthorized" in said, said
    skopeo("delete", "--tls-verify=false", "--creds=joe:secret", there)
