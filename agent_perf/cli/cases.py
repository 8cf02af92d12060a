"""
``agent-perf cases``: how named questions end, edge cases and errors among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import click

from agent_perf.cli.live import in_real_time
from agent_perf.cli.log_tally import tallied_logs
from agent_perf.cli.named import find_mix
from agent_perf.cli.output import print_json, say
from agent_perf.cli.project import open_project
from agent_perf.errors import NothingMeasuredError, UsageError
from agent_perf.load.data import Case, edge_cases
from agent_perf.records import Tier
from agent_perf.suite import CaseResult, Scenario, run_cases

OTHERWISE: Final = 1
"""Exit code if a case ended otherwise than it should: the gate's, of a broken promise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CasesOptions:
    """
    Which cases, and how; the attributes are the options of the verb.
    """

    only: tuple[str, ...] = ()
    edge: bool = True
    show_all: bool = False
    tier: str = Tier.CLIENT.value
    allow_host: tuple[str, ...] = ()
    form: str = "text"


def check_cases(names: tuple[str, ...], options: CasesOptions) -> int:
    """
    Ask the scenarios in *names* their cases, print what ended otherwise, return the exit code.

    Raises:
        UsageError: If a scenario is not there, or has a weight.
        NothingMeasuredError: If no case is left.
        BrokenError: If a scenario itself raised.
    """
    for name in names:
        if "=" in name:
            raise UsageError(
                f"{name!r}: each scenario is asked each case, and has no weight; want "
                f"{name.partition('=')[0]}"
            )
    project = open_project(Path.cwd())
    in_real_time(options.tier, None, project.config.services, options.allow_host)
    asked = [(one, cases_of(one, options)) for one, _ in find_mix(project, names)]
    if not any(cases for _, cases in asked):
        raise NothingMeasuredError(
            f"no case asked: none matches {', '.join(options.only) or 'anything'}; names are like "
            "'sql.drop', patterns 'unicode.*'"
        )
    results: dict[str, tuple[CaseResult, ...]] = {}
    logged: list[str] = []
    with tallied_logs(logged):
        for scenario, cases in asked:
            if cases:
                results[scenario.name] = run_cases(scenario, cases, tier=Tier(options.tier))
    for line in logged:
        say(f"log: {line.splitlines()[0][:200]}")
    if options.form == "json":
        print_json({name: [_as_json(one) for one in found] for name, found in results.items()})
    else:
        _print(results, options)
    return 0 if all(one.passed for found in results.values() for one in found) else OTHERWISE


def cases_of(scenario: Scenario, options: CasesOptions) -> tuple[Case, ...]:
    """Return what *scenario* is asked: edge cases, then its own, which hold over those."""
    cases = {case.name: case for case in (edge_cases() if options.edge else ())}
    cases |= {case.name: case for case in scenario.cases}
    return tuple(
        case
        for name, case in cases.items()
        if not options.only or any(fnmatchcase(name, pattern) for pattern in options.only)
    )


def _print(results: dict[str, tuple[CaseResult, ...]], options: CasesOptions) -> None:
    for name, found in results.items():
        for one in found:
            if options.show_all or not one.passed:
                click.echo(f"{'ok  ' if one.passed else 'FAIL'} {name} {one.describe()}")
        otherwise = sum(not one.passed for one in found)
        passed_over = sum(not one.concerned for one in found)
        more = f", {passed_over} passed over" if passed_over else ""
        click.echo(f"{name}: {len(found)} cases, {otherwise} ended otherwise than expected{more}")


def _as_json(result: CaseResult) -> dict[str, object]:
    return {
        "case": result.case.name,
        "path": result.path,
        "error": result.error,
        "expect": result.case.expect,
        "passed": result.passed,
        "concerned": result.concerned,
        "latency_ns": result.latency_ns,
    }
