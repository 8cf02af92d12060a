"""
Finds which micro-benchmarks read given files: ``python -m agent_perf.suite.code_use_worker``.

Each file of benchmarks is imported in a fork of its own, and each benchmark run in a fork
of that: what one has loaded would otherwise not be read again by the next.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from agent_perf.suite.file_watch import FileWatch
from agent_perf.suite.fork import Broken, run_in_fork
from agent_perf.suite.lanes import Item
from agent_perf.suite.microbenchmark import exercise, find, takes_part


@dataclass(frozen=True, slots=True, kw_only=True)
class UseOrder:
    """
    What to find out.

    Attributes:
        root: Folder that holds the benchmark package.
        package: The benchmark package.
        items: Benchmarks to run.
        paths: As for FileWatch.
        folders: Likewise.
        time_limit_s: Real seconds for one benchmark.
    """

    root: str
    package: str
    items: tuple[Item, ...]
    paths: frozenset[str]
    folders: frozenset[str]
    time_limit_s: float


def main() -> None:
    """Answer the order on standard input with the names of the benchmarks that use the files."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=UseOrder)
    channel.write(msgspec.json.encode(_users(order)))
    channel.close()


def _users(order: UseOrder) -> list[str]:
    found: list[str] = []
    by_module = sorted(order.items, key=lambda one: one.module)
    for _, items in groupby(by_module, key=lambda one: one.module):
        names = [item.name for item in items]
        answer = run_in_fork(
            partial(_users_of_file, order, names),
            time_limit_s=order.time_limit_s * (len(names) + 1),
        )
        # What breaks here is measured, and tells there why.
        found += names if isinstance(answer, Broken) else msgspec.json.decode(answer)
    return found


def _users_of_file(order: UseOrder, names: list[str]) -> bytes:
    """Return the names of those that use the files, as JSON."""
    watch = FileWatch(order.paths, order.folders)
    benchmarks = find(Path(order.root), order.package, tuple(names), takes_part)
    if watch.has_seen:
        return msgspec.json.encode(names)
    # The watchdog's thread is not in the forks, and they would wait for its end for ever.
    faulthandler.cancel_dump_traceback_later()
    # Forking is our own doing.
    watch.pause(until_resumed=True)
    return msgspec.json.encode(
        [name for name in names if _is_user(benchmarks[name], watch, order.time_limit_s)]
    )


def _is_user(benchmark: Any, watch: FileWatch, time_limit_s: float) -> bool:
    def run() -> bytes:
        watch.pause(until_resumed=False)
        exercise(benchmark)
        return b"1" if watch.has_seen else b"0"

    return run_in_fork(run, time_limit_s=time_limit_s) != b"0"


if __name__ == "__main__":
    main()
