"""
Events that have waited for an endpoint, and reach it at last.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import yaml
from attrs import evolve, frozen

from benchmarks.servers import Server
from benchmarks.targets import Place, Target
from benchmarks.workload import Bench, Measured, Workload
from txregistry.model.digest import Digest
from txregistry.model.event import Event, EventAction, Origin, Source, encode
from txregistry.model.event import Target as About
from txregistry.notifications.directory import OutboxDirectory
from txregistry.notifications.entries import Entry
from txregistry.notifications.store import Store

ROOT = Path(__file__).resolve().parent.parent
NAME = "listener"
AT_ONCE = 1000
MAXSIZE = 1024 * 1024 * 1024


@frozen(kw_only=True)
class Drain(Workload):
    """
    An endpoint that was away is there again.

    :param batch: events in one message.
    """

    unit: str = "events/s"
    targets: Sequence[str] = ("txregistry-1",)
    events: int = 100_000
    batch: int

    def takes(self, target: Target) -> bool:
        return target.name.startswith("txregistry")

    def measure(self, bench: Bench, server: Server, number: int) -> Measured:
        count = bench.scale.count(self.events)
        server.stop()
        fill(server.root / ".txregistry" / "outbox", count)
        command = [sys.executable, "-m", "benchmarks.listener", str(count)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as listener:
            assert listener.stdout is not None
            port = int(listener.stdout.readline())
            server.target = told(server.target, port, self.batch)
            server.start()
            seconds = float(listener.stdout.readline())
            listener.kill()
        return Measured(value=count / max(seconds, 1e-9))


def told(target: Target, port: int, batch: int) -> Target:
    """
    :return: the target, with a listener that it tells of everything.
    """

    def command(place: Place) -> list[str]:
        command = target.command(place)
        path = place.directory / "config.yml"
        endpoint = {"name": NAME, "url": f"http://127.0.0.1:{port}/", "batch": batch}
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document["notifications"] = {"endpoints": [endpoint], "outbox": {"maxsize": MAXSIZE}}
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return command

    return evolve(target, command=command)


def fill(directory: Path, count: int) -> None:
    """
    Put events into an outbox.
    """
    store = Store(OutboxDirectory(str(directory)), [NAME], MAXSIZE)
    store.open()
    for begin in range(0, count, AT_ONCE):
        payloads = [event() for _ in range(min(AT_ONCE, count - begin))]
        store.append([Entry(payload, time.time()) for payload in payloads], durable=False)
    store.close()


def event() -> bytes:
    """
    :return: a push of a manifest, as it is kept.
    """
    digest = Digest.parse(f"sha256:{uuid4().hex}{uuid4().hex}")
    url = f"http://registry.example.com/v2/library/alpine/manifests/{digest}"
    about = About(
        "library/alpine",
        digest=digest,
        media_type="application/vnd.oci.image.manifest.v1+json",
        size=1234,
        url=url,
        tag="latest",
    )
    origin = Origin(str(uuid4()), "192.0.2.1:34567", "registry.example.com", "PUT", "docker/28.1.1")
    source = Source("node-1:5000", str(uuid4()))
    return encode(
        Event(str(uuid4()), time.time_ns(), EventAction.PUSH, about, origin, "ann", source)
    )


DRAINS: list[Workload] = [
    Drain(name="drain-1", title="100,000 events to an endpoint, one by one", batch=1),
    Drain(name="drain-100", title="100,000 events to an endpoint, in hundreds", batch=100),
]
