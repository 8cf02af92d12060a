"""
``agent-perf load``: one or more scenarios under a shape of load.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent_perf.cli.exits import INTERRUPTED
from agent_perf.cli.interruption import Interruption
from agent_perf.cli.live import clock_of, in_real_time
from agent_perf.cli.load_cost import ended_with
from agent_perf.cli.load_options import FOR_S, LoadOptions, shape_of
from agent_perf.cli.load_report import Telling, tell_capacity, tell_load
from agent_perf.cli.load_targets import promise_of, targets_of
from agent_perf.cli.load_watch import watched
from agent_perf.cli.log_tally import tallied_logs
from agent_perf.cli.named import find_mix
from agent_perf.cli.named_load import with_named_load
from agent_perf.cli.next_commands import this_again
from agent_perf.cli.output import say, warn
from agent_perf.cli.project import Project, open_project
from agent_perf.errors import NothingMeasuredError, UsageError
from agent_perf.gate import load_targets
from agent_perf.load import Course, Limits, Trace
from agent_perf.records import Capacity, LoadRun, Probe, Tier
from agent_perf.report import Command
from agent_perf.stats import Direction, direction
from agent_perf.suite import Scenario, find_capacity, run_load
from agent_perf.units import NS, format_value

_LOOK_EVERY_S: Final = 0.2


def load_scenarios(names: tuple[str, ...], options: LoadOptions) -> int:
    """
    Run the scenarios in *names* under a load, or search their capacity; return the exit code.

    Args:
        names: Scenario names; several share a world, ``name=3`` gives one a weight.
        options: The command line's.

    Raises:
        UsageError: If a name, a number or their combination cannot be used.
        TargetImportError: If a scenario is not there, and a file of them does not import.
        BrokenError: If a scenario itself raised.
        NothingMeasuredError: If no request arrived.
    """
    if not names:
        raise UsageError("a load without a scenario; name one, or a running service by --url")
    project = open_project(Path.cwd())
    options = with_named_load(options, project.config.loads)
    in_real_time(options.tier, options.cpu, project.config.services, options.allow_host)
    given = targets_of(options.targets)
    logged: list[str] = []
    with tallied_logs(logged):
        mix = find_mix(project, names)
    if options.find_knee:
        _tell(logged)
        return _search(project, mix, options, given)
    shape = shape_of(options, mix[0][0])
    named = shape.users if isinstance(shape, Trace) else 0
    course = _course(options)
    most_usd = options.max_cost_usd
    most_usd = project.config.max_cost_usd if most_usd is None else most_usd
    with (
        tallied_logs(logged),
        watched(
            course,
            time_budget_s=options.time_budget_s,
            label=shape.describe,
            clock=clock_of(options.tier),
        ) as interruption,
    ):
        run = run_load(
            mix,
            shape,
            users=options.users or named or 50,
            tier=Tier(options.tier),
            seed=options.seed,
            limits=Limits(in_flight_max=options.in_flight_max, rate_max_hz=options.rate_max_hz),
            good_within_s=options.within_s,
            bucket_s=options.bucket_s,
            cpu=options.cpu_mode,
            targets=_targets(project, mix, given, own=options.own_targets),
            course=course,
            max_cost_usd=most_usd,
        )
    _tell(logged)
    if not run.offered:
        early = f" in {options.time_budget_s:g} s of real time" if course.stop else ""
        raise NothingMeasuredError(
            f"no request arrived{early}: {run.shape}; want it longer, or more often"
        )
    if isinstance(shape, Trace) and shape.skipped_count:
        warn(f"{shape.name}: {shape.skipped_count:,} lines were no requests with a time")
    telling = _telling(project, options, this_again("Run it again"), *_knee(mix, run.targets))
    code = ended_with(tell_load(_cut_short(run, interruption), telling), run, most_usd)
    return INTERRUPTED if interruption.came else code


def _search(
    project: Project, mix: list[tuple[Scenario, int]], options: LoadOptions, given: dict[str, float]
) -> int:
    _refuse_for_search(mix, options)
    scenario = mix[0][0]
    if not given:
        if not options.own_targets:
            raise UsageError("--find-knee with --no-own-targets wants a --target, as p95=0.15")
        given = _own_latency(project, scenario)
    low_hz = options.rate_hz if options.rate_hz is not None else 1.0
    logged: list[str] = []
    course = _course(options)
    tried: list[Probe] = []

    def told(probe: Probe) -> None:
        tried.append(probe)
        if sys.stderr.isatty():
            sys.stderr.write(
                f"\r\x1b[K{format_value(probe.rate_hz, 'per_s'):>9} for {probe.for_s:g} s: "
                f"P95 {format_value(probe.p95_ns / NS, 's')}, "
                f"{'kept' if probe.kept else 'broken'}\n"
            )

    with (
        tallied_logs(logged),
        watched(
            course,
            time_budget_s=options.time_budget_s,
            label=lambda: f"rate {len(tried) + 1} of the search",
            clock=clock_of(options.tier),
        ) as interruption,
    ):
        capacity = find_capacity(
            scenario,
            promise=promise_of(given),
            low_hz=low_hz,
            high_hz=options.to_hz if options.to_hz is not None else 1000 * low_hz,
            for_s=options.for_s if options.for_s is not None else FOR_S,
            tier=Tier(options.tier),
            cpu=options.cpu_mode,
            course=course,
            told=told,
        )
    _tell(logged)
    hold = [_hold(capacity, given)] if capacity.rate_hz else []
    commands = (this_again("Run it again"), *hold)
    code = tell_capacity(capacity, _telling(project, options, *commands))
    return INTERRUPTED if interruption.came else code


def _course(options: LoadOptions) -> Course:
    # Virtual time does not wait; in real time nobody wants to until the next request.
    return Course(look_every_s=_LOOK_EVERY_S if options.tier == Tier.LIVE.value else None)


def _cut_short(run: LoadRun, interruption: Interruption) -> LoadRun:
    if not interruption.came or not run.stopped:
        return run
    return replace(run, stopped=f"interrupted: {run.stopped}")


def _hold(capacity: Capacity, targets: Mapping[str, float]) -> Command:
    """Return the command that holds most of what *capacity* found, with all of *targets*."""
    signs = {Direction.MORE_IS_BETTER: ">"}
    told = " ".join(
        f"--target '{name}{signs.get(direction(name), '<')}{value:g}'"
        for name, value in targets.items()
    )
    name, rate_hz = shlex.quote(capacity.scenario), 0.7 * capacity.rate_hz
    return Command(
        purpose="Hold seven tenths of it for ten minutes",
        line=f"agent-perf load {name} --rate {rate_hz:.3g} --for 600 {told}",
    )


def _refuse_for_search(mix: list[tuple[Scenario, int]], options: LoadOptions) -> None:
    if len(mix) > 1:
        raise UsageError(f"--find-knee looks at one scenario; {len(mix)} are named")
    if options.trace or options.access_log or options.closed or options.shape:
        raise UsageError(
            "--find-knee tries rates of Poisson arrivals; leave out the shape, the trace and "
            "--closed, and give --rate and --to for the lowest and the highest"
        )
    for name, value in (
        ("--within", options.within_s),
        ("--seed", options.seed),
        ("--users", options.users),
        ("--bucket", options.bucket_s),
        ("--max-in-flight", options.in_flight_max),
        ("--max-rate", options.rate_max_hz),
        ("--max-cost", options.max_cost_usd),
    ):
        if value is not None:
            raise UsageError(f"{name} {value} has no meaning for --find-knee; leave it out")


def _own_latency(project: Project, scenario: Scenario) -> dict[str, float]:
    """Return the latency that *scenario* promises itself, for a search without --target."""
    own = project.policy.targets_for(scenario.name, scenario.targets)
    for name in ("latency.p95", "latency.p99", "latency.p50"):
        if name in own:
            return {name: own[name]}
    raise UsageError(
        f"--find-knee without --target, and {scenario.name} promises no latency; want "
        "--target p95=0.15"
    )


def _targets(
    project: Project, mix: list[tuple[Scenario, int]], given: dict[str, float], *, own: bool
) -> dict[str, float]:
    # Of a mix, nobody knows which scenario a request was of: what one promises cannot be told.
    if not own or len(mix) > 1:
        return given
    scenario = mix[0][0]
    return load_targets(project.policy.targets_for(scenario.name, scenario.targets), given)


def _knee(mix: list[tuple[Scenario, int]], targets: Mapping[str, float]) -> list[Command]:
    limit_s = targets.get("latency.p95")
    if len(mix) > 1 or limit_s is None:
        return []
    name = shlex.quote(mix[0][0].name)
    return [
        Command(
            purpose="Find the highest rate that keeps the P95, in virtual time",
            line=f"agent-perf load {name} --find-knee --target 'p95<{limit_s:g}'",
        )
    ]


def _telling(project: Project, options: LoadOptions, *commands: Command) -> Telling:
    return Telling(
        folder=(options.reports or project.root / project.config.reports) / "load",
        title=project.root.name,
        form=options.form,
        undecided=options.undecided or project.config.undecided,
        commands=commands,
    )


def _tell(logged: list[str]) -> None:
    for line in logged:
        say(f"log: {line.splitlines()[0][:200]}")
