"""
``agent-perf load``: one or more scenarios under a shape of load.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from agent_perf import codec
from agent_perf.cli.load_text import capacity_lines, load_lines
from agent_perf.cli.log_tally import tallied_logs
from agent_perf.cli.output import print_json, say, warn
from agent_perf.cli.project import Project, open_project
from agent_perf.errors import TargetImportError, UsageError
from agent_perf.load import (
    Burst,
    Closed,
    Constant,
    Gamma,
    Limits,
    Poisson,
    Ramp,
    Shape,
    Soak,
    Spike,
    Stress,
    Trace,
    read_access_log,
    read_trace,
)
from agent_perf.records import Promise, Tier
from agent_perf.suite import Scenario, find_capacity, load_catalog, run_load

_RATE_HZ: Final = 20.0
_FOR_S: Final = 60.0
_SOAK_S: Final = 3_600.0
_UNIT_S: Final = {"": 1.0, "s": 1.0, "ms": 1e-3}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """
    What the command line says; None where it says nothing.

    Attributes:
        shape: ``poisson``, ``constant`` and so on.
        rate_hz: Requests per second.
        to_hz: Rate at the end of a ramp, or of the stairs.
        for_s: How long requests arrive.
        trace: File of JSON lines to replay.
        access_log: Access log to replay.
        speed: How many times as fast.
        users: With *closed* users who wait; else among how many requests are dealt.
        closed: Users wait for their answers.
        tier: How much of the real code runs.
        seed: Of all draws.
        within_s: What counts as a good answer.
        in_flight_max: As in load.Limits.
        rate_max_hz: As in load.Limits.
        find_knee: Search for the highest rate that keeps *target*.
        target: ``p95=0.15``.
        reports: Folder for the result.
        form: ``text`` or ``json``.
    """

    shape: str | None
    rate_hz: float | None
    to_hz: float | None
    for_s: float | None
    trace: Path | None
    access_log: Path | None
    speed: float
    users: int | None
    closed: bool
    tier: str
    seed: int | None
    within_s: float | None
    in_flight_max: int | None
    rate_max_hz: float | None
    find_knee: bool
    target: str | None
    reports: Path | None
    form: str


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
    """
    project = open_project(Path.cwd())
    mix = _find(project, names)
    folder = (options.reports or project.root / project.config.reports) / "load"
    if options.find_knee:
        return _search(mix, options, folder)
    if options.target is not None:
        raise UsageError("--target says what --find-knee looks for; add it, or use --within")
    shape = shape_of(options, mix[0][0])
    named = shape.users if isinstance(shape, Trace) else 0
    logged: list[str] = []
    with tallied_logs(logged):
        run = run_load(
            mix,
            shape,
            users=options.users or named or 50,
            tier=Tier(options.tier),
            seed=options.seed,
            limits=Limits(in_flight_max=options.in_flight_max, rate_max_hz=options.rate_max_hz),
            good_within_s=options.within_s,
        )
    _tell(logged)
    if isinstance(shape, Trace) and shape.skipped_count:
        warn(f"{shape.name}: {shape.skipped_count:,} lines were no requests with a time")
    path = folder / f"{_file_name(mix)}.json"
    codec.write_atomic(path, codec.dump_load_run(run))
    if options.form == "json":
        print_json(run)
    else:
        for line in load_lines(run):
            click.echo(line)
    say(f"written to {path}")
    verdicts = {check.passed for check in run.checks}
    # The gate's codes: a broken promise is a missed target.
    return 1 if False in verdicts else 4 if None in verdicts else 0


def shape_of(options: LoadOptions, scenario: Scenario) -> Shape | Closed:
    """
    Return the load that *options* ask for; the scenario's own if they ask for none.

    Raises:
        UsageError: If they ask for two, or for one that cannot be.
    """
    asked = [
        name
        for name, given in (
            ("--shape", options.shape is not None),
            ("--trace", options.trace is not None),
            ("--access-log", options.access_log is not None),
            ("--closed", options.closed),
        )
        if given
    ]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} are different loads; want one of them")
    if options.trace is not None:
        return read_trace(options.trace, speed=options.speed)
    if options.access_log is not None:
        return read_access_log(options.access_log, speed=options.speed)
    for_s = options.for_s if options.for_s is not None else _FOR_S
    if options.closed:
        return Closed(users=50 if options.users is None else options.users, for_s=for_s)
    if options.shape is None and options.rate_hz is None and scenario.load is not None:
        return scenario.load
    return _arriving(options, for_s)


