"""
Measure how long histories take: made up, read from a results folder of asv, and analysed.

Run as ``python tools/history_scale.py [--commits 10000] [--benchmarks 1000]`` from the top
folder. The folder that it makes has a file per commit, 2.7 GB in all at that size, and is kept
if ``--folder`` names it: the next run then only reads.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import psutil
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from agent_perf.history import History, Track, find_changes, read_asv_history
from agent_perf.records import Evidence, Findings
from agent_perf.repository import Commit
from agent_perf.units import MIB

CHANGES_MAX = 20
NOISE = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Wall and CPU seconds of this process and its children, and the most memory of all."""

    wall_s: float
    cpu_s: float
    rss_bytes: int


class Meter:
    """Watches this process and its children while it is entered."""

    def __enter__(self) -> Self:
        self._stopped = threading.Event()
        self._rss_bytes = 0
        self._thread = threading.Thread(target=self._watch)
        self._start = time.perf_counter(), _cpu_s()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        wall, cpu = self._start
        self._stopped.set()
        self._thread.join()
        self.cost = Cost(
            wall_s=time.perf_counter() - wall, cpu_s=_cpu_s() - cpu, rss_bytes=self._rss_bytes
        )

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stopped.wait(0.2):
            total = me.memory_info().rss
            for child in me.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self._rss_bytes = max(self._rss_bytes, total)


def _cpu_s() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def make_levels(benchmark: int, commits: int) -> NDArray[np.float64]:
    """Return the level of a benchmark at each commit, with up to 20 changes."""
    draws = np.random.default_rng((1, benchmark))
    level = np.full(commits, float(draws.uniform(1e-6, 1e-1)))
    # Commits that change something change several benchmarks.
    culprits = np.random.default_rng(0).integers(0, commits, 4 * CHANGES_MAX)
    for place in draws.choice(culprits, draws.integers(0, CHANGES_MAX + 1), replace=False):
        level[place:] *= draws.choice([0.8, 0.9, 0.95, 1.05, 1.1, 1.2, 1.3])
    return level


def make_values(benchmarks: int, commits: int) -> NDArray[np.float64]:
    """Return a row of noisy values for each benchmark; one in a hundred is an outlier."""
    values = np.empty((benchmarks, commits))
    for benchmark in range(benchmarks):
        draws = np.random.default_rng((2, benchmark))
        noise = draws.normal(0, NOISE, commits)
        noise += (draws.random(commits) < 0.01) * draws.uniform(0.1, 0.7, commits)
        values[benchmark] = make_levels(benchmark, commits) * np.exp(noise)
    return values


def make_history(values: NDArray[np.float64]) -> History:
    """Return *values* as a history in memory."""
    return History(
        commits=tuple(
            Commit(id=f"{place:040x}", subject="", time_s=place) for place in range(values.shape[1])
        ),
        tracks=tuple(
            Track(
                benchmark=f"suite.time_{row}",
                metric="time",
                unit="s",
                evidence=Evidence.SAMPLED,
                home="",
                edition="v1",
                values=values[row],
            )
            for row in range(values.shape[0])
        ),
    )


def write_folder(values: NDArray[np.float64], folder: Path) -> None:
    """Write *values* as asv would: a file per commit, with all the statistics it keeps."""
    machine = folder / "machine"
    machine.mkdir(parents=True, exist_ok=True)
    names = [
        f"suite_{row % 40:02}.Class{row % 7}.time_benchmark_{row}" for row in range(len(values))
    ]
    entries = ", ".join(
        f'"{name}": {{"name": "{name}", "type": "time", "unit": "seconds"}}' for name in names
    )
    (folder / "benchmarks.json").write_text(f'{{{entries}, "version": 2}}')
    columns = (
        '["result", "params", "version", "started_at", "duration", "stats_ci_99_a", '
        '"stats_ci_99_b", "stats_q_25", "stats_q_75", "stats_number", "stats_repeat"]'
    )
    version = "a" * 64
    for place in range(values.shape[1]):
        rows = ", ".join(
            f'"{name}": [[{value!r}], [], "{version}", 1700000000000, 1.234, [{value * 0.98:.5g}], '
            f"[{value * 1.02:.5g}], [{value * 0.99:.5g}], [{value * 1.01:.5g}], [10], [10]]"
            for name, value in zip(names, values[:, place].tolist(), strict=True)
        )
        (machine / f"{place:08x}-virtualenv-py3.11.json").write_text(
            f'{{"commit_hash": "{place:040x}", "env_name": "virtualenv-py3.11", '
            f'"date": {1_600_000_000_000 + place * 3_600_000}, "params": {{"machine": "machine", '
            f'"cpu": "made up"}}, "python": "3.11", "requirements": {{}}, "env_vars": {{}}, '
            f'"result_columns": {columns}, "results": {{{rows}}}, "durations": {{}}, "version": 2}}'
        )


def main() -> None:
    """Make, read and analyse a history, and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=10_000)
    parser.add_argument("--benchmarks", type=int, default=1_000)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--folder", type=Path, help="Keep the results folder, or read it if there.")
    options = parser.parse_args()
    print(f"{options.benchmarks:,} benchmarks x {options.commits:,} commits")
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        with Meter() as making:
            values = make_values(options.benchmarks, options.commits)
            if not (folder / "benchmarks.json").is_file():
                write_folder(values, folder)
        _tell("make", making.cost)
        with Meter() as reading:
            read = read_asv_history(folder, jobs=options.jobs)
        _tell("read from asv's files", reading.cost)
    with Meter() as finding:
        findings = find_changes(read, jobs=options.jobs)
    _tell("analyse those", finding.cost)
    history = make_history(values)
    with Meter() as in_memory:
        again = find_changes(history, jobs=options.jobs)
    _tell("analyse from memory", in_memory.cost)
    for label, one in (("from files", findings), ("from memory", again)):
        print(f"{label}: {_summary(one)}")


def _tell(what: str, cost: Cost) -> None:
    print(
        f"{what}: {cost.wall_s:.1f} s, {cost.cpu_s:.1f} CPU-s, at most "
        f"{cost.rss_bytes / MIB:,.0f} MiB, all processes together"
    )


def _summary(findings: Findings) -> str:
    changes = sum(len(event.changes) for event in findings.events)
    return f"{changes:,} changes at {len(findings.events):,} commits, {len(findings.trends)} trends"


if __name__ == "__main__":
    main()
