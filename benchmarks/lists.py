"""
Lists: tags, repositories, referrers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from benchmarks.plans import Job, Request
from benchmarks.servers import Server
from benchmarks.stores import MANY_TAGS, SOME_TAGS, SUBJECT, Large
from benchmarks.targets import Target
from benchmarks.workload import Bench, Measured, Workload

SECONDS = 3.0


@frozen(kw_only=True)
class Lists(Workload):
    """
    Pages of lists, asked for again and again.

    :param jobs: the requests for them.
    :param timed: the value is the median time of a job in ms, not the number of them per second.
    :param referrers: only registries that list referrers can do it.
    """

    jobs: Callable[[Large], Sequence[Job]]
    timed: bool = True
    unit: str = "ms"
    more_is_better: bool = False
    clients: int = 1
    referrers: bool = False

    def takes(self, target: Target) -> bool:
        return super().takes(target) and (target.has_referrers or not self.referrers)

    def root(self, bench: Bench, own: Path) -> Path:
        return bench.stores.large.root

    def measure(self, bench: Bench, server: Server, number: int) -> Measured:
        jobs = self.jobs(bench.stores.large)
        bench.run(server, jobs)  # once, for what is asked again
        seconds = bench.scale.seconds(SECONDS)
        load = bench.run(server, jobs, clients=self.clients, seconds=seconds)
        value = load.job_times.p50 * 1000 if self.timed else load.jobs / load.seconds
        return Measured(value=value, load=load)


def some_tags(_: Large) -> Sequence[Job]:
    """
    The first 1,000 of 2,000 tags.
    """
    return [[Request("GET", f"/v2/{SOME_TAGS}/tags/list?n=1000")]]


def page_of_tags(large: Large) -> Sequence[Job]:
    """
    100 tags from the middle of 100,000.
    """
    last = large.tags[len(large.tags) // 2]
    return [[Request("GET", f"/v2/{MANY_TAGS}/tags/list?n=100&last={last}")]]


def all_tags(_: Large) -> Sequence[Job]:
    """
    All 100,000 tags, in one answer or in pages, as the registry likes.
    """
    return [[Request("GET", f"/v2/{MANY_TAGS}/tags/list", follows=True)]]


def catalog(_: Large) -> Sequence[Job]:
    """
    The first 100 of 10,000 repositories.
    """
    return [[Request("GET", "/v2/_catalog?n=100")]]


def referrers(large: Large) -> Sequence[Job]:
    """
    The first page of 10,000 referrers.
    """
    return [[Request("GET", f"/v2/{SUBJECT}/referrers/{large.subject.digest}")]]


LISTS: list[Workload] = [
    Lists(
        name="tags-1000",
        title="tags: 1,000 of 2,000, 8 clients",
        jobs=some_tags,
        timed=False,
        more_is_better=True,
        unit="pages/s",
        clients=8,
        required={"distribution": 5},
    ),
    Lists(
        name="tags-page",
        title="tags: page of 100 of 100,000, asked again",
        jobs=page_of_tags,
        required={"distribution": 10},
    ),
    Lists(
        name="tags-all",
        title="tags: all 100,000",
        jobs=all_tags,
        required={"distribution": 2},
    ),
    Lists(
        name="catalog",
        title="catalog: page of 100 of 10,000",
        jobs=catalog,
        required={"distribution": 1},
    ),
    Lists(
        name="referrers",
        title="referrers: first page of 10,000",
        jobs=referrers,
        referrers=True,
    ),
]
