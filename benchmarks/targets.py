"""
What is measured: registries, and nginx as the limit of what can be had for reads.

All log errors only and have no access log, allow deletes, purge no uploads, and remember
descriptors of blobs in memory unless their name says ``-nocache``.  All listen on a port of the
loopback address and keep their files below a directory that they are given.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen

from benchmarks.guards import GUARDS, Guard, nobody
from tests.components.table import components
from txregistry import __version__


@frozen(kw_only=True)
class Place:
    """
    Where a server runs.

    :param directory: for its configuration and the like.
    :param root: of its storage.
    """

    directory: Path
    root: Path
    port: int


@frozen(kw_only=True)
class Target:
    """
    Something to measure.

    :param name: in the table.
    :param title: what it is.
    :param program: the path of the program; ``None`` if it isn't on this machine.
    :param version: tells its version.
    :param durability: what it has done with the bytes when it answers that they are stored.
    :param command: writes its configuration and tells how to start it.
    :param is_registry: it answers the whole API; else it only serves files of the tree.
    :param has_referrers: it lists referrers.
    :param has_layouts: it keeps repositories as OCI image layouts, not in distribution's tree.
    :param is_default: it is measured unless others are asked for.
    :param environment: variables for it.
    :param credentials: is given its port and the name of a repository, and gives the header fields
        of somebody who may read and write there.
    """

    name: str
    title: str
    program: str | None
    version: Callable[[], str]
    durability: str
    command: Callable[[Place], list[str]]
    is_registry: bool = True
    has_referrers: bool = False
    has_layouts: bool = False
    is_default: bool = True
    environment: tuple[tuple[str, str], ...] = ()
    credentials: Callable[[int, str], Mapping[str, str]] = nobody


def _write(place: Place, document: dict[str, Any]) -> str:
    path = place.directory / "config.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return str(path)


def _common(place: Place, *, cached: bool) -> dict[str, Any]:
    """The configuration that distribution and txregistry both read."""
    storage: dict[str, Any] = {
        "filesystem": {"rootdirectory": str(place.root)},
        "delete": {"enabled": True},
        "maintenance": {"uploadpurging": {"enabled": False}},
    }
    if cached:
        storage["cache"] = {"blobdescriptor": "inmemory"}
    return {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": storage,
        "http": {"addr": f"127.0.0.1:{place.port}", "secret": "of the benchmark"},
    }


VERSION = r"(\d+\.\d+[\w.~-]*)"


def _told(program: str | None, *arguments: str, pattern: str = VERSION) -> str:
    """What a program says of its version."""
    if program is None:
        return "none"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "unknown"


def txregistry(
    name: str,
    title: str,
    workers: int | str,
    *,
    cached: bool,
    default: bool,
    told: bool = False,
    guard: Guard | None = None,
) -> Target:
    """
    Ours.

    :param workers: as in its configuration.
    :param told: whether events are written, for somebody who never gets them.
    :param guard: how it is guarded.
    """
    program = Path(sys.executable).with_name("txregistry")

    def command(place: Place) -> list[str]:
        configuration = {**_common(place, cached=cached), "workers": workers}
        if told:
            configuration["notifications"] = {"endpoints": [NOBODY]}
        if guard is not None:
            configuration |= guard.configuration(place.directory)
        return [str(program), "serve", _write(place, configuration)]

    return Target(
        name=name,
        title=title,
        program=str(program) if program.exists() else None,
        version=lambda: __version__,
        durability="files and directories are synced before an answer",
        command=command,
        has_referrers=True,
        is_default=default,
        credentials=nobody if guard is None else guard.credentials,
    )


def distribution(
    name: str, title: str, component: str, durability: str, *, cached: bool, default: bool
) -> Target:
    """
    A version of distribution.

    :param component: the program's name in the table of components.
    """
    path = components()[component].path()
    program = None if path is None else str(path)

    def command(place: Place) -> list[str]:
        return [str(program), "serve", _write(place, _common(place, cached=cached))]

    return Target(
        name=name,
        title=title,
        program=program,
        version=lambda: _told(program, "--version"),
        durability=durability,
        command=command,
        is_default=default,
        # Otherwise version 3 sends traces to an OpenTelemetry collector that isn't there.
        environment=(("OTEL_TRACES_EXPORTER", "none"),),
    )


def zot() -> Target:
    """
    zot, if it is on the path.
    """
    program = shutil.which("zot")

    def command(place: Place) -> list[str]:
        storage = {"rootDirectory": str(place.root), "gc": False, "commit": True}
        document = {
            "distSpecVersion": "1.1.1",
            "storage": storage,
            "http": {"address": "127.0.0.1", "port": str(place.port)},
            "log": {"level": "error"},
        }
        path = place.directory / "config.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return [str(program), "serve", str(path)]

    return Target(
        name="zot",
        title="zot",
        program=program,
        version=lambda: _told(program, "--version", pattern=r'"commit": ?"([^"]+)"'),
        durability="files are synced (commit: true), directories never",
        command=command,
        has_referrers=True,
        has_layouts=True,
    )


NGINX = """
{user}
worker_processes auto;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=10000;
    default_type application/octet-stream;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} reuseport;
        location = /v2/ {{ return 200; }}
        location ~ ^/v2/.+/(blobs|manifests)/sha256:(..)(.+)$ {{
            alias {root}/docker/registry/v2/blobs/sha256/$2/$2$3/data;
        }}
    }}
}}
"""


def nginx() -> Target:
    """
    Serves the bytes of blobs, and of manifests by their digests, from distribution's tree.
    """
    path = components()["nginx"].path()

    def command(place: Place) -> list[str]:
        configuration = place.directory / "nginx.conf"
        # Started by root its workers would be nobody, who can't read the storage.
        user = "user root;" if os.geteuid() == 0 else ""
        text = NGINX.format(user=user, directory=place.directory, port=place.port, root=place.root)
        configuration.write_text(text, encoding="utf-8")
        return [str(path), "-c", str(configuration), "-p", str(place.directory), "-e", "stderr"]

    return Target(
        name="nginx",
        title="nginx, static files: the limit for reads",
        program=None if path is None else str(path),
        version=lambda: _told(str(path), "-v"),
        durability="stores nothing",
        command=command,
        is_registry=False,
    )


SYNCS_SOME = "files are synced; the directory of a link or manifest too, that of a blob not"
SYNCS_FILES = "files are synced, directories never"


GUARDED = "txregistry, workers: auto, {}"
TOLD = "txregistry, workers: {}, events written"

#: Events for it are written, and wait.
NOBODY = {"name": "nobody", "url": "http://127.0.0.1:9/", "backoff": "1h"}


def targets() -> dict[str, Target]:
    """
    All of them by name, also those that aren't here.
    """
    cached: dict[str, Any] = {"cached": True, "default": True}
    extra: dict[str, Any] = {"cached": True, "default": False}
    bare: dict[str, Any] = {"cached": False, "default": False}
    three, two = "distribution 3", "distribution 2.8 (Debian's docker-registry)"
    all_targets = [
        txregistry("txregistry", "txregistry, workers: auto", "auto", **cached),
        txregistry("txregistry-1", "txregistry, workers: 1", 1, **extra),
        txregistry("txregistry-events", TOLD.format("auto"), "auto", told=True, **extra),
        txregistry("txregistry-1-events", TOLD.format(1), 1, told=True, **extra),
        *(
            txregistry(
                f"txregistry-{guard.name}",
                GUARDED.format(guard.title),
                "auto",
                guard=guard,
                **extra,
            )
            for guard in GUARDS
        ),
        txregistry("txregistry-nocache", "txregistry, workers: auto, no cache", "auto", **bare),
        distribution("distribution", three, "registry", SYNCS_SOME, **cached),
        distribution("distribution-nocache", f"{three}, no cache", "registry", SYNCS_SOME, **bare),
        distribution("debian", two, "docker-registry", SYNCS_FILES, **cached),
        zot(),
        nginx(),
    ]
    return {target.name: target for target in all_targets}


def environment_of(target: Target) -> dict[str, str]:
    """
    The variables for a target: ours without those that distribution reads, and its own.
    """
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("REGISTRY_", "OTEL_"))}
    return {**ours, **dict(target.environment)}


def missing() -> list[str]:
    """
    The names of the targets that aren't on this machine.
    """
    return [t.name for t in targets().values() if t.program is None or not shutil.which(t.program)]
