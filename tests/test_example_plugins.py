"""
The example of plug-ins in the documentation works as it says.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from tests.components.table import ROOT
from tests.conftest import MakeDaemon
from tests.daemon import Daemon, DaemonFailed

EXAMPLE = ROOT / "docs" / "examples" / "txregistry-example"

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def run(*command: str | Path, directory: Path, **environment: str) -> str:
    """
    Run a program that must succeed, and return what it printed.
    """
    done = subprocess.run(
        [str(word) for word in command],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A copy of the example.
    """
    copy = tmp_path_factory.mktemp("example") / "source"
    ignored = shutil.ignore_patterns("__pycache__", "dropin.cache", "*.egg-info", "build")
    return Path(shutil.copytree(EXAMPLE, copy, ignore=ignored))


@pytest.fixture(scope="module")
def installed(source: Path) -> Path:
    """
    A directory into which the example was installed.
    """
    target = source.parent / "installed"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    run(*pip, "--no-build-isolation", "--target", target, source, directory=source)
    return target


class Registry:
    """
    A daemon with all plug-ins of the example.
    """

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, Message, bytes]:
        """
        :return: status, headers and body of the answer.
        """
        url = path if path.startswith("http") else self.daemon.url + path
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, body, fields, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def push_blob(self, name: str, content: bytes) -> dict[str, Any]:
        """
        :return: its descriptor.
        """
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        status, headers, _ = self.ask("POST", f"/v2/{name}/blobs/uploads/")
        assert status == 202
        half = len(content) // 2
        status, headers, _ = self.ask("PATCH", headers["Location"], content[:half])
        assert status == 202
        separator = "&" if "?" in headers["Location"] else "?"
        location = f"{headers['Location']}{separator}digest={digest}"
        status, _, body = self.ask("PUT", location, content[half:])
        assert status == 201, body
        return {"mediaType": "application/octet-stream", "digest": digest, "size": len(content)}

    def push(self, name: str, tag: str, content: bytes) -> int:
        """
        :return: the status of the manifest's PUT.
        """
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.push_blob(name, b"{}"),
            "layers": [self.push_blob(name, content)],
        }
        path = f"/v2/{name}/manifests/{tag}"
        return self.ask("PUT", path, json.dumps(manifest).encode(), Content_Type=MANIFEST)[0]


@pytest.fixture
def registry(installed: Path, tmp_path: Path, make_daemon: MakeDaemon) -> Registry:
    """
    The daemon, as the example's README configures it.
    """
    configuration = {
        "storage": {"filesystem": None, "sqlite": {"path": str(tmp_path / "registry.sqlite")}},
        "middleware": {
            "storage": [{"name": "slowlog", "options": {"seconds": 0}}],
            "registry": [{"name": "hidden", "options": {"repositories": ["internal/.*"]}}],
            "repository": [{"name": "immutable", "options": {"tags": "v[0-9.]+"}}],
        },
    }
    environment = {"PYTHONPATH": f"{installed}:{ROOT}"}
    return Registry(make_daemon(configuration=configuration, environment=environment))


class ExampleTests:
    """
    The example, installed.
    """

    def test_contract(self, source: Path, installed: Path) -> None:
        """Its own tests, which are our suite for storage drivers, pass."""
        pytest_command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        options = ["-o", "python_classes=*Tests", "--rootdir", str(source)]
        path = f"{installed}:{ROOT}"
        printed = run(*pytest_command, *options, "tests", directory=source, PYTHONPATH=path)
        assert " passed" in printed

    def test_driver(self, registry: Registry, tmp_path: Path) -> None:
        """What is pushed is in the database, also after a restart."""
        assert registry.push("library/app", "latest", b"content" * 10_000) == 201
        registry.daemon.restart()
        status, _, body = registry.ask("GET", "/v2/library/app/manifests/latest", Accept=MANIFEST)
        assert status == 200
        layer = json.loads(body)["layers"][0]
        status, _, body = registry.ask("GET", f"/v2/library/app/blobs/{layer['digest']}")
        assert (status, body) == (200, b"content" * 10_000)
        range_ = registry.ask("GET", f"/v2/library/app/blobs/{layer['digest']}", Range="bytes=7-13")
        assert (range_[0], range_[2]) == (206, b"content")
        assert (tmp_path / "registry.sqlite").stat().st_size > 70_000
        assert not registry.daemon.root.exists()

    def test_storage_middleware(self, registry: Registry) -> None:
        """What takes long is in the log; here that is everything."""
        assert registry.push("library/app", "latest", b"content") == 201
        assert "put_content of /docker/registry/v2/" in registry.daemon.log()

    def test_registry_middleware(self, registry: Registry) -> None:
        """Hidden repositories are not in the catalog, on none of its pages, and are there."""
        for name in ("app", "internal/a", "internal/b", "public/a", "public/b"):
            assert registry.push(name, "latest", b"content") == 201
        _, headers, body = registry.ask("GET", "/v2/_catalog?n=2")
        assert json.loads(body) == {"repositories": ["app", "public/a"]}
        assert "last=public" in headers["Link"]
        _, headers, body = registry.ask("GET", "/v2/_catalog?n=2&last=public/a")
        assert json.loads(body) == {"repositories": ["public/b"]}
        assert "Link" not in headers
        assert registry.ask("GET", "/v2/internal/a/tags/list")[0] == 200

    def test_repository_middleware(self, registry: Registry) -> None:
        """A tag that stays can't be moved or deleted, nor its manifest; other tags can."""
        assert registry.push("app", "v1.0", b"one") == 201
        assert registry.push("app", "v1.0", b"one") == 201
        assert registry.push("app", "v1.0", b"two") == 403
        assert registry.push("app", "latest", b"one") == 201
        assert registry.push("app", "latest", b"two") == 201
        assert registry.ask("DELETE", "/v2/app/manifests/v1.0")[0] == 403
        _, headers, _ = registry.ask("HEAD", "/v2/app/manifests/v1.0", Accept=MANIFEST)
        digest = headers["Docker-Content-Digest"]
        assert registry.ask("DELETE", f"/v2/app/manifests/{digest}")[0] == 403
        assert registry.ask("DELETE", "/v2/app/manifests/latest")[0] == 202
        status, _, body = registry.ask("GET", "/v2/app/tags/list")
        assert (status, json.loads(body)["tags"]) == (200, ["v1.0"])

    def test_bad_parameter(self, installed: Path, make_daemon: MakeDaemon) -> None:
        """What a plug-in finds wrong keeps the daemon from starting, in one line."""
        daemon = make_daemon(
            start=False,
            configuration={"storage": {"filesystem": None, "sqlite": {}}},
            environment={"PYTHONPATH": f"{installed}:{ROOT}"},
        )
        with pytest.raises(DaemonFailed) as failed:
            daemon.start()
        assert "storage.sqlite.path: is missing" in failed.value.log
        assert "Traceback" not in failed.value.log
