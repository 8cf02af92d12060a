"""
The process that runs scenarios under a log: ``python -m agent_perf.suite.selftest.worker``.

It reads one order from standard input and writes one report per line.
"""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import msgspec

from agent_perf import codec
from agent_perf.errors import AgentPerfError
from agent_perf.records import Tier
from agent_perf.scrubbing import harmless
from agent_perf.sim import CpuMode
from agent_perf.stats import summarize
from agent_perf.suite.catalog import is_wanted, load_catalog
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.fork import run_in_fork
from agent_perf.suite.rehearsal import import_early
from agent_perf.suite.runner import run_scenario
from agent_perf.suite.selftest.asking import told_of_asking
from agent_perf.suite.selftest.log import Entry, StepLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What a worker is to do.

    Attributes:
        root: Folder that holds the benchmark package.
        package: The benchmark package, relative to *root*.
        only: Patterns of benchmark or scenario names; empty: all.
        loads: How many loads of each scenario, the largest first; 0: all.
        imports: As in the measuring worker's order.
        time_limit_s: Real seconds for one benchmark.
        tier: How much of the real code runs.
        cpu: What CPU time is charged for; None: as each scenario says.
        junk_seed: As in Surroundings.
        gc_threshold: Likewise.
        keep: Stretch of the log to send.
        tie_seed: Order of timers that are due at one instant; None: as scheduled.
    """

    root: str
    package: str
    only: tuple[str, ...] = ()
    loads: int = 0
    imports: tuple[str, ...] = ()
    time_limit_s: float
    tier: Tier = Tier.CLIENT
    cpu: CpuMode | None = None
    junk_seed: int = 0
    gc_threshold: int = 700
    keep: tuple[int, int] = (0, 0)
    tie_seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    What became of one benchmark, or of the package if it has no name.

    Attributes:
        benchmark: Its name.
        error: Why there is no result, for people; an error may diverge, too.
        broken: Whether the fault is not the scenario's: a crash, the time limit, an import.
        result_digest: Of the whole run.
        checkpoints: As in StepLog.
        count: Entries of the log.
        entries: Those that were asked for.
        metrics: What the run came to.
        imports: Modules that are imported late; with the empty name.
    """

    benchmark: str
    error: str = ""
    broken: bool = False
    result_digest: str = ""
    checkpoints: tuple[str, ...] = ()
    count: int = 0
    entries: tuple[Entry, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    imports: tuple[str, ...] = ()

    def same_as(self, other: Report) -> bool:
        """Return True if both went the same way, step by step, and came to the same."""
        return (self.error, self.result_digest, self.checkpoints) == (
            other.error,
            other.result_digest,
            other.checkpoints,
        )


def main() -> None:
    """Carry out the order on standard input."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    junk = _junk(order)
    # What the code under test prints must not get among the reports.
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def tell(report: Report) -> None:
        channel.write(msgspec.json.encode(report) + b"\n")
        channel.flush()

    try:
        _carry_out(order, tell)
    except AgentPerfError as error:
        tell(Report(benchmark="", error=harmless(str(error)), broken=True))
    junk.clear()


def _junk(order: Order) -> list[object]:
    """Allocate this and that, free half of it, and return the rest."""
    gc.set_threshold(order.gc_threshold)
    if not order.junk_seed:
        return []
    dice = random.Random(order.junk_seed)
    junk: list[object] = [bytearray(dice.randrange(1, 3000)) for _ in range(dice.randrange(20_000))]
    junk += [[n] for n in range(dice.randrange(5_000))]
    junk += [object() for n in range(dice.randrange(5_000))]
    dice.shuffle(junk)
    del junk[len(junk) // 2 :]
    return junk


def _carry_out(order: Order, tell: Callable[[Report], None]) -> None:
    catalog = load_catalog(order.package, Path(order.root))
    for module in catalog.broken:
        tell(Report(benchmark=module.name, error=module.message, broken=True))
    wanted = [
        (scenario, users, name)
        for scenario in catalog.scenarios
        for users, name in _loads(scenario, order.loads)
        if is_wanted(scenario, name, order.only)
    ]
    scenarios = tuple({scenario.name: scenario for scenario, _, _ in wanted}.values())
    imports = import_early(scenarios, order.imports, time_limit_s=order.time_limit_s)
    tell(Report(benchmark="", imports=imports))
    for scenario, users, name in wanted:
        answer = run_in_fork(
            lambda scenario=scenario, users=users, name=name: msgspec.json.encode(  # type: ignore[misc]
                _run(order, scenario, users, name)
            ),
            time_limit_s=order.time_limit_s,
        )
        if isinstance(answer, bytes):
            tell(msgspec.json.decode(answer, type=Report))
        else:
            message = harmless(f"{answer.category}: {answer.message}")
            tell(Report(benchmark=name, error=message, broken=True))


def _loads(scenario: Scenario, loads: int) -> list[tuple[int, str]]:
    named = sorted(zip(scenario.users, scenario.benchmarks(), strict=True), reverse=True)
    return sorted(named[:loads] if loads else named)


def _run(order: Order, scenario: Scenario, users: int, name: str) -> Report:
    log = StepLog(order.keep)
    error, result_digest, metrics = "", "", {}
    with told_of_asking(log):
        try:
            run = run_scenario(
                scenario,
                users,
                commit="selftest",
                tier=order.tier,
                cpu=order.cpu,
                probe=log,
                tie_seed=order.tie_seed,
            )
            result_digest = sha256(codec.dump_run(run)).hexdigest()
            metrics = {metric.name: metric.value for metric in summarize(run)}
        except Exception as failure:  # noqa: BLE001 (told: that it fails may diverge, too)
            error = f"{type(failure).__name__}: {failure}"
    log.close()
    return Report(
        benchmark=name,
        error=error,
        result_digest=result_digest,
        checkpoints=tuple(log.checkpoints),
        count=log.count,
        entries=tuple(log.entries),
        metrics=metrics,
    )


if __name__ == "__main__":
    main()
