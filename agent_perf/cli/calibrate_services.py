"""
``agent-perf calibrate --redis URL ...``: measure services into latency tables.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from agent_perf import codec
from agent_perf.cli.calibrate_text import plan_lines, table_lines
from agent_perf.cli.calibrate_wanted import ServiceOptions, wanted_by
from agent_perf.cli.output import print_json, say
from agent_perf.cli.project import open_project
from agent_perf.cli.tables import read_tables
from agent_perf.errors import SampleError, TooFewSamplesError, UsageError
from agent_perf.live.calibration import Collected, Plan, Sampler, measure_services, plan_of
from agent_perf.measure import installed_version, python_version, utc_now
from agent_perf.records import TABLES_FILE, CalibratedTable, CalibratedTables
from agent_perf.sim import default_tables
from agent_perf.units import NS

CUT_OFF: Final = 6


def calibrate_services(options: ServiceOptions, output: Path | None, *, form: str = "text") -> int:
    """
    Measure what *options* names, write the tables, and return the exit code.

    It is 0; 6 if the limit of dollars left a table out, 3 if something else did. What was measured
    before a service broke is kept.

    Raises:
        UsageError: If something cannot be asked as it was said, or nobody agreed to it.
        BrokenError: If a service cannot be reached, or refuses.
        StoreError: If the file cannot be written.
    """
    project = open_project(Path.cwd())
    wanted = wanted_by(options, project.config)
    plan = plan_of(wanted, options.allow_hosts)
    path = output or project.root / project.config.benchmarks / TABLES_FILE
    keeper = _Keeper(path)
    for line in plan_lines(plan, path):
        say(line)
    if options.dry_run:
        say("dry run: nothing was sent")
        if form == "json":
            print_json({"plan": plan, "rate_hz": plan.rate_hz, "most_usd": plan.most_usd})
        return 0
    _require_consent(plan, yes=options.yes)
    sampler = Sampler(rate_hz=wanted.rate_hz, count=wanted.count, tell=_Progress(wanted.count))
    measured = asyncio.run(measure_services(wanted, sampler, keeper.keep))
    spent_usd = measured.spent_nanousd / NS
    if form == "json":
        told = {"tables": keeper.made, "missing": keeper.missing, "spent_usd": spent_usd}
        print_json({"file": str(path), **told})
    else:
        for line in table_lines(keeper.made):
            click.echo(line)
    if spent_usd:
        say(f"spent ${spent_usd:.4f} at the most")
    if keeper.made:
        say(f"{path}: commit it; all scenarios beside it are measured again with it")
    if not keeper.missing:
        return 0
    return CUT_OFF if measured.is_cut_off else SampleError.exit_code


class _Keeper:
    """
    Writes tables as soon as there are some, beside those that the file has.

    Args:
        path: The file.

    Attributes:
        made: Tables so far.
        missing: What is none, in words.

    Raises:
        ConfigError: If there is a file that is not valid.
    """

    def __init__(self, path: Path) -> None:
        self.made: list[CalibratedTable] = []
        self.missing: list[str] = []
        self._path = path
        self._before = read_tables(path).tables if path.is_file() else ()

    def keep(self, collected: Sequence[Collected]) -> None:
        """
        Write what *collected* comes to.

        Raises:
            StoreError: If the file cannot be written.
        """
        grid = default_tables()["redis.trip"].grid
        measured_at = utc_now().strftime("%Y-%m-%dT%H:%M:%SZ")
        for one in collected:
            try:
                self.made.append(one.table(grid, measured_at))
            except TooFewSamplesError as error:
                self.missing.append(str(error))
                say(str(error))
        if not self.made:
            return
        kept = {table.name: table for table in (*self._before, *self.made)}
        file = CalibratedTables(
            agent_perf=installed_version("agent-perf") or "",
            python=python_version(),
            grid=grid,
            tables=tuple(kept[name] for name in sorted(kept)),
        )
        codec.write_atomic(self._path, codec.dump_tables(file))


def _require_consent(plan: Plan, *, yes: bool) -> None:
    if not plan.needs_consent or yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "this asks another machine, or costs money, and nobody is here who could agree: "
            "look at it with --dry-run, then give --yes"
        )
    click.confirm("Ask?", abort=True, err=True)


class _Progress:
    """Tells of each kind of question when a quarter of it is done."""

    def __init__(self, count: int) -> None:
        self._step = max(1, count // 4)

    def __call__(self, name: str, done: int) -> None:
        if done % self._step == 0:
            say(f"{name}: {done}")
