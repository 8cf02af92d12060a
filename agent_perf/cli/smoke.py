"""
``agent-perf smoke``: three questions to a running service, and a line for each answer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import click

from agent_perf.cli.output import plain, print_json, say
from agent_perf.cli.profile import project_folder
from agent_perf.cli.smoke_junit import write_junit
from agent_perf.config import load_config
from agent_perf.live.smoke import (
    CheckOutcome,
    CheckResult,
    SmokeResult,
    Wishes,
    ask_service,
    plan_checks,
)
from agent_perf.units import format_value

_WORDS: Final[Mapping[CheckOutcome, str]] = {
    CheckOutcome.PASSED: "ok",
    CheckOutcome.FAILED: "FAIL",
    CheckOutcome.SKIPPED: "skip",
    CheckOutcome.UNREACHABLE: "GONE",
}
EXIT_CODES: Final[Mapping[CheckOutcome, int]] = {
    CheckOutcome.PASSED: 0,
    CheckOutcome.FAILED: 1,
    CheckOutcome.UNREACHABLE: 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeOptions:
    """
    What to ask, and how; the attributes are the options of the verb.
    """

    health: str = ""
    chats: tuple[str, ...] = ()
    metrics: str = ""
    metric_names: tuple[str, ...] = ()
    within_s: Mapping[str, float] = field(default_factory=dict)
    retry_for_s: float = 10.0
    junit: Path | None = None
    form: str = "text"


def smoke_service(url: str, options: SmokeOptions) -> int:
    """
    Ask the service at *url*, print what came of each question, and return the exit code.

    Raises:
        UsageError: If *url* is none, or a request is not configured.
        ConfigError: If the configuration is not valid, or a request cannot be sent.
        StoreError: If the JUnit file cannot be written.
    """
    wishes = Wishes(
        health=options.health,
        chats=options.chats,
        metrics=options.metrics,
        metric_names=options.metric_names,
        within_s=options.within_s,
    )
    plan = plan_checks(load_config(project_folder()).requests, wishes, os.environ)
    result = asyncio.run(
        ask_service(url, plan, retry_for_s=options.retry_for_s, tell=lambda text: say(plain(text)))
    )
    if options.junit is not None:
        write_junit(options.junit, result)
    if options.form == "json":
        print_json(_as_json(result))
    else:
        for check in result.checks:
            click.echo(_line(check))
        click.echo(_summary(result))
    return EXIT_CODES[result.outcome]


def _line(check: CheckResult) -> str:
    took = ""
    if check.latency_s is not None:
        took = format_value(check.latency_s, "s")
        if check.first_s is not None:
            took = f"first event {format_value(check.first_s, 's')}, whole {took}"
    # What is wrong with a status begins with it.
    status = str(check.status or "")
    is_told = check.detail.partition(":")[0].partition(";")[0] == status
    facts = [check.request, "" if is_told else status, took, check.detail]
    return plain(f"{_WORDS[check.outcome]:4}  {check.name}: {', '.join(filter(None, facts))}")


def _summary(result: SmokeResult) -> str:
    made = [check for check in result.checks if check.outcome is not CheckOutcome.SKIPPED]
    passed = sum(check.outcome is CheckOutcome.PASSED for check in made)
    waited = f", after {format_value(result.waited_s, 's')}" if result.waited_s else ""
    if result.outcome is CheckOutcome.UNREACHABLE:
        return plain(f"{result.url} gives no answer{waited}: is it started, and the address right?")
    return plain(f"{result.url}: {passed} of {len(made)} checks passed{waited}")


def _as_json(result: SmokeResult) -> dict[str, object]:
    return {
        "url": result.url,
        "outcome": result.outcome.value,
        "waited_s": result.waited_s,
        "checks": [{**asdict(check), "outcome": check.outcome.value} for check in result.checks],
    }
