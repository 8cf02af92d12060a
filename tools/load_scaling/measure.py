"""
How much more do two workers of `load --url` send than one?

    python tools/load_scaling/measure.py [ROUNDS]

Users in a closed loop without a pause ask a service that is as cheap as Python can make it, so
that the workers are the limit. Rounds of one and of two workers take turns, for the machine is not
equally busy all the time; the ratio is that of the medians. Told besides is the CPU time that a
request costs each process: from it follows the ratio on two cores that nobody else uses, where
workers, service and the process that listens share what there is.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from agent_perf.config import NamedRequest
from agent_perf.live.load import LiveTarget, Progress, run_live_load
from agent_perf.load import Closed

USERS_EACH = 8
FOR_S = 5.0
US = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One load: requests per second, and CPU seconds per request of each process."""

    rate_hz: float
    worker_s: float
    service_s: float
    listener_s: float


def one_round(url: str, service: psutil.Process, workers: int) -> Round:
    """Return what *workers* come to."""
    ends: list[float] = []

    def look(progress: Progress) -> None:
        if progress.is_over:
            ends.append(time.process_time())

    target = LiveTarget(url=url, requests={"ok": NamedRequest()}, weights={"ok": 1})
    shape = Closed(users=USERS_EACH * workers, for_s=FOR_S)
    before_s, service_s = time.process_time(), sum(service.cpu_times()[:2])
    run = run_live_load(target, shape, workers=workers, progress=Progress(looked=look))
    assert run.live is not None
    assert not run.errors, run.first_failure
    used_s = sum(run.live.worker_cpu_ratio) * run.duration_ns / 1e9
    return Round(
        rate_hz=run.throughput_hz,
        worker_s=used_s / run.offered,
        service_s=(sum(service.cpu_times()[:2]) - service_s) / run.offered,
        listener_s=(ends[0] - before_s) / run.offered,
    )


def main() -> None:
    """Measure, and print what came of it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    server = Path(__file__).with_name("cheap_server.py")
    process = subprocess.Popen([sys.executable, str(server)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        service = psutil.Process(process.pid)
        rounds: dict[int, list[Round]] = {1: [], 2: []}
        print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
        for number in range(count):
            # In the order 1 2, 2 1, 1 2: a machine that gets busier favours neither.
            for workers in (1, 2) if number % 2 == 0 else (2, 1):
                done = one_round(url, service, workers)
                rounds[workers].append(done)
                print(
                    f"{workers} workers {done.rate_hz:8,.0f}/s; CPU per request: worker "
                    f"{done.worker_s * US:4.0f} us, service {done.service_s * US:3.0f} us, "
                    f"listener {done.listener_s * US:3.0f} us"
                )
    finally:
        process.kill()
        process.communicate()
    one, two = (statistics.median(each.rate_hz for each in rounds[n]) for n in (1, 2))
    cost = [
        statistics.median(getattr(each, name) for each in rounds[2])
        for name in ("worker_s", "service_s", "listener_s")
    ]
    print(f"two workers to one, medians of {count}: {two / one:.2f}")
    print(f"by CPU time, on two cores of our own:  {2 * cost[0] / sum(cost):.2f}")
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
