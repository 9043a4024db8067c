"""
helm pushes charts to the registry and pulls them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.images import check_blobs
from tests.clients.programs import run
from tests.clients.wire import MANIFEST, Wire, sha256

pytestmark = pytest.mark.component("helm")

Helm = Callable[..., str]


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    """
    helm with folders of its own, beside the source of a chart "greeting".
    """
    chart = tmp_path / "greeting"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: greeting\nversion: 1.2.3+build.4\n")
    (chart / "templates" / "map.yaml").write_text("apiVersion: v1\nkind: ConfigMap\n")
    folders = {f"HELM_{kind}_HOME": str(tmp_path / kind) for kind in ("CACHE", "CONFIG", "DATA")}

    def call(*arguments: str) -> str:
        return run("helm", *arguments, environment=folders, directory=tmp_path)

    return call


def test_push_and_pull(helm: Helm, wire: Wire, repository: str, tmp_path: Path) -> None:
    """
    A chart is pushed under its version, and comes back byte for byte.
    """
    helm("package", "greeting")
    archive = tmp_path / "greeting-1.2.3+build.4.tgz"
    helm("push", archive.name, f"oci://{wire.address}/{repository}", "--plain-http")

    assert wire.tags(f"{repository}/greeting") == ["1.2.3_build.4"]
    answer = wire.manifest(f"{repository}/greeting", "1.2.3_build.4").expect(200)
    assert answer.header("Content-Type") == MANIFEST
    document = answer.json()
    assert document["config"]["mediaType"] == "application/vnd.cncf.helm.config.v1+json"
    assert document["layers"][0]["digest"] == sha256(archive.read_bytes())
    check_blobs(wire, f"{repository}/greeting", [document["config"], *document["layers"]])

    out = tmp_path / "out"
    out.mkdir()
    name = f"oci://{wire.address}/{repository}/greeting"
    helm("pull", name, "--version=1.2.3+build.4", "--plain-http", f"--destination={out}")
    assert (out / archive.name).read_bytes() == archive.read_bytes()


def test_newest_version(helm: Helm, wire: Wire, repository: str) -> None:
    """
    Without a version helm lists the tags and takes the newest.
    """
    for version in ("0.9.0", "0.10.0"):
        helm("package", "greeting", f"--version={version}")
        archive = f"greeting-{version}.tgz"
        helm("push", archive, f"oci://{wire.address}/{repository}", "--plain-http")
    assert wire.tags(f"{repository}/greeting") == ["0.10.0", "0.9.0"]
    shown = helm("show", "chart", f"oci://{wire.address}/{repository}/greeting", "--plain-http")
    assert "version: 0.10.0" in shown
