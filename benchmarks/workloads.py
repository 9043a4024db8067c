"""
All workloads, in the order of the table.
"""

from __future__ import annotations

from benchmarks.daemons import DAEMON_COSTS
from benchmarks.drains import DRAINS
from benchmarks.lists import LISTS
from benchmarks.others import OTHERS
from benchmarks.pushes import PUSHES
from benchmarks.reads import READS
from benchmarks.workload import Workload

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in [*READS, *PUSHES, *LISTS, *OTHERS, *DRAINS, *DAEMON_COSTS]
}
