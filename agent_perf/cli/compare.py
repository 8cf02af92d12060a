"""
``agent-perf compare``: measure two commits, judge, report.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent_perf.cli.accept import accept_commands
from agent_perf.cli.decision_text import show_decision
from agent_perf.cli.doctor import known_noise
from agent_perf.cli.exits import INTERRUPTED
from agent_perf.cli.instructions import count_commits, instructions_wanted
from agent_perf.cli.measuring import Measured, Wish, measure_commits
from agent_perf.cli.output import warn
from agent_perf.cli.progress import BarProgress, LineProgress, show_progress
from agent_perf.cli.project import (
    Project,
    open_project,
    policy_today,
    resolve_pair,
    short_name,
)
from agent_perf.cli.resource_sampling import budget_warning, sample_resources
from agent_perf.cli.sampling import sample_commits, sampling_warnings
from agent_perf.errors import UsageError
from agent_perf.gate import (
    exit_code,
    failing,
    judge,
    judge_instructions,
    judge_same_code,
    unmatched,
)
from agent_perf.records import Decision, DuetRun, Failure, InstructionRun, Outcome, Run
from agent_perf.report import Command, RecordingPair, build_view, write_reports
from agent_perf.repository import WORKTREE
from agent_perf.stats import LOOKS
from agent_perf.suite import Duets, InstructionCounts

_BASELINE = "baseline:"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """
    How to compare; the attributes are the options of the verb.
    """

    only: tuple[str, ...] = ()
    fresh: bool = False
    exact_only: bool = False
    instructions: bool | None = None
    resources_interval_s: float | None = None
    time_budget_s: float = 60.0
    rounds_max: int | None = None
    undecided: str | None = None
    reports: Path | None = None
    form: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    What is known of base and head.

    Attributes:
        base_label: As the report names the base.
        head_label: Likewise.
        base: Runs by benchmark.
        head: Likewise.
        duets: Sampled rounds.
        same: What was not sampled, for it runs the same code on both.
        instructions: Counted instructions.
        failures: What gave no value.
        complete: Whether sampled benchmarks were measured, too.
        warnings: What is worth knowing of how it was measured.
        interrupted: Whether somebody ended the sampling before its time.
        recordings: Benchmark to what it took on base and head, if that was sampled.
    """

    base_label: str
    head_label: str
    base: Mapping[str, Run]
    head: Mapping[str, Run]
    duets: Sequence[DuetRun] = ()
    same: Sequence[DuetRun] = ()
    instructions: Sequence[InstructionRun] = ()
    failures: Sequence[Failure] = ()
    complete: bool = True
    warnings: tuple[str, ...] = ()
    interrupted: bool = False
    recordings: Mapping[str, RecordingPair] = field(default_factory=dict)


def compare_refs(base: str | None, head: str, options: CompareOptions) -> int:
    """
    Judge *head* against *base*, print a line for each failure, and return the exit code.

    Raises:
        UsageError: If a ref, a baseline, the configuration or the benchmarks are not there.
        StoreError: If a result or the report cannot be written.
    """
    project = open_project(Path.cwd())
    if head != WORKTREE and project.repository.is_dirty():
        warn("there are uncommitted changes, and they are not measured; name 'worktree' for that")
    with show_progress() as progress:
        if base is not None and base.startswith(_BASELINE):
            evidence = _with_baseline(project, base, head, options, progress)
        else:
            evidence = _with_commit(project, base, head, options, progress)
            if options.resources_interval_s is not None and not evidence.interrupted:
                evidence = _with_resources(project, evidence, options, progress)
    complete = evidence.complete and not options.only
    policy = policy_today(project, complete=complete)
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
    slips = unmatched(decision, policy) if complete else ()
    decision = replace(decision, warnings=(*decision.warnings, *slips, *evidence.warnings))
    view = build_view(
        decision,
        base_runs=evidence.base,
        head_runs=evidence.head,
        duets=evidence.duets,
        title=project.root.name,
        commands=[*_commands(decision), *accept_commands(failing(decision, project.policy))],
        subjects=_subjects(project, evidence),
        recordings=evidence.recordings,
        noise=known_noise(project) if evidence.duets else None,
    )
    paths = write_reports(project.root / (options.reports or project.config.reports), view)
    show_decision(decision, paths, options.form)
    if evidence.interrupted:
        warn("interrupted; this is what was known by then")
        return INTERRUPTED
    return exit_code(decision, undecided=options.undecided or project.config.undecided)


