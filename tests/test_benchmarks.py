"""
The benchmarks work: each workload is done once, at a tiny size, and no figure is held to anything
but that it can be one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import product
from pathlib import Path
from xml.dom import minidom

import attrs
import pytest

from benchmarks import chart, generator, layouts, report, table
from benchmarks.__main__ import main
from benchmarks.generator import Generator, LoadFailed
from benchmarks.guards import GUARDS, Guard
from benchmarks.plans import Request
from benchmarks.pushes import by_chunks
from benchmarks.results import Outcome, Results, Round, results_from
from benchmarks.rounds import Rounds
from benchmarks.servers import Server
from benchmarks.sizes import MIB, Scale
from benchmarks.stores import LIBRARY, Stores
from benchmarks.targets import Target, targets
from benchmarks.trees import Repository
from benchmarks.workload import Bench
from benchmarks.workloads import WORKLOADS
from tests.components.table import components

SCALE = Scale(0.002)

OURS = "txregistry-1"

#: Workloads in which no client asks for anything.
NO_REQUESTS = ("start", "idle-memory", "drain-1", "drain-100")


@pytest.fixture(scope="module")
def bench(component: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """
    What workloads work with, at a tiny size.
    """
    component("cc")
    directory = tmp_path_factory.mktemp("bench")
    return Bench(
        generator=Generator(generator.build(directory)),
        stores=Stores(directory, SCALE),
        scale=SCALE,
        directory=directory,
    )


def measured(bench: Bench, workload: str, target: Target) -> Outcome:
    """
    Do one round of one workload with one target.
    """
    return Rounds(bench=bench, rounds=1, warm_up=0).measure(WORKLOADS[workload], [target])


class WorkloadTests:
    """
    Each workload, with our registry.
    """

    @pytest.mark.parametrize("name", WORKLOADS)
    def test_gives_figures(self, bench: Bench, name: str) -> None:
        """
        A round has a value, memory that a Python process has, and requests that were answered.
        """
        outcome = measured(bench, name, targets()[OURS])
        assert not outcome.failures
        [only] = outcome.rounds[OURS]
        assert only.value > 0
        assert 10e6 < only.peak < 1e9
        assert 0 < only.proportional <= only.peak
        assert only.cpu >= 0
        assert name in NO_REQUESTS or (only.requests > 0 and only.p99 > 0)

    @pytest.mark.parametrize(
        ("workload", "name"),
        [
            *product(["get-1k", "push-stream", "tags-all"], ["distribution", "debian"]),
            ("get-1k", "nginx"),
            ("get-manifest-digest", "nginx"),
        ],
    )
    def test_others_can_do_it(
        self, bench: Bench, component: Callable[..., Path], workload: str, name: str
    ) -> None:
        """
        The others serve the same trees, and take the same pushes.
        """
        component({"distribution": "registry", "debian": "docker-registry"}.get(name, name))
        outcome = measured(bench, workload, targets()[name])
        assert not outcome.failures
        assert outcome.rounds[name][0].value > 0

    @pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
    def test_guarded(self, bench: Bench, guard: Guard) -> None:
        """
        Where the registry is guarded, somebody who may is measured.
        """
        name = f"txregistry-{guard.name}"
        outcome = measured(bench, "head-blob", targets()[name])
        assert not outcome.failures
        assert outcome.rounds[name][0].requests > 0

    def test_failing_target_stops_nobody(self, bench: Bench) -> None:
        """
        A target that doesn't start is left out, and it is said why.
        """
        broken = attrs.evolve(targets()[OURS], name="broken", command=lambda _: ["false"])
        rounds = Rounds(bench=bench, rounds=1, warm_up=0)
        outcome = rounds.measure(WORKLOADS["get-1k"], [broken, targets()[OURS]])
        assert "didn't start" in outcome.failures["broken"]
        assert outcome.median("broken") is None
        assert outcome.median(OURS)


class GeneratorTests:
    """
    The load generator.
    """

    @pytest.fixture
    def server(self, bench: Bench, tmp_path: Path) -> Server:
        """
        Our registry, with the library in it, not yet started.
        """
        return Server(targets()[OURS], tmp_path, bench.stores.library.root)

    def test_counts(self, bench: Bench, server: Server) -> None:
        """
        Each job is done once, by as many clients as there are, and all bytes are counted.
        """
        library = bench.stores.library
        one = [Request("GET", f"/v2/{LIBRARY}/blobs/{library.small[0].digest}")]
        two = [*one, Request("HEAD", f"/v2/{LIBRARY}/blobs/{library.medium[0].digest}")]
        try:
            server.start()
            load = bench.run(server, [one, two, two], clients=2)
        finally:
            server.stop()
        assert (load.jobs, load.requests, load.received) == (3, 5, 3 * 1024)
        assert 0 < load.request_times.p50 <= load.request_times.p99 <= load.request_times.max
        assert load.request_times.max <= load.seconds

    def test_follows_pages(self, bench: Bench, server: Server) -> None:
        """
        A request for a list goes on along the links until there is no next page.
        """
        first = Request("GET", f"/v2/{LIBRARY}/tags/list?n=30", follows=True)
        try:
            server.start()
            load = bench.run(server, [[first]])
        finally:
            server.stop()
        assert (load.jobs, load.requests) == (1, 4)

    def test_wrong_answer_is_a_failure(self, bench: Bench, server: Server) -> None:
        """
        An answer with another status than the plan's ends the run, and is told.
        """
        try:
            server.start()
            with pytest.raises(LoadFailed, match=r"GET /v2/no/tags/list: 404, not 200: .*NAME"):
                bench.run(server, [[Request("GET", "/v2/no/tags/list")]])
        finally:
            server.stop()

    def test_nobody_there_is_a_failure(self, bench: Bench, server: Server) -> None:
        """
        So does a server that isn't there.
        """
        with pytest.raises(LoadFailed, match="connect"):
            bench.run(server, [[Request("GET", "/v2/")]])


class PushTests:
    """
    What is sent for a push.
    """

    def test_chunks_cover_the_blob(self) -> None:
        """
        Chunks of 8 MiB, the last one shorter, follow each other.
        """
        begin, *patches, finish = by_chunks("a", "sha256:00", 20 * MIB)
        assert (begin.method, finish.target) == ("POST", "@digest=sha256:00")
        ranges = [patch.headers["Content-Range"] for patch in patches]
        assert ranges == ["0-8388607", "8388608-16777215", "16777216-20971519"]
        assert [patch.body.length for patch in patches if patch.body] == [8 * MIB, 8 * MIB, 4 * MIB]


class LayoutTests:
    """
    Storage for registries that keep OCI image layouts.
    """

    def test_has_all_of_the_tree(self, tmp_path: Path) -> None:
        """
        Each repository is a layout with its blobs, its tags and its untagged manifests.
        """
        repository = Repository(tmp_path / "tree", "a/b")
        blob = repository.add_blob(b"blob")
        tagged = repository.add_manifest(b"{}")
        untagged = repository.add_manifest(b"{ }")
        repository.add_tag("v1", tagged.digest)
        layout = layouts.converted(tmp_path / "tree") / "a/b"
        index = json.loads((layout / "index.json").read_text(encoding="utf-8"))
        found = {entry["digest"]: entry.get("annotations") for entry in index["manifests"]}
        assert found == {tagged.digest: {layouts.REFERENCE_NAME: "v1"}, untagged.digest: None}
        for descriptor in (blob, tagged, untagged):
            path = layouts.blob_path(layout.parent.parent, "a/b", descriptor.digest)
            assert path.stat().st_size == descriptor.size


def made_up(ours: float, theirs: float) -> Results:
    """
    Results of two workloads, one with a goal to be reached by a ratio, one with a limit.
    """

    def rounds(value: float) -> list[Round]:
        return [Round(value=v, cpu=1, peak=2, proportional=1) for v in (value, value * 9, 0)]

    about = {"title": "a registry", "version": "1.0", "durability": "all is synced"}
    flood = Outcome(
        name="flood",
        title="a flood",
        unit="requests/s",
        more_is_better=True,
        required={"distribution": 2},
        limit={},
        rounds={"txregistry": rounds(ours), "distribution": rounds(theirs)},
        failures={"debian": "it ended"},
    )
    wait = attrs.evolve(
        flood,
        name="wait",
        title="a wait",
        unit="s",
        more_is_better=False,
        required={},
        limit={"txregistry": 5, "txregistry-1": 4},
        rounds={**flood.rounds, "txregistry-1": rounds(3)},
        failures={},
    )
    machine = dict.fromkeys(
        ("date", "processor", "cores", "memory", "kernel", "filesystem", "python"),
        "of this machine",
    )
    return Results(
        machine=machine,
        settings={"rounds": 3, "scale": 1.0},
        targets=dict.fromkeys(("txregistry", "txregistry-1", "distribution", "debian"), about),
        outcomes=[flood, wait],
    )


class ReportTests:
    """
    What is made of figures.
    """

    def test_tells_medians_ratios_and_goals(self) -> None:
        """
        A row has medians, how many times better ours is, and what it must be.
        """
        head, *rows = table.main_table(made_up(ours=6, theirs=2))
        assert head[:5] == ["workload", "unit", "txregistry", "distribution", "debian"]
        assert rows == [
            ["a flood", "requests/s", "6", "2", "failed", "3.00 x", "-", "2 x distribution"],
            ["a wait", "s", "6 !", "2", "-", "0.33 x", "-", "5 s"],
            ["a wait, 1 worker", "s", "3", "2", "-", "0.67 x", "-", "4 s"],
        ]

    def test_marks_what_is_not_reached(self) -> None:
        """
        A ratio below the goal is marked.
        """
        assert table.main_table(made_up(ours=3, theirs=2))[1][5] == "1.50 x !"

    def test_json_goes_both_ways(self) -> None:
        """
        Results that were written as JSON are read as they were.
        """
        results = made_up(6, 2)
        assert results_from(json.loads(json.dumps(results.document()))) == results

    def test_chart_is_a_drawing(self) -> None:
        """
        The chart is XML with a bar for each target that is compared.
        """
        drawing = minidom.parseString(chart.draw(made_up(6, 2)))
        fills = [bar.getAttribute("fill") for bar in drawing.getElementsByTagName("rect")]
        assert fills.count(chart.COLOURS["txregistry"]) == 3  # two, and that of the legend

    def test_page_has_places_for_all(self) -> None:
        """
        The page of the documentation takes a run's figures, again and again.
        """
        page = report.DOCUMENT.read_text(encoding="utf-8")
        once = report.filled(page, made_up(6, 2))
        assert "| a flood | requests/s | 6 | 2 |" in once
        assert report.filled(once, made_up(6, 2)) == once

    def test_page_without_a_place_is_an_error(self) -> None:
        """
        A page that has no place for the figures is not taken.
        """
        with pytest.raises(ValueError, match="there is no <!-- begin"):
            report.filled("# Benchmarks", made_up(6, 2))


class CommandTests:
    """
    ``python -m benchmarks``.
    """

    def test_lists(self, capsys: pytest.CaptureFixture[str]) -> None:
        """
        ``--list`` names workloads and targets.
        """
        assert main(["--list"]) == 0
        told = capsys.readouterr().out
        assert all(name in told for name in [*WORKLOADS, *targets()])

    def test_measures_and_cleans_up(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], component: Callable[..., Path]
    ) -> None:
        """
        It prints a table, writes JSON and a chart, and leaves nothing else.
        """
        component("cc")
        output = tmp_path / "results.json"
        words = ["--only", "get-1k", "--targets", OURS, "--rounds", "1", "--scale", "0.002"]
        where = ["--directory", str(tmp_path), "--output", str(output)]
        assert main([*words, *where]) == 0
        results = results_from(json.loads(output.read_text(encoding="utf-8")))
        assert results.outcomes[0].median(OURS)
        assert "GET blob of 1 KiB, 1 worker" in capsys.readouterr().out
        assert sorted(os.listdir(tmp_path)) == ["results.json", "results.svg"]

    def test_unknown_name_is_told(self) -> None:
        """
        A workload that isn't there is an error.
        """
        with pytest.raises(SystemExit, match="nothing is called speed"):
            main(["--only", "speed"])


def test_components_are_in_the_table() -> None:
    """
    What the Makefile has installed for the benchmarks are components.
    """
    assert {"cc", "nginx", "docker-registry", "registry"} <= set(components())
