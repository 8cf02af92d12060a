"""
``agent-perf chaos``: an experiment on running services, and what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click
import msgspec

from agent_perf.cli.exits import INTERRUPTED
from agent_perf.cli.interruption import interruptible
from agent_perf.cli.load_report import Telling, tell_load
from agent_perf.cli.next_commands import this_again
from agent_perf.cli.output import plain, print_json, say
from agent_perf.cli.profile import project_folder
from agent_perf.config import ChaosWorker, NamedChaos, did_you_mean, load_config
from agent_perf.errors import ConfigError, UsageError
from agent_perf.live.chaos import EarlyEnd, plan_of, run_experiment, timeline_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosOptions:
    """How an experiment is made; the attributes are the options of the verb."""

    url: str | None = None
    workers: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    dry_run: bool = False
    undecided: str | None = None
    reports: Path | None = None
    form: str = "text"


def make_experiment(name: str, options: ChaosOptions) -> int:
    """
    Make the experiment *name* of the configuration, tell what it came to, return the exit code.

    Raises:
        ConfigError: If there is none of that name, or it cannot be made.
        UsageError: If it concerns another machine that is not allowed, or a port is taken.
        BrokenError: If a worker is not ready, or the steady state does not hold to begin with.
        StoreError: If the report cannot be written; what was measured is printed before.
    """
    root = project_folder()
    config = load_config(root)
    named = _chosen(name, config.chaos, options)
    plan = plan_of(name, named, options.allowed)
    if options.dry_run:
        _print_timeline(timeline_lines(plan), options.form)
        return 0
    reports = options.reports or root / config.reports
    early = EarlyEnd()
    with interruptible(early.ask):
        run = run_experiment(
            plan,
            config.requests,
            named.requests,
            logs=reports / "chaos",
            told=lambda text: say(plain(text)),
            early=early,
        )
    telling = Telling(
        folder=reports / "chaos",
        title=root.name,
        form=options.form,
        undecided=options.undecided or config.undecided,
        commands=(this_again("Make it again"),),
    )
    code = tell_load(run, telling)
    return INTERRUPTED if run.stopped else code


def _chosen(name: str, known: Mapping[str, NamedChaos], options: ChaosOptions) -> NamedChaos:
    """Return what the configuration says of *name*, with what *options* say over it."""
    if name not in known:
        raise ConfigError(
            f"no experiment {name!r}, [chaos.{name}], in the configuration; "
            f"{did_you_mean(name, known, kind='experiments')}"
        )
    named = known[name]
    workers = dict(named.workers)
    for text in options.workers:
        worker, sign, command = text.partition("=")
        if not sign or not worker or not command.strip():
            raise UsageError(f"--worker {text!r}; want NAME=COMMAND, as 'api=uvicorn app:app'")
        workers[worker] = (
            msgspec.structs.replace(workers[worker], command=command)
            if worker in workers
            else ChaosWorker(command=command)
        )
    url = options.url or named.url
    if not url:
        raise ConfigError(
            f"chaos.{name} asks no service; want url = 'http://127.0.0.1:8000' there, or --url"
        )
    return replace(named, url=url, workers=workers)


def _print_timeline(lines: list[str], form: str) -> None:
    if form == "json":
        print_json({"timeline": lines})
        return
    for line in lines:
        click.echo(plain(line))
