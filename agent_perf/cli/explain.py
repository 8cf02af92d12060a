"""
``agent-perf explain``: why a benchmark became slower, and what our words mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from agent_perf.cli.meanings import MEANINGS, Meaning
from agent_perf.cli.measuring import Wish, measure_commits
from agent_perf.cli.output import plain, print_json, print_table, say
from agent_perf.cli.progress import show_progress
from agent_perf.cli.project import Project, open_project, resolve_pair, short_name
from agent_perf.cli.stored_runs import look_back
from agent_perf.config import did_you_mean
from agent_perf.errors import BrokenError, UsageError
from agent_perf.gate import explain as find_causes
from agent_perf.gate import judge
from agent_perf.records import Cause, Decision, Run, matches
from agent_perf.report import Commit as ReportCommit
from agent_perf.report import (
    Stored,
    metric_label,
    metric_labels,
    path_table,
    waterfall_lines,
    work_table,
)
from agent_perf.units import format_change, format_value

_SHOWN = ("latency.p50", "latency.p95", "latency.p99")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """
    Why one benchmark is as it is.

    Attributes:
        base: Its run on the base.
        head: Likewise.
        decision: On these two runs.
        causes: What made the head worse, the weightiest first.
        stored: The commits between, as far as they are known.
        others: Other benchmarks that the name matched.
    """

    base: Run
    head: Run
    decision: Decision
    causes: tuple[Cause, ...]
    stored: Stored
    others: tuple[str, ...]


def explain(thing: str, base: str | None, head: str, form: str) -> int:
    """
    Print what *thing* means, or why it became slower; return the exit code, 0.

    Raises:
        UsageError: If it is no word of ours and no benchmark.
        BrokenError: If the benchmark gives no value.
    """
    meanings = find_meanings(thing) if base is None else ()
    if meanings:
        _show_meanings(meanings, form)
        return 0
    explanation = _explain_benchmark(open_project(Path.cwd()), thing, base, head)
    if form == "json":
        print_json(_as_json(explanation))
    else:
        _show(explanation)
    return 0


def find_meanings(word: str) -> tuple[Meaning, ...]:
    """Return what *word* means, in each of its senses; nothing if it is none of ours."""
    lower = word.strip().lower()
    spelt = {lower, lower.replace("_", "-"), lower.replace("-", " ")}
    return tuple(one for one in (*MEANINGS, *_counts()) if one.word in spelt or one.word == lower)


def _counts() -> Iterator[Meaning]:
    for name, label in metric_labels().items():
        yield Meaning(
            kind="count" if name.startswith("work.") else "metric",
            word=name,
            text=f"The {label} of a benchmark"
            + (", over all of its requests: counted exactly." if name[:4] == "work" else "."),
            way_out=f'Its limit is set by `"{name}" = "5%"` under [limits], its target under '
            "[targets].",
        )


def _show_meanings(meanings: Sequence[Meaning], form: str) -> None:
    if form == "json":
        print_json(meanings)
        return
    for one in meanings:
        click.echo(f"{one.word} ({one.kind}): {one.text}")
        if one.way_out:
            click.echo(f"  {one.way_out}")


def _explain_benchmark(project: Project, name: str, base: str | None, head: str) -> Explanation:
    base_id, head_id = resolve_pair(project, base, head)
    pairs = _stored_pairs(project, name, base_id, head_id)
    if not pairs:
        say(f"{name} is not stored for both commits: measuring it")
        pairs = _measured_pairs(project, name, base_id, head_id)
    decision = judge(
        tuple(one for one, _ in pairs.values()),
        tuple(one for _, one in pairs.values()),
        (),
        (),
        project.policy,
        base_label=base_id,
        head_label=head_id,
    )
    worst = decision.comparisons[0].benchmark
    before, after = pairs[worst]
    return Explanation(
        base=before,
        head=after,
        decision=decision,
        causes=find_causes(before, after),
        stored=look_back(project, decision, {worst: after}, base_is=""),
        others=tuple(sorted(set(pairs) - {worst})),
    )


def _stored_pairs(
    project: Project, name: str, base: str, head: str
) -> Mapping[str, tuple[Run, Run]]:
    """Return benchmark to comparable runs of both commits, of those that *name* matches."""
    pairs: dict[str, tuple[Run, Run]] = {}
    for run in project.store.load(head).runs.values():
        if _is_meant(run, name):
            found = tuple(project.store.load_like(base, run).runs.values())
            if found:
                pairs[run.benchmark] = (found[0], run)
    return pairs


def _measured_pairs(
    project: Project, name: str, base: str, head: str
) -> Mapping[str, tuple[Run, Run]]:
    with show_progress() as progress:
        wish = Wish(only=(name,))
        measured = measure_commits(project, (base, head), wish, progress)
    before, after = measured[base].runs, measured[head].runs
    pairs = {one: (before[one], after[one]) for one in after if one in before}
    if pairs:
        return pairs
    failures = (*measured[head].failures, *measured[base].failures)
    if failures:
        first = failures[0]
        raise BrokenError(f"{first.benchmark} gives no value ({first.category}): {first.message}")
    known = {
        run.benchmark
        for commit in project.store.commits()[:3]
        for run in project.store.load(commit).runs.values()
    }
    words = [one.word for one in MEANINGS]
    hint = did_you_mean(name, [*known, *words] if known else words, kind="there are")
    raise UsageError(f"{name!r} is no benchmark of both commits, and no word of ours; {hint}")


def _is_meant(run: Run, name: str) -> bool:
    return matches(run.benchmark, name) or matches(run.scenario, name)


def _show(explanation: Explanation) -> None:
    base, head, decision = explanation.base, explanation.head, explanation.decision
    click.echo(f"{head.benchmark}: {short_name(decision.base)} -> {short_name(decision.head)}")
    for cause in explanation.causes:
        click.echo(f"WHY {plain(cause.text)}")
    if not explanation.causes:
        click.echo("nothing that requests do or wait for has grown")
    mine = [one for one in decision.comparisons if one.benchmark == head.benchmark]
    click.echo("")
    print_table(
        ("metric", "base", "head", "change", "verdict"),
        [
            (
                metric_label(one.metric),
                "-" if one.base is None else format_value(one.base, one.unit),
                "-" if one.head is None else format_value(one.head, one.unit),
                "" if one.change_ratio is None else format_change(one.change_ratio),
                one.verdict.value,
            )
            for one in mine
            if one.metric in _SHOWN or one.change_ratio
        ],
    )
    for table in (work_table(base, head), path_table(base, head)):
        if table is not None:
            click.echo(f"\n{table.caption}")
            print_table(table.header, table.rows)
    click.echo("\nThe request nearest P95")
    for line in waterfall_lines(base.exemplar, head.exemplar):
        click.echo(plain(line))
    _show_commits(explanation)


def _show_commits(explanation: Explanation) -> None:
    stored, decision = explanation.stored, explanation.decision
    steps = {step.commit for step in stored.steps}
    if stored.between:
        click.echo("\nCommits between, oldest first")
    for commit in stored.between:
        click.echo(f"{commit.name[:8]}  {plain(commit.subject)}{_mark(commit, steps)}")
    if any(commit.failure for commit in stored.between):
        base, head = short_name(decision.base), short_name(decision.head)
        click.echo(f"`agent-perf run {base}..{head}` measures the others and finds the one")
    if explanation.others:
        names = ", ".join(explanation.others[:5])
        click.echo(f"\n{len(explanation.others)} more match: {names}")


def _mark(commit: ReportCommit, steps: set[str]) -> str:
    if commit.name in steps:
        return "  <- made it worse"
    return f"  ({commit.failure})" if commit.failure else ""


def _as_json(explanation: Explanation) -> dict[str, object]:
    base, head = explanation.base, explanation.head
    return {
        "benchmark": head.benchmark,
        "base": explanation.decision.base,
        "head": explanation.decision.head,
        "causes": explanation.causes,
        "comparisons": [
            one for one in explanation.decision.comparisons if one.benchmark == head.benchmark
        ],
        "work": {"base": base.counts, "head": head.counts},
        "requests": {"base": len(base.latency_ns), "head": len(head.latency_ns)},
        "operations": {"base": base.operations, "head": head.operations},
        "request_nearest_p95": {"base": base.exemplar, "head": head.exemplar},
        "commits": msgspec.to_builtins(explanation.stored.between),
        "made_it_worse": [step.commit for step in explanation.stored.steps],
        "others": explanation.others,
    }
