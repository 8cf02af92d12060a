"""
``agent-perf demo``: the whole journey on a repository made for it.
"""

from __future__ import annotations

import os
import tempfile
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import click

from agent_perf.cli.measuring import Wish, measure_commits
from agent_perf.cli.output import say
from agent_perf.cli.progress import show_progress
from agent_perf.cli.project import open_project
from agent_perf.cli.report import write_history
from agent_perf.demo import DemoHistory, build_demo
from agent_perf.errors import BrokenError, UsageError
from agent_perf.records import Step


def run_demo(folder: Path | None, *, show: bool, jobs: int | None) -> int:
    """
    Build the demo repository, measure its history, write and open the report.

    Returns:
        0 if the suite named exactly the planted culprits, each by its cause; else 3.

    Raises:
        UsageError: If *folder* is not empty, or the packages of the demo are missing.
    """
    _check_packages()
    root = folder or Path(tempfile.mkdtemp(prefix="agent-perf-demo-")) / "support-agent"
    if root.exists() and any(root.iterdir()):
        raise UsageError(f"{root} is not empty; name a folder that is, or none")
    start_s = time.monotonic()
    history = build_demo(root)
    say(f"made {root}: an agent backend with {len(history.commits)} commits")
    project = open_project(root)
    commits = project.repository.commits(f"{history.commits[0].id}..{history.commits[-1].id}")
    wish = Wish() if jobs is None else Wish(jobs=jobs)
    with show_progress() as progress:
        measured = measure_commits(project, [commit.id for commit in commits], wish, progress)
    failures = [failure for one in measured.values() for failure in one.failures]
    if failures:
        raise BrokenError(f"the demo does not run here: {failures[0].message}")
    runs = {commit: one.runs for commit, one in measured.items()}
    steps = write_history(project, commits, runs, reports=None, form="text")
    say(f"measured and judged in {time.monotonic() - start_s:.1f} s")
    page = root / project.config.reports / "index.html"
    if show and not os.environ.get("CI"):
        webbrowser.open(page.as_uri())
    return _check(history, steps)


def _check(history: DemoHistory, steps: Sequence[Step]) -> int:
    """Compare what was found with what was planted; the demo hides neither."""
    planted = {commit.id: commit.cause for commit in history.culprits}
    found = {
        step.commit: {cause.kind for causes in step.causes.values() for cause in causes}
        for step in steps
    }
    named = [commit for commit, cause in planted.items() if cause in found.get(commit, set())]
    false_count = len(set(found) - set(planted))
    click.echo(
        f"{len(named)} of {len(planted)} planted regressions named with their cause, "
        f"{false_count} false alarms among {len(history.commits) - 1 - len(planted)} other commits"
    )
    return 0 if len(named) == len(planted) and not false_count else 3


def _check_packages() -> None:
    try:
        import fastapi  # noqa: F401
        import openai  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"the demo's backend needs {error.name}: pip install 'agent-perf[demo]'"
        ) from None
