"""
``agent-perf ci``: what a CI runs, and at a shell what it will say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from agent_perf import codec
from agent_perf.cli.ci_base import base_wish, find_base
from agent_perf.cli.ci_event import read_event
from agent_perf.cli.ci_files import append_summary, append_values, output_values
from agent_perf.cli.compare import Compared, compare_in
from agent_perf.cli.evidence import CompareOptions
from agent_perf.cli.output import say, warn
from agent_perf.cli.places import find_places
from agent_perf.cli.project import Project, open_project
from agent_perf.cli.stored_runs import base_choice
from agent_perf.errors import AgentPerfError
from agent_perf.gate import one_line
from agent_perf.report import (
    error_command,
    github_commands,
    gitlab_code_quality,
    make_remarks,
    render,
)

Forge = Literal["github", "gitlab", "none"]

CODE_QUALITY = "gl-code-quality-report.json"
"""Where GitLab's own jobs write theirs, below the folder of the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CiOptions:
    """
    How to judge; the attributes are the options of the verb.
    """

    base: str | None = None
    head: str = "HEAD"
    only: tuple[str, ...] = ()
    fresh: bool = False
    exact_only: bool = False
    time_budget_s: float = 300.0
    undecided: str | None = None
    max_cost_usd: float | None = None
    annotations: str = "auto"
    reports: Path | None = None
    form: str = "text"


def run_ci(options: CiOptions, environ: Mapping[str, str]) -> int:
    """
    Judge the head, tell the CI, and return the exit code.

    Args:
        options: The command line's.
        environ: Variables of the process.

    Raises:
        UsageError: If there is no base, or it is not in this clone.
        StoreError: If a report, or a file of the CI, cannot be written.
    """
    forge = forge_around(options.annotations, environ)
    try:
        project = open_project(Path.cwd())
        compared = _compare(project, options, environ)
    except AgentPerfError as error:
        if forge == "github":
            # On standard error the message itself follows, which nobody shows beside a diff.
            click.echo(error_command(one_line(str(error))), err=True)
            append_values(environ, output_values(None, error.exit_code, Path.cwd()))
        raise
    _tell(project, compared, forge, options, environ)
    return compared.exit_code


def forge_around(wish: str, environ: Mapping[str, str]) -> Forge:
    """Return who is told: as *wish* says, or for ``auto`` whose variables are there."""
    match wish:
        case "github" | "gitlab" | "none":
            return wish
    if environ.get("GITHUB_ACTIONS") == "true":
        return "github"
    return "gitlab" if environ.get("GITLAB_CI") == "true" else "none"


def _compare(project: Project, options: CiOptions, environ: Mapping[str, str]) -> Compared:
    base, base_is = options.base, ""
    if base is None:
        head = project.repository.resolve(options.head)
        wish = base_wish(environ, read_event(environ))
        base = find_base(project.repository, wish, head)
        base_is = f"by {wish.source}" if wish else base_choice(project, base, head)
    wanted = CompareOptions(
        only=options.only,
        fresh=options.fresh,
        exact_only=options.exact_only,
        time_budget_s=options.time_budget_s,
        budget_is_whole=True,
        undecided=options.undecided,
        max_cost_usd=options.max_cost_usd,
        reports=options.reports,
        form=options.form,
        base_is=base_is,
    )
    return compare_in(project, base, options.head, wanted)


def _tell(
    project: Project,
    compared: Compared,
    forge: Forge,
    options: CiOptions,
    environ: Mapping[str, str],
) -> None:
    """Write what *forge* shows."""
    if forge == "none":
        return
    benchmarks = {case.group for case in compared.view.cases if case.state != "passed"}
    places = find_places(project.root, project.config.benchmarks, benchmarks)
    remarks = make_remarks(compared.view, places)
    if forge == "gitlab":
        path = compared.paths[0].with_name(CODE_QUALITY)
        report = gitlab_code_quality(remarks, default_path=project.config.benchmarks)
        codec.write_atomic(path, report.encode())
        say(f"code quality: {path}")
        return
    for line in github_commands(remarks):
        # Standard output is the data's when it is JSON; the runner reads both.
        click.echo(line, err=options.form == "json")
    left_out = append_summary(environ, render(compared.view, "md"))
    if left_out:
        warn(left_out)
    append_values(environ, output_values(compared, compared.exit_code, project.root))
