"""
Measures what operations cost in CPU time at tier ``live``: on real sockets, with real services.

There the scenario's hosts and models live in the process, and their work delays it as well. So
nothing is taken off: it is what a run in real time spends, kernel and hosts included.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Final

from agent_perf.measure import Recorder
from agent_perf.records import Tier
from agent_perf.sim import CpuCosts, Draws, SimLoop
from agent_perf.suite.calibration import (
    BIG_KIB,
    COUNTED_CALLS_MAX,
    OPERATIONS,
    PIPELINE_COMMANDS,
    TOKENS,
    Open,
    Sample,
    Sampling,
    json_ns_per_kib,
)
from agent_perf.suite.live_world import LiveWorld
from agent_perf.suite.pace import run_in_time

LIVE_SAMPLING: Final = Sampling(rounds=5, calls=20)
"""Models take their time in real time: so many calls take a minute."""

_LIMIT_S: Final = 600.0


def calibrate_live(
    sampling: Sampling = LIVE_SAMPLING,
    tell: Callable[[str, Sample], None] = lambda *_: None,
    *,
    ns_per_call: int,
) -> CpuCosts:
    """
    Return what operations cost on this machine in real time.

    Services are found as for tier ``live``: where the environment says, or started for it.

    Args:
        sampling: How much is measured.
        tell: As in calibrate.
        ns_per_call: Of a Python function; nobody counts calls in real time.

    Raises:
        UsageError: If there is no Redis or PostgreSQL, or the one that was named is in use.
    """
    ns: dict[str, int] = {}
    counts: dict[str, Mapping[str, int]] = {}
    for name, open_operation in OPERATIONS.items():
        sample, counts[name] = _sample(name, open_operation, sampling)
        ns[name] = sample.client_ns
        tell(name, sample)
    command = max(0, ns["redis pipeline"] - ns["redis get"]) // (PIPELINE_COMMANDS - 1)
    return CpuCosts(
        ns={
            # A statement's connection is rolled back when it is given back: that counts, too.
            "db_statements": ns["db statement"] // max(1, counts["db statement"]["db_statements"]),
            "http_requests": ns["http request"],
            "llm_calls": max(0, ns["llm call"] - ns["http request"]),
            "llm_tokens_out": max(0, ns["llm long"] - ns["llm short"]) // (TOKENS[1] - TOKENS[0]),
            "redis_commands": command,
            "redis_trips": max(0, ns["redis get"] - command),
        },
        ns_per_kib={
            "bytes_received": max(0, ns["redis get big"] - ns["redis get"]) // BIG_KIB,
            "bytes_sent": max(0, ns["redis set big"] - ns["redis get"]) // BIG_KIB,
            "json": json_ns_per_kib(sampling),
        },
        ns_per_call=ns_per_call,
        source=(
            f"{platform.machine()}, {platform.python_implementation()} "
            f"{platform.python_version()}; tier live, hosts and models included; least of "
            f"{sampling.rounds} rounds of {sampling.calls} calls"
        ),
    )


def _sample(
    name: str, open_operation: Open, sampling: Sampling
) -> tuple[Sample, Mapping[str, int]]:
    """Return what a call of an operation takes, and how much work of which kind it is."""

    async def main(loop: SimLoop) -> tuple[Sample, Mapping[str, int]]:
        recorder = _Tally(lambda: loop.now_ns, lambda: -1)
        found = []
        with closing(LiveWorld(loop, Draws(1), recorder)) as world:
            async with open_operation(world) as call:
                for _ in range(min(sampling.calls, COUNTED_CALLS_MAX)):
                    await call()
                recorder.totals.clear()
                for _ in range(sampling.rounds):
                    begin_ns = time.process_time_ns()
                    for _ in range(sampling.calls):
                        await call()
                    found.append((time.process_time_ns() - begin_ns) // sampling.calls)
                # What a call leaves to be done is done.
                await asyncio.sleep(0)
                counts = dict(recorder.totals)
        calls = sampling.rounds * sampling.calls
        # All of it is charged for: no share is taken off.
        sample = Sample(cpu_ns=tuple(found), call_count=1, priced_count=1)
        return sample, Counter({key: round(total / calls) for key, total in counts.items()})

    return run_in_time(
        main, tier=Tier.LIVE, whose=name, seed=1, limit_s=_LIMIT_S, executor="refuse"
    )


class _Tally(Recorder):
    """
    A recorder that also adds up.

    Attributes:
        totals: Work count to its amount.
    """

    def __init__(self, now_ns: Callable[[], int], request_id: Callable[[], int]) -> None:
        self.totals: Counter[str] = Counter()
        super().__init__(now_ns, request_id)

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        """As in Recorder."""
        super().count(name, amount, detail)
        self.totals[name] += amount