def _arriving(options: LoadOptions, for_s: float) -> Shape:
    rate_hz = options.rate_hz if options.rate_hz is not None else _RATE_HZ
    last_hz = options.to_hz if options.to_hz is not None else 10 * rate_hz
    match options.shape or "poisson":
        case "constant":
            return Constant(rate_hz=rate_hz, for_s=for_s)
        case "gamma":
            return Gamma(rate_hz=rate_hz, for_s=for_s)
        case "ramp":
            return Ramp(from_hz=rate_hz, to_hz=last_hz, for_s=for_s)
        case "spike":
            return Spike(rate_hz=rate_hz, for_s=for_s, at_s=for_s / 3, spike_s=for_s / 12)
        case "burst":
            # As many requests as at that rate, ten seconds' worth at a time.
            return Burst(size=max(1, round(10 * rate_hz)), every_s=10.0, for_s=for_s)
        case "stress":
            step_hz = max(last_hz - rate_hz, rate_hz) / 9
            return Stress(from_hz=rate_hz, to_hz=last_hz, step_hz=step_hz, step_s=for_s / 10)
        case "soak":
            return Soak(rate_hz=rate_hz, for_s=_SOAK_S if options.for_s is None else for_s)
    return Poisson(rate_hz=rate_hz, for_s=for_s)


def promise_of(text: str | None) -> Promise:
    """
    Return the promise that *text* makes: ``p95=0.15``, ``p99=150ms`` or ``miss.p95=0.15``.

    Raises:
        UsageError: If it makes none.
    """
    found = re.fullmatch(r"(?:(\w+)\.)?(p\d+)=([0-9.]+)(ms|s|)", text or "")
    if found is None:
        raise UsageError(
            f"--target {text!r}; want a quantile and seconds, as p95=0.15 or p99=150ms"
        )
    try:
        within_s = float(found[3]) * _UNIT_S[found[4]]
    except ValueError:
        raise UsageError(f"--target {text!r}: {found[3]!r} is no number") from None
    return Promise(path=found[1] or "", quantile=found[2], within_s=within_s)


def _search(mix: list[tuple[Scenario, int]], options: LoadOptions, folder: Path) -> int:
    if len(mix) > 1:
        raise UsageError(f"--find-knee looks at one scenario; {len(mix)} are named")
    if options.trace or options.access_log or options.closed or options.shape:
        raise UsageError(
            "--find-knee tries rates of Poisson arrivals; leave out the shape, the trace and "
            "--closed, and give --rate and --to for the lowest and the highest"
        )
    scenario = mix[0][0]
    low_hz = options.rate_hz if options.rate_hz is not None else 1.0
    logged: list[str] = []
    with tallied_logs(logged):
        capacity = find_capacity(
            scenario,
            promise=promise_of(options.target),
            low_hz=low_hz,
            high_hz=options.to_hz if options.to_hz is not None else 1000 * low_hz,
            for_s=options.for_s if options.for_s is not None else _FOR_S,
            tier=Tier(options.tier),
        )
    _tell(logged)
    path = folder / f"{scenario.name}.capacity.json"
    codec.write_atomic(path, codec.dump_capacity(capacity))
    if options.form == "json":
        print_json(capacity)
    else:
        for line in capacity_lines(capacity):
            click.echo(line)
    say(f"written to {path}")
    return 0


def _tell(logged: list[str]) -> None:
    for line in logged:
        say(f"log: {line.splitlines()[0][:200]}")


def _find(project: Project, names: tuple[str, ...]) -> list[tuple[Scenario, int]]:
    catalog = load_catalog(project.config.benchmarks, project.root)
    known = {scenario.name: scenario for scenario in catalog.scenarios}
    mix = []
    for text in names:
        name, _, weight = text.partition("=")
        if weight and not weight.isdecimal():
            raise UsageError(f"{text!r}: weight {weight!r}; want a whole number, as {name}=3")
        if name in known:
            mix.append((known[name], int(weight or 1)))
            continue
        if catalog.broken:
            first = catalog.broken[0]
            raise TargetImportError(
                f"no scenario {name!r}, and {first.name} cannot be imported: {first.message}"
            )
        raise UsageError(f"no scenario {name!r}; there are {', '.join(sorted(known)) or 'none'}")
    return mix


def _file_name(mix: list[tuple[Scenario, int]]) -> str:
    return "+".join(scenario.name for scenario, _ in mix)[:120]
