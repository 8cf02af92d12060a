"""
``agent-perf load``: one or more scenarios under a shape of load.
"""

from __future__ import annotations

from pathlib import Path

import click

from agent_perf import codec
from agent_perf.cli.load_options import FOR_S, LoadOptions, promise_of, shape_of
from agent_perf.cli.load_text import capacity_lines, load_lines
from agent_perf.cli.log_tally import tallied_logs
from agent_perf.cli.named import find_mix
from agent_perf.cli.output import print_json, say, warn
from agent_perf.cli.project import open_project
from agent_perf.errors import BrokenError, NothingMeasuredError, UsageError
from agent_perf.load import Limits, Trace
from agent_perf.records import Tier
from agent_perf.report import draw_load
from agent_perf.suite import Scenario, find_capacity, run_load


def load_scenarios(names: tuple[str, ...], options: LoadOptions) -> int:
    """
    Run the scenarios in *names* under a load, or search their capacity; return the exit code.

    Args:
        names: Scenario names; several share a world, ``name=3`` gives one a weight.
        options: The command line's.

    Raises:
        UsageError: If a name, a number or their combination cannot be used.
        TargetImportError: If a scenario is not there, and a file of them does not import.
        BrokenError: If a scenario itself raised, or not one request was answered.
    """
    project = open_project(Path.cwd())
    mix = find_mix(project, names)
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
            bucket_s=options.bucket_s,
            cpu=options.cpu_mode,
        )
    _tell(logged)
    if not run.offered:
        raise NothingMeasuredError(
            f"no request arrived: {run.shape}; want it longer, or more often"
        )
    if isinstance(shape, Trace) and shape.skipped_count:
        warn(f"{shape.name}: {shape.skipped_count:,} lines were no requests with a time")
    path = folder / f"{_file_name(mix)}.json"
    picture = path.with_name(f"{_file_name(mix)}.svg")
    # Printed first: a folder that cannot be written must not cost the result.
    if options.form == "json":
        print_json(run)
    else:
        for line in load_lines(run):
            click.echo(line)
    codec.write_atomic(path, codec.dump_load_run(run))
    codec.write_atomic(picture, draw_load(run).encode())
    say(f"written to {path} and {picture}")
    if sum(run.errors.values()) == run.offered - run.dropped:
        why = f"the first failed with {run.first_failure}" if run.errors else "all were dropped"
        raise BrokenError(f"not one of {run.offered:,} requests was answered: {why}")
    verdicts = {check.passed for check in run.checks}
    # The gate's codes: a broken promise is a missed target.
    return 1 if False in verdicts else 4 if None in verdicts else 0


def _search(mix: list[tuple[Scenario, int]], options: LoadOptions, folder: Path) -> int:
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
    ):
        if value is not None:
            raise UsageError(f"{name} {value} has no meaning for --find-knee; leave it out")
    scenario = mix[0][0]
    low_hz = options.rate_hz if options.rate_hz is not None else 1.0
    logged: list[str] = []
    with tallied_logs(logged):
        capacity = find_capacity(
            scenario,
            promise=promise_of(options.target),
            low_hz=low_hz,
            high_hz=options.to_hz if options.to_hz is not None else 1000 * low_hz,
            for_s=options.for_s if options.for_s is not None else FOR_S,
            tier=Tier(options.tier),
            cpu=options.cpu_mode,
        )
    _tell(logged)
    path = folder / f"{scenario.name}.capacity.json"
    if options.form == "json":
        print_json(capacity)
    else:
        for line in capacity_lines(capacity):
            click.echo(line)
    codec.write_atomic(path, codec.dump_capacity(capacity))
    say(f"written to {path}")
    return 0


def _tell(logged: list[str]) -> None:
    for line in logged:
        say(f"log: {line.splitlines()[0][:200]}")


def _file_name(mix: list[tuple[Scenario, int]]) -> str:
    return "+".join(scenario.name for scenario, _ in mix)[:120]
