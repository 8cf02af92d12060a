"""
Runs one benchmark in a fork, and samples what the fork takes.
"""

from __future__ import annotations

import resource
import struct
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from agent_perf import codec
from agent_perf.measure import ResourceSampler
from agent_perf.records import ResourceRun, Run
from agent_perf.suite.fork import Broken, run_in_fork

_ACCOUNT: Final = struct.Struct("<dq")
"""CPU seconds of the run alone, and the largest resident set of its process in bytes."""


def run_watched(
    run: Callable[[], Run], *, name: str, interval_s: float, time_limit_s: float
) -> tuple[Run, ResourceRun] | Broken:
    """
    Return what *run* returns from a process of its own, and what that took.

    CPU seconds are those of *run* by the process's own clock, so that neither the fork nor
    a short run's ticks blur them; memory begins with what was imported before.

    Args:
        run: Runs in the fork; what it raises comes back as Broken.
        name: As in ResourceRun.
        interval_s: As for ResourceSampler.
        time_limit_s: As for run_in_fork.
    """
    samplers: list[ResourceSampler] = []

    def beside(pid: int) -> AbstractContextManager[object]:
        samplers.append(ResourceSampler(pid, name=name, interval_s=interval_s))
        return samplers[0]

    answer = run_in_fork(lambda: _accounted(run), time_limit_s=time_limit_s, beside=beside)
    if isinstance(answer, Broken):
        return answer
    cpu_s, high_bytes = _ACCOUNT.unpack_from(answer)
    found = codec.load_run(answer[_ACCOUNT.size :], f"worker: {name}")
    took = samplers[0].result(
        end="exit 0",
        cpu_account_s=cpu_s,
        memory_high_bytes=high_bytes,
        commit=found.commit,
        requests=len(found.latency_ns) or None,
    )
    return found, took


def _accounted(run: Callable[[], Run]) -> bytes:
    start_s = time.process_time()
    found = run()
    cpu_s = time.process_time() - start_s
    told = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    high_bytes = told if sys.platform == "darwin" else told * 1024
    return _ACCOUNT.pack(cpu_s, high_bytes) + codec.dump_run(found)
