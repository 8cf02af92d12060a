"""
How well a cluster's seats are used: ``python tools/fleet_schedule.py [COMMITS] [WORKERS]``.

Commits are measured by real workers of Dask on this machine, through the product's own
path, but what measures is asleep: so the figure is that of the schedule, whatever the number
of cores. Times of imports and benchmarks differ by a factor of five, as in real projects.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Stop
from unittest import mock

from agent_perf.config import Config
from agent_perf.fleet import ClusterAddress, open_cluster
from agent_perf.fleet import cluster as room
from agent_perf.records import Tier
from agent_perf.repository import find_repository

IMPORT_S = 0.10
BENCHMARK_S = (0.01, 0.02, 0.03, 0.04, 0.05)
BENCHMARK_COUNT = 8


def sleeping(assignment: bytes) -> int:
    """Tell what a worker would that measures, after sleeping as long as it might take."""
    import time
    import zlib

    import msgspec
    from distributed import get_worker

    from agent_perf.fleet.assignment import Assignment
    from agent_perf.fleet.station import TOPIC
    from agent_perf.records import Failure
    from agent_perf.suite import Event

    wanted = msgspec.json.decode(assignment, type=Assignment)
    draws = bytes.fromhex(wanted.commit)
    names = tuple(f"sleeper.{index}@1" for index in range(BENCHMARK_COUNT))
    told = 0

    def tell(event: Event) -> None:
        nonlocal told
        told += 1
        data = zlib.compress(msgspec.json.encode(event), 1)
        get_worker().log_event(TOPIC, {"part": wanted.part, "event": data})

    time.sleep(IMPORT_S * (1 + draws[0] % 5))
    tell(Event(kind="found", names=names))
    for index, name in enumerate(names):
        tell(Event(kind="started", names=(name,)))
        time.sleep(BENCHMARK_S[draws[1 + index] % 5])
        # What ended is counted, not looked at: a failure is the smallest such event.
        failure = Failure(benchmark=name, commit=wanted.commit, category="raised", message="")
        tell(Event(kind="failed", names=(name,), failure=failure))
    return told


def make_history(root: Path, count: int) -> tuple[str, ...]:
    """Make a repository of *count* commits in *root*, and return them."""
    git = ["git", "-C", str(root)]
    subprocess.run([*git, "init", "--quiet", "--initial-branch=main"], check=True)
    (root / "benchmarks").mkdir()
    (root / "benchmarks" / "__init__.py").touch()
    stream = "".join(
        f"commit refs/heads/main\ncommitter A <a@example.org> {1_700_000_000 + index} +0000\n"
        f"data 1\nx\nM 644 inline file\ndata {len(str(index))}\n{index}\n"
        for index in range(count)
    )
    subprocess.run([*git, "fast-import", "--quiet"], input=stream.encode(), check=True)
    listed = subprocess.run(
        [*git, "rev-list", "--reverse", "main"], capture_output=True, check=True
    )
    return tuple(listed.stdout.decode().split())


def elapsed_s(root: Path, commits: tuple[str, ...], workers: int) -> float:
    """Return how long *workers* processes take for *commits*, without their start."""
    with open_cluster(
        ClusterAddress(worker_count=workers),
        find_repository(root),
        commits,
        Config(),
        jobs=None,
        tell=print,
    ) as cluster:
        while cluster.seat_count < workers:
            time.sleep(0.1)

        def measure(commit: str) -> int:
            events = cluster.measure(
                commit, stored=(), only=(), cpu=None, tier=Tier.CLIENT, stop=Stop()
            )
            return sum(event.kind == "failed" for event in events)

        start_s = time.monotonic()
        with ThreadPoolExecutor(cluster.at_once) as pool:
            told = list(pool.map(measure, commits))
        took_s = time.monotonic() - start_s
    if told != [BENCHMARK_COUNT] * len(commits):
        raise SystemExit(f"benchmarks were lost or told twice: {told}")
    return took_s


def main() -> None:
    """Print how much faster several workers are than one."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(room, "carry_out", sleeping),
    ):
        root = Path(folder)
        commits = make_history(root, count)
        one_s = elapsed_s(root, commits, 1)
        many_s = elapsed_s(root, commits, workers)
    print(f"{count} commits x {BENCHMARK_COUNT} benchmarks, asleep")
    print(f"1 worker {one_s:.1f} s, {workers} workers {many_s:.1f} s: {one_s / many_s:.2f} x")


if __name__ == "__main__":
    main()
