"""
The process that measures one tree: ``python -m agent_perf.suite.worker``.

It reads one order from standard input and writes one event per line. The code under
test is imported once; each benchmark then runs in a fork.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import msgspec

from agent_perf import codec
from agent_perf.errors import AgentPerfError
from agent_perf.measure import current_environment
from agent_perf.records import CommandSpec, Failure, ResourceRun, Run, Tier, benchmark_name
from agent_perf.scrubbing import harmless
from agent_perf.sim import CpuMode
from agent_perf.suite.catalog import is_wanted, load_catalog
from agent_perf.suite.command_scenario import CommandScenario
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.fork import Broken, run_in_fork
from agent_perf.suite.pace import shortened
from agent_perf.suite.rehearsal import import_early
from agent_perf.suite.runner import run_scenario
from agent_perf.suite.watch import charging_of
from agent_perf.suite.watched import run_watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What a worker is to do.

    Attributes:
        commit: What the code is.
        root: Folder that holds the benchmark package.
        package: The benchmark package, relative to *root*.
        stored: Benchmark and environment, as Run.key gives them, that need not run again.
        only: Patterns of benchmark or scenario names to run; empty: all.
        leave: Benchmarks that are not run whatever *only* says, for they are done elsewhere.
        imports: Modules to import before the first fork; empty: find out by a rehearsal.
        time_limit_s: Real seconds for one benchmark.
        cpu: What CPU time is charged for; None: as each scenario says.
        tier: How much of the real code runs.
        resources_interval_s: Sample what each benchmark takes, so often; None: do not.
        times: How often each benchmark is run, >= 1; all of them once, then again.
        core: The one to run on, where the system can do that; None: any. With a core, each
            benchmark waits for a line on standard input: it takes turns with others.
    """

    commit: str
    root: str
    package: str
    stored: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    time_limit_s: float
    cpu: CpuMode | None = None
    tier: Tier = Tier.CLIENT
    resources_interval_s: float | None = None
    times: int = 1
    core: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    What a worker tells.

    Attributes:
        kind: ``found`` (all benchmarks to run), ``kept`` (one is stored already),
            ``imports`` (modules that benchmarks import late), ``started``, ``run`` or
            ``failed`` (one began, ended, gave no value), ``commands`` (those to be executed,
            which is not the worker's task).
        names: Benchmarks, or for ``kept`` a Run.key, or for ``imports`` modules.
        run: For ``run``.
        resources: For ``run``, if they were asked for.
        failure: For ``failed``.
        commands: For ``commands``.
    """

    kind: Literal["found", "kept", "imports", "started", "run", "failed", "commands"]
    names: tuple[str, ...] = ()
    run: Run | None = None
    resources: ResourceRun | None = None
    failure: Failure | None = None
    commands: tuple[CommandSpec, ...] = ()


def main() -> None:
    """Carry out the order on standard input."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    # What the code under test prints must not get among the events.
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def tell(event: Event) -> None:
        channel.write(msgspec.json.encode(event) + b"\n")
        channel.flush()

    try:
        carry_out(order, tell)
    except AgentPerfError as error:
        tell(_failed(order, order.package, "suite", str(error)))


def carry_out(order: Order, tell: Callable[[Event], None]) -> None:
    """Run what *order* says, and *tell* what comes of it."""
    catalog = load_catalog(order.package, Path(order.root))
    for module in catalog.broken:
        tell(_failed(order, module.name, "import", module.message, module.traceback))
    wanted = [
        (scenario, users, benchmark_name(scenario.name, users, order.tier))
        for scenario in catalog.scenarios
        for users, name in zip(scenario.users, scenario.benchmarks(), strict=True)
        if is_wanted(scenario, name, order.only)
        and benchmark_name(scenario.name, users, order.tier) not in order.leave
    ]
    tell(Event(kind="found", names=tuple(name for _, _, name in wanted)))
    if catalog.commands:
        _tell_commands(order, catalog.commands, tell)
    todo = []
    for scenario, users, name in wanted:
        key = f"{name}-{_environment_key(scenario, order.cpu)}"
        if key in order.stored:
            tell(Event(kind="kept", names=(key,)))
        else:
            todo.append((scenario, users, name))
    scenarios = tuple({scenario.name: scenario for scenario, _, _ in todo}.values())
    imports = import_early(scenarios, order.imports, time_limit_s=order.time_limit_s)
    tell(Event(kind="imports", names=imports))
    for scenario, users, name in todo * order.times:
        if order.core is not None:
            _await_turn(order.core)
        tell(Event(kind="started", names=(name,)))
        tell(_measure(order, scenario, users, name))


def _tell_commands(
    order: Order, commands: Sequence[CommandScenario], tell: Callable[[Event], None]
) -> None:
    specs = []
    for one in commands:
        if not order.only or any(fnmatchcase(one.name, pattern) for pattern in order.only):
            try:
                specs.append(one.spec())
            except Exception as error:  # noqa: BLE001 (it is a user's function; told as broken)
                text = "".join(traceback.format_exception(error))[-4000:]
                message = f"{type(error).__name__}: {error}"
                tell(_failed(order, one.name, "raised", message, text))
    tell(Event(kind="commands", names=tuple(one.name for one in specs), commands=tuple(specs)))


def _environment_key(scenario: Scenario, cpu: CpuMode | None) -> str:
    return current_environment((scenario.source,), cpu=charging_of(scenario, cpu).key).key


def _await_turn(core: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    if not sys.stdin.buffer.readline():
        # Nobody is there who would listen.
        raise SystemExit(0)


def _measure(order: Order, scenario: Scenario, users: int, name: str) -> Event:
    def run() -> Run:
        asked = shortened(scenario, users, order.tier)
        return run_scenario(asked, users, commit=order.commit, tier=order.tier, cpu=order.cpu)

    if order.resources_interval_s is not None:
        watched = run_watched(
            run,
            name=name,
            interval_s=order.resources_interval_s,
            time_limit_s=order.time_limit_s,
        )
        if not isinstance(watched, Broken):
            return Event(kind="run", names=(name,), run=watched[0], resources=watched[1])
        answer: bytes | Broken = watched
    else:
        answer = run_in_fork(lambda: codec.dump_run(run()), time_limit_s=order.time_limit_s)
    if isinstance(answer, bytes):
        return Event(kind="run", names=(name,), run=codec.load_run(answer, f"worker: {name}"))
    return _failed(order, name, answer.category, answer.message, answer.traceback)


def _failed(order: Order, name: str, category: str, message: str, trace: str = "") -> Event:
    failure = Failure(
        benchmark=name,
        commit=order.commit,
        category=category,
        message=harmless(message),
        traceback=harmless(trace),
    )
    return Event(kind="failed", names=(name,), failure=failure)


if __name__ == "__main__":
    main()
