"""
``agent-perf judge``: what another tool has timed, before our gate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent_perf.cli.accept import accept_commands
from agent_perf.cli.decision_text import show_decision
from agent_perf.cli.project import open_project, policy_today
from agent_perf.errors import UsageError
from agent_perf.gate import TimedSides, exit_code, failing, judge_timings, timed_duets
from agent_perf.intake import read_timings
from agent_perf.records import TimingFile
from agent_perf.report import build_view, write_reports


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOptions:
    """
    What to judge; the attributes are the options of the verb.
    """

    base: tuple[Path, ...]
    head: tuple[Path, ...]
    base_name: str = ""
    head_name: str = ""
    any_machine: bool = False
    undecided: str | None = None
    reports: Path | None = None
    form: str = "text"


def judge_files(options: JudgeOptions) -> int:
    """
    Judge the files of the head against those of the base, and return the exit code.

    Raises:
        UsageError: If a side has no file, or they do not compare.
        StoreError: If a file cannot be read, or the report not be written.
        SampleError: If a file holds a time that is none.
        NothingMeasuredError: If the head has no benchmark.
    """
    project = open_project(Path.cwd(), needs_benchmarks=False)
    # What these files do not hold, other gates judge: their waivers are not ours to speak of.
    policy = policy_today(project, complete=False)
    sides = TimedSides(
        base=_read(options.base),
        head=_read(options.head),
        names=(options.base_name, options.head_name),
        any_machine=options.any_machine,
    )
    duets = timed_duets(sides, policy)
    decision = judge_timings(sides, duets, policy)
    view = build_view(
        decision,
        base_runs={},
        head_runs={},
        duets=duets,
        title=project.root.name,
        commands=accept_commands(failing(decision, policy)),
    )
    paths = write_reports(project.root / (options.reports or project.config.reports), view)
    show_decision(decision, paths, options.form)
    return exit_code(decision, undecided=options.undecided or project.config.undecided)


def _read(paths: Iterable[Path]) -> tuple[TimingFile, ...]:
    return tuple(read_timings(path) for given in paths for path in _files(given))


def _files(given: Path) -> list[Path]:
    """Return *given*, or the files of a folder."""
    if not given.is_dir():
        return [given]
    found = sorted(given.glob("*.json"))
    if not found:
        raise UsageError(f"no *.json in the folder {given}; name files, or a folder that has some")
    return found
