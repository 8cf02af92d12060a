"""
``agent-perf compare``: measure two commits, judge, report.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from agent_perf.cli.accept import accept_commands
from agent_perf.cli.commands import with_command_targets
from agent_perf.cli.decision_text import show_decision
from agent_perf.cli.doctor import known_noise
from agent_perf.cli.evidence import BASELINE, CompareOptions, Evidence, gather
from agent_perf.cli.exits import INTERRUPTED
from agent_perf.cli.next_commands import next_commands
from agent_perf.cli.output import warn
from agent_perf.cli.progress import show_progress
from agent_perf.cli.project import (
    Project,
    open_project,
    policy_today,
)
from agent_perf.cli.rules import reports_folder
from agent_perf.cli.session_notes import note_decision, note_files
from agent_perf.cli.stored_runs import look_back
from agent_perf.gate import (
    Policy,
    cut_decision,
    exit_code,
    failing,
    held_runs,
    judge,
    judge_instructions,
    judge_same_code,
    unmatched,
)
from agent_perf.records import Decision
from agent_perf.report import View, build_view, write_reports
from agent_perf.repository import WORKTREE


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """
    What became of a comparison.

    Attributes:
        decision: Of the gate.
        view: What its report shows.
        paths: The files of the report, the page first.
        exit_code: What the process should end with.
    """

    decision: Decision
    view: View
    paths: tuple[Path, ...]
    exit_code: int


def compare_refs(base: str | None, head: str, options: CompareOptions) -> int:
    """
    Judge *head* against *base*, print a line for each failure, and return the exit code.

    Raises:
        UsageError: If a ref, a baseline, the configuration or the benchmarks are not there.
        StoreError: If a result or the report cannot be written.
    """
    return compare_in(open_project(Path.cwd()), base, head, options).exit_code


def compare_in(project: Project, base: str | None, head: str, options: CompareOptions) -> Compared:
    """
    Judge *head* against *base* in *project*, and print a line for each failure.

    Raises:
        UsageError: If a ref, a baseline or the benchmarks are not there.
        StoreError: If a result or the report cannot be written.
    """
    if head != WORKTREE and project.repository.is_dirty():
        warn("there are uncommitted changes, and they are not measured; name 'worktree' for that")
    with show_progress() as progress:
        evidence = gather(project, base, head, options, progress)
    complete = evidence.complete and not options.only
    policy = policy_today(project, complete=complete)
    policy = with_command_targets(policy, tuple(chain(*evidence.specs.values())))
    decision = judge(
        tuple(evidence.base.values()),
        tuple(evidence.head.values()),
        evidence.duets,
        evidence.failures,
        policy,
        base_label=evidence.base_label,
        head_label=evidence.head_label,
        prejudged=judge_instructions(evidence.instructions, project.policy)
        + judge_same_code(evidence.same, project.policy),
    )
    if evidence.cut_off is not None:
        decision = cut_decision(decision, evidence.cut_off)
    slips = _slips(decision, policy, evidence) if not options.only else ()
    decision = replace(decision, warnings=(*decision.warnings, *slips, *evidence.warnings))
    stored = look_back(project, decision, evidence.head, base_is=evidence.base_is)
    view = build_view(
        decision,
        base_runs=held_runs(evidence.base, policy),
        head_runs=held_runs(evidence.head, policy),
        duets=evidence.duets,
        title=project.root.name,
        commands=[
            *next_commands(decision, stored),
            *accept_commands(failing(decision, project.policy)),
        ],
        subjects=_subjects(project, evidence),
        stored=stored,
        recordings=evidence.recordings,
        noise=known_noise(project) if evidence.duets else None,
    )
    paths = write_reports(reports_folder(project.root, project.config, options.reports), view)
    note_decision(decision, evidence.duets)
    note_files(paths)
    show_decision(decision, paths, options.form, view)
    code = exit_code(decision, undecided=options.undecided or project.config.undecided)
    if evidence.interrupted:
        warn("interrupted; this is what was known by then")
        code = INTERRUPTED
    return Compared(decision=decision, view=view, paths=paths, exit_code=code)


def _slips(decision: Decision, policy: Policy, evidence: Evidence) -> tuple[str, ...]:
    if evidence.complete:
        return unmatched(decision, policy)
    exact = {*evidence.base, *evidence.head}
    return unmatched(decision, policy, exact=exact) if evidence.complete_exact else ()


def _subjects(project: Project, evidence: Evidence) -> dict[str, str]:
    commits = (evidence.base_label, evidence.head_label)
    return {
        commit: project.repository.commit(commit).subject
        for commit in commits
        if commit != WORKTREE and not commit.startswith(BASELINE)
    }
