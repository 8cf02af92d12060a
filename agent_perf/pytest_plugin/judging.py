"""
What becomes of the runs of one test, and of those of a session: the gate decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent_perf.gate import Policy, breach_line, exit_code, judge, waived_lines
from agent_perf.pytest_plugin.ground import Ground
from agent_perf.records import Breach, CommandRun, CommandSpec, Decision, Run
from agent_perf.repository import WORKTREE

_OWN_FAILURES = ("AssertionError", "Failed")
"""Categories of requests in which an assertion of the test itself did not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """
    A run of a test, with what the test promises of it.

    Attributes:
        run: What was measured.
        targets: Metric to the worst value allowed, by the test's marker.
    """

    run: Run
    targets: Mapping[str, float]


def judge_kept(kept: Sequence[Kept], ground: Ground) -> Decision:
    """
    Return what the gate makes of *kept*, one run per benchmark.

    Without anything to compare with, each run is held to its targets alone: those of its
    scenario, of the project, and of its test, of which the later ones win.

    Args:
        kept: Of different benchmarks.
        ground: What they are judged on.
    """
    heads = [one.run for one in kept]
    bases = [base for head in heads if (base := ground.base_of(head)) is not None]
    return judge(
        bases,
        heads,
        (),
        (),
        policy_of(kept, ground),
        base_label=ground.base_label or "no base",
        head_label=WORKTREE,
    )


def policy_of(kept: Sequence[Kept], ground: Ground) -> Policy:
    """Return what *kept* are judged by, the targets of their tests included."""
    return ground.with_targets({one.run.benchmark: one.targets for one in kept if one.targets})


def failure_lines(kept: Sequence[Kept], ground: Ground) -> tuple[str, ...]:
    """
    Return a line for each thing for which the test of *kept* fails, and why; none if it passes.
    """
    lines: list[str] = []
    for one in kept:
        lines += _own_failures(one.run)
        decision = judge_kept((one,), ground)
        if exit_code(decision, undecided=ground.config.undecided):
            lines += (*decision.lines, *why_lines(decision))
    return tuple(dict.fromkeys(lines))


def command_lines(
    commands: Sequence[tuple[CommandSpec, CommandRun]],
    targets: Mapping[str, float],
    ground: Ground,
) -> tuple[str, ...]:
    """
    Return a line for each target that one of *commands* misses by the median of its executions.

    Args:
        commands: What was executed.
        targets: What the test promises, over what the project and the commands do.
        ground: The project.
    """
    lines = []
    for spec, run in commands:
        promised = {**ground.policy.targets_for(spec.name, spec.targets), **targets}
        found = {metric.name: metric for metric in run.metrics()}
        for name, limit in promised.items():
            if name not in found:
                known = ", ".join(found)
                lines.append(f"UNDECIDED {spec.name} {name} a command has {known} alone")
            elif found[name].value > limit:
                missed = Breach(
                    benchmark=spec.name,
                    metric=name,
                    unit=found[name].unit,
                    observed=found[name].value,
                    limit=limit,
                )
                lines.append(breach_line(missed))
    return tuple(lines)


def why_lines(decision: Decision) -> tuple[str, ...]:
    """Return a line for each cause, and one for each thing that is waived."""
    causes = (
        f"WHY {benchmark}: {cause.text}"
        for benchmark, causes in decision.causes.items()
        for cause in causes
    )
    waived = (line for use in decision.waivers for line in waived_lines(use))
    return (*causes, *waived)


def one_per_benchmark(kept: Sequence[Kept]) -> tuple[tuple[Kept, ...], tuple[str, ...]]:
    """
    Return the last of *kept* for each benchmark, and a warning for those that differed.

    Two tests may measure the same scenario: in virtual time it comes to the same, unless
    what a test did before has left something behind.
    """
    found: dict[str, Kept] = {}
    warnings = []
    for one in kept:
        before = found.get(one.run.benchmark)
        if before is not None and before.run.trace_digest != one.run.trace_digest:
            warnings.append(
                f"{one.run.benchmark} was measured twice, with different results: something is "
                "left from one test to the next (a cache of a module?); the last one is told"
            )
        found[one.run.benchmark] = one
    return tuple(found.values()), tuple(dict.fromkeys(warnings))


def _own_failures(run: Run) -> list[str]:
    # A request that fails is a result; an assertion that does not hold is the test's failure.
    failed = [name for name in run.errors.values() if name in _OWN_FAILURES]
    if not failed:
        return []
    return [
        f"FAIL {run.benchmark} assertions in requests observed={len(failed)} limit=0 interval=exact"
    ]
