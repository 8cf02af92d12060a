"""
What is known of two commits before they are judged: measured, sampled, counted, or kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent_perf.cli.commands import command_warnings, sample_commands
from agent_perf.cli.instructions import count_commits, instructions_wanted
from agent_perf.cli.measuring import Measured, Wish, cut_off_of, measure_commits
from agent_perf.cli.output import warn
from agent_perf.cli.progress import BarProgress, LineProgress
from agent_perf.cli.project import Project, resolve_pair, short_name
from agent_perf.cli.resource_sampling import budget_warning, sample_resources
from agent_perf.cli.sampling import sample_commits, sampling_warnings
from agent_perf.cli.stored_runs import base_choice
from agent_perf.cli.unseen_changes import unseen_changes
from agent_perf.errors import UsageError
from agent_perf.records import CommandSpec, CutOff, DuetRun, Failure, InstructionRun, Run
from agent_perf.report import RecordingPair
from agent_perf.stats import LOOKS
from agent_perf.suite import Duets, InstructionCounts

BASELINE = "baseline:"
"""How the name of a baseline begins where a commit could stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """
    How to compare; the attributes are the options of the verb.

    Attributes:
        budget_is_whole: Whether the time budget holds for exact benchmarks, too: they are
            measured in any case, and what is left of it is for the sampled ones.
        base_is: How the base was chosen, for people.
    """

    only: tuple[str, ...] = ()
    fresh: bool = False
    exact_only: bool = False
    instructions: bool | None = None
    resources_interval_s: float | None = None
    time_budget_s: float = 60.0
    budget_is_whole: bool = False
    rounds_max: int | None = None
    undecided: str | None = None
    max_cost_usd: float | None = None
    reports: Path | None = None
    form: str = "text"
    base_is: str = ""


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
        complete_exact: Whether all exact ones were, of those that were asked for.
        warnings: What is worth knowing of how it was measured.
        interrupted: Whether somebody ended the sampling before its time.
        recordings: Benchmark to what it took on base and head, if that was sampled.
        base_is: How the base was chosen; empty if it was named.
        cut_off: Why not everything was measured; None unless it cost too much.
        specs: Base and head to the commands that they have; empty if none are executed.
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
    complete_exact: bool = False
    warnings: tuple[str, ...] = ()
    interrupted: bool = False
    recordings: Mapping[str, RecordingPair] = field(default_factory=dict)
    base_is: str = ""
    cut_off: CutOff | None = None
    specs: Mapping[str, Sequence[CommandSpec]] = field(default_factory=dict)


def gather(
    project: Project,
    base: str | None,
    head: str,
    options: CompareOptions,
    progress: LineProgress | BarProgress,
) -> Evidence:
    """
    Return what is known of *base* and *head* after measuring what is not stored.

    Args:
        project: Where they are.
        base: A ref, or ``baseline:NAME``; None: what *head* is best compared with.
        head: A ref.
        options: How to measure.
        progress: Told how far it is.

    Raises:
        UsageError: If a ref or a baseline is not there, or cannot give what is asked for.
        StoreError: If a run cannot be stored.
    """
    if base is not None and base.startswith(BASELINE):
        return _with_baseline(project, base, head, options, progress)
    start_s = time.monotonic()
    evidence = _with_commit(project, base, head, options, progress)
    whole = not (evidence.interrupted or evidence.cut_off)
    if any(evidence.specs.values()):
        spent_s = time.monotonic() - start_s if options.budget_is_whole else 0.0
        left_s = max(0.0, options.time_budget_s - spent_s)
        evidence = _with_commands(project, evidence, options, left_s, progress)
    if options.resources_interval_s is not None and whole:
        return _with_resources(project, evidence, options, progress)
    return evidence


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
    wish = _wish(project, options)
    start_s = time.monotonic()
    measured = measure_commits(project, (base_id, head_id), wish, progress)
    spent_s = time.monotonic() - start_s if options.budget_is_whole else 0.0
    for one in measured.values():
        for warning in one.warnings:
            warn(warning)
    cut = cut_off_of(measured.values(), wish.max_cost_usd)
    left = {name for one in measured.values() for name in one.left}
    duets = Duets(runs=(), failures=())
    # Commands come after micro-benchmarks: of a budget for all, half of the rest is theirs.
    share = 0.5 if options.budget_is_whole and any(one.specs for one in measured.values()) else 1.0
    if not options.exact_only and cut is None:
        duets = sample_commits(
            project,
            base_id,
            head_id,
            only=options.only,
            time_budget_s=max(0.0, options.time_budget_s - spent_s) * share,
            rounds_max=options.rounds_max,
            spare=not options.fresh,
            say=progress.say,
        )
    counts = InstructionCounts(runs=(), failures=())
    if count and cut is None and not duets.interrupted:
        counts = count_commits(project, base_id, head_id, options.only, progress.say)
    failures = (*measured[base_id].failures, *measured[head_id].failures)
    return Evidence(
        base_label=base_id,
        head_label=head_id,
        # What one side lacks for want of money is not missing, and not new.
        base={name: run for name, run in measured[base_id].runs.items() if name not in left},
        head={name: run for name, run in measured[head_id].runs.items() if name not in left},
        duets=duets.runs,
        same=duets.same,
        instructions=counts.runs,
        failures=(*failures, *duets.failures, *counts.failures),
        complete=not (options.exact_only or duets.interrupted or duets.same or cut),
        complete_exact=cut is None,
        warnings=(
            *sampling_warnings(duets, options.time_budget_s),
            *unseen_changes(project, base_id, head_id),
        ),
        interrupted=duets.interrupted,
        base_is=options.base_is if base is not None else base_choice(project, base_id, head_id),
        cut_off=cut,
        specs=(
            {}
            if options.exact_only or duets.interrupted or cut
            else {commit: measured[commit].specs for commit in (base_id, head_id)}
        ),
    )


def _with_commands(
    project: Project,
    evidence: Evidence,
    options: CompareOptions,
    time_budget_s: float,
    progress: LineProgress | BarProgress,
) -> Evidence:
    took = sample_commands(
        project,
        evidence.specs,
        time_budget_s=time_budget_s,
        rounds_max=options.rounds_max,
        tell=progress.say,
    )
    return replace(
        evidence,
        duets=(*evidence.duets, *took.runs),
        failures=(*evidence.failures, *took.failures),
        warnings=(*evidence.warnings, *command_warnings(took, options.time_budget_s)),
    )


def _wish(project: Project, options: CompareOptions) -> Wish:
    limit = options.max_cost_usd
    return Wish(
        only=options.only,
        fresh=options.fresh,
        max_cost_usd=project.config.max_cost_usd if limit is None else limit,
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
    kept = project.baselines.load(base.removeprefix(BASELINE))
    head_id = project.repository.resolve(head)
    wish = _wish(project, options)
    measured: Measured = measure_commits(project, (head_id,), wish, progress)[head_id]
    cut = cut_off_of((measured,), wish.max_cost_usd)
    # Sampled metrics need base and head side by side: a baseline holds exact ones only.
    return Evidence(
        base_label=base,
        head_label=head_id,
        base={run.benchmark: run for run in kept.runs if run.benchmark not in measured.left},
        head=measured.runs,
        failures=measured.failures,
        complete=False,
        cut_off=cut,
    )