def _commands(decision: Decision) -> list[Command]:
    base, head = short_name(decision.base), short_name(decision.head)
    if decision.outcome is Outcome.PASS or not decision.comparisons:
        return [Command(purpose="Compare again", line=f"agent-perf compare {base} {head}")]
    worst = shlex.quote(decision.comparisons[0].benchmark)
    return [
        Command(
            purpose="See it again, this benchmark alone",
            line=f"agent-perf compare {base} {head} --fresh --only {worst}",
        ),
        Command(
            purpose="Find the commit",
            line=f"agent-perf run {base}..{head} && agent-perf report {base}..{head}",
        ),
    ]


def _subjects(project: Project, evidence: Evidence) -> dict[str, str]:
    commits = (evidence.base_label, evidence.head_label)
    return {
        commit: project.repository.commit(commit).subject
        for commit in commits
        if commit != WORKTREE and not commit.startswith(_BASELINE)
    }


def _with_commit(
    project: Project,
    base: str | None,
    head: str,
    options: CompareOptions,
    progress: LineProgress | BarProgress,
) -> Evidence:
    base_id, head_id = resolve_pair(project, base, head)
    count = instructions_wanted(project, options.instructions)
    progress.say(f"comparing {short_name(head_id)} with {short_name(base_id)}")
    wish = Wish(only=options.only, fresh=options.fresh)
    measured = measure_commits(project, (base_id, head_id), wish, progress)
    for one in measured.values():
        for warning in one.warnings:
            warn(warning)
    duets = Duets(runs=(), failures=())
    if not options.exact_only:
        duets = sample_commits(
            project,
            base_id,
            head_id,
            only=options.only,
            time_budget_s=options.time_budget_s,
            rounds_max=options.rounds_max,
            spare=not options.fresh,
            say=progress.say,
        )
    counts = InstructionCounts(runs=(), failures=())
    if count and not duets.interrupted:
        counts = count_commits(project, base_id, head_id, options.only, progress.say)
    failures = (*measured[base_id].failures, *measured[head_id].failures)
    return Evidence(
        base_label=base_id,
        head_label=head_id,
        base=measured[base_id].runs,
        head=measured[head_id].runs,
        duets=duets.runs,
        same=duets.same,
        instructions=counts.runs,
        failures=(*failures, *duets.failures, *counts.failures),
        complete=not (options.exact_only or duets.interrupted or duets.same),
        warnings=sampling_warnings(duets, options.time_budget_s),
        interrupted=duets.interrupted,
    )


def _with_resources(
    project: Project,
    evidence: Evidence,
    options: CompareOptions,
    progress: LineProgress | BarProgress,
) -> Evidence:
    assert options.resources_interval_s is not None
    took = sample_resources(
        project,
        (evidence.base_label, evidence.head_label),
        only=options.only,
        interval_s=options.resources_interval_s,
        time_budget_s=options.time_budget_s,
        rounds_max=options.rounds_max or LOOKS[-1],
        progress=progress,
    )
    return replace(
        evidence,
        duets=(*evidence.duets, *took.runs),
        failures=(*evidence.failures, *took.failures),
        recordings=took.recordings,
        warnings=(*evidence.warnings, *budget_warning(took, options.time_budget_s)),
    )


def _with_baseline(
    project: Project,
    base: str,
    head: str,
    options: CompareOptions,
    progress: LineProgress | BarProgress,
) -> Evidence:
    if options.instructions:
        raise UsageError(
            f"{base} holds no instructions: name a commit, or leave --instructions out"
        )
    if options.resources_interval_s is not None:
        raise UsageError(f"{base} holds no resources: name a commit, or leave --resources out")
    kept = project.baselines.load(base.removeprefix(_BASELINE))
    head_id = project.repository.resolve(head)
    wish = Wish(only=options.only, fresh=options.fresh)
    measured: Measured = measure_commits(project, (head_id,), wish, progress)[head_id]
    # Sampled metrics need base and head side by side: a baseline holds exact ones only.
    return Evidence(
        base_label=base,
        head_label=head_id,
        base={run.benchmark: run for run in kept.runs},
        head=measured.runs,
        failures=measured.failures,
        complete=False,
    )
