"""
``agent-perf judge``: what another tool has measured, before our gate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_perf.cli.accept import accept_commands
from agent_perf.cli.decision_text import show_decision
from agent_perf.cli.rules import Rules, reports_folder, rules_here
from agent_perf.errors import UsageError
from agent_perf.gate import (
    TimedSides,
    exit_code,
    failing,
    held_targets,
    judge_timings,
    timed_duets,
)
from agent_perf.intake import read_timings, result_files
from agent_perf.records import Decision, TimingFile
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
    rules = rules_here()
    sides = TimedSides(
        base=_read(options.base),
        head=_read(options.head),
        names=(options.base_name, options.head_name),
        any_machine=options.any_machine,
    )
    if not sides.base and not held_targets(sides.head, rules.policy) and not _failed(sides.head):
        raise UsageError(
            "there is nothing to hold the head to: name files with --base, or promise something "
            'in the configuration, as [targets."*"] "wall.median" = "20ms"'
        )
    decision = _show(sides, rules, options.reports, options.form)
    return exit_code(decision, undecided=options.undecided or rules.config.undecided)


def show_files(paths: Sequence[Path], *, reports: Path | None, form: str) -> int:
    """
    Write the report of files by themselves, held to their targets; return the exit code, 0.

    Errors as in judge_files.
    """
    _show(TimedSides(base=(), head=_read(paths)), rules_here(), reports, form)
    return 0


def _show(sides: TimedSides, rules: Rules, reports: Path | None, form: str) -> Decision:
    """Judge, write the report, and print."""
    duets = timed_duets(sides, rules.policy)
    decision = judge_timings(sides, duets, rules.policy)
    view = build_view(
        decision,
        base_runs={},
        head_runs={},
        duets=duets,
        title=rules.root.name,
        targets=held_targets(sides.head, rules.policy).kept,
        commands=accept_commands(failing(decision, rules.policy)),
    )
    paths = write_reports(reports_folder(rules.root, rules.config, reports), view)
    show_decision(decision, paths, form)
    return decision


def _failed(files: Iterable[TimingFile]) -> bool:
    return any(timing.failure for file in files for timing in file.timings)


def _read(paths: Iterable[Path]) -> tuple[TimingFile, ...]:
    found: dict[Path, tuple[TimingFile, ...]] = {}
    for given in paths:
        for path in result_files(given) if given.is_dir() else (given,):
            if path.resolve() in found:
                raise UsageError(f"{path} is named twice; a process counts once: leave one out")
            found[path.resolve()] = read_timings(path)
    return tuple(file for files in found.values() for file in files)
