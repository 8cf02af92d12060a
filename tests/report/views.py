"""The samples as views: every kind of report there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Final

from agent_perf.gate import Waivers, cut_decision, judge, make_policy
from agent_perf.records import CutOff, Decision, Run, Waiver
from agent_perf.report import (
    Command,
    View,
    build_findings_view,
    build_history_view,
    build_series_view,
    build_view,
)
from tests.gate.deciding import OLD, decide, duet, slow_by
from tests.report import duet_samples, findings, loads, past_samples, samples


def failed() -> View:
    """A change for the worse, with everything that a report can say about it."""
    decision, base, head = samples.n_plus_one()
    return build_view(
        decision,
        base_runs=base,
        head_runs=head,
        title="shop-assistant",
        commands=samples.COMMANDS,
        subjects={
            samples.BASE: "Answer chats from the model",
            samples.HEAD: "Load each cited document by itself",
        },
    )


def small() -> View:
    """The same, of two benchmarks: small enough for a golden file."""
    decision, base, head = samples.n_plus_one()
    names = {"agent.chat@200", "cache.read@200"}
    decision = replace(
        decision,
        comparisons=tuple(one for one in decision.comparisons if one.benchmark in names),
        causes={name: causes for name, causes in decision.causes.items() if name in names},
    )
    return build_view(
        decision,
        base_runs={name: base[name] for name in names},
        head_runs={name: head[name] for name in names},
        title="shop-assistant",
        commands=samples.COMMANDS,
    )


def passed() -> View:
    """Nothing changed."""
    decision, base, head = samples.steady()
    return build_view(decision, base_runs=base, head_runs=head, title="shop-assistant")


def undecided() -> View:
    """Noise and change cannot be told apart."""
    decision, duets = duet_samples.sampled()
    return build_view(
        decision,
        base_runs={},
        head_runs={},
        duets=duets,
        noise=duet_samples.NOISE,
        title="shop-assistant",
        commands=[Command(purpose="Measure longer", line="agent-perf compare 36a4e77 9a81b4c")],
    )


def waived() -> View:
    """Regressions of which some are accepted, with a waiver that expired and one of no use."""
    return _with_waivers(
        Waiver(
            benchmark="agent.chat@*",
            metric="latency.p*",
            reason="the new safety check <b>issue 41</b>",
            until=date(2031, 12, 24),
            author="ada",
        ),
        Waiver(
            benchmark="agent.*",
            metric="latency.mean",
            reason="until the cache is back",
            until=date(2031, 11, 30),
            at_most_ratio=0.3,
        ),
        Waiver(benchmark="events.*", metric="*", reason="moved", until=date(2032, 1, 31)),
    )


def all_waived() -> View:
    """What is beyond its limit is accepted, so that the gate passes."""
    return _with_waivers(
        Waiver(benchmark="agent.*", metric="*", reason="known", until=date(2031, 12, 1))
    )


def _with_waivers(*waivers: Waiver) -> View:
    base, head = OLD, slow_by(20)
    policy = make_policy({}, {"agent.chat@50": {"latency.p99": "110ms"}})
    decision = judge(
        [base],
        [head],
        (),
        (),
        replace(policy, waivers=Waivers(entries=waivers, today=date(2031, 12, 1))),
        base_label=samples.BASE,
        head_label=samples.HEAD,
    )
    return build_view(
        decision,
        base_runs={base.benchmark: base},
        head_runs={head.benchmark: head},
        title="shop-assistant",
    )


def sampled() -> View:
    """A regression that fresh rounds uphold, and a micro-benchmark that stays as it was."""
    worse = replace(
        duet(*(1.3, 1.31, 1.29, 1.3, 1.32, 1.28) * 3),
        confirmation=duet(*(1.3, 1.29, 1.31, 1.3, 1.28, 1.32) * 3),
    )
    same = duet(*(1.0, 1.001, 0.999) * 6, benchmark="cache.Memory.time_set")
    decision = decide([], [], duets=[worse, same])
    return build_view(
        decision, base_runs={}, head_runs={}, duets=[worse, same], title="shop-assistant"
    )


def breached() -> View:
    """Nothing changed, and a target is missed."""
    head = slow_by(0)
    decision = decide([OLD], [head], targets={"agent.chat@50": {"latency.p95": "80ms"}})
    return _of(decision, head)


def warned() -> View:
    """What is beyond its limit, where the limit only warns."""
    head = slow_by(20)
    return _of(decide([OLD], [head], limits={"latency.*": "warn 15%"}), head)


def cut_off() -> View:
    """Model calls had cost too much before everything was measured."""
    cut = CutOff(spent_usd=0.0107, limit_usd=0.01, left=("agent.chat@200", "agent.search@50"))
    head = slow_by(0)
    return _of(cut_decision(decide([OLD], [head]), cut), head)


def _of(decision: Decision, head: Run) -> View:
    return build_view(
        decision,
        base_runs={OLD.benchmark: OLD},
        head_runs={head.benchmark: head},
        title="shop-assistant",
    )


def nothing() -> View:
    """No benchmark was selected."""
    return build_view(samples.nothing(), base_runs={}, head_runs={}, title="shop-assistant")


def broken() -> View:
    """Benchmarks that give no value."""
    return build_view(samples.broken(), base_runs={}, head_runs={}, title="shop-assistant")


def history() -> View:
    """Twelve commits, five of them for the worse."""
    steps, series, commits = past_samples.history()
    return build_history_view(
        steps, series, commits=commits, title="demo", notes=["Exact: the same everywhere."]
    )


def versions() -> View:
    """Versions of a library."""
    series, shifts = past_samples.versions()
    return build_series_view(series, shifts, title="redis-py, client CPU time")


def change_points() -> View:
    """Change points, a trend, a suspicion, and what is acknowledged."""
    return build_findings_view(*findings.history(), title="shop-assistant")


def empty_history() -> View:
    """A range of which nothing was measured."""
    return build_history_view((), (), title="demo")


LOAD_VIEWS: Final[dict[str, Callable[[], View]]] = {
    "load_failed": loads.load_failed,
    "load_faults": loads.load_faults,
    "load_measured": loads.load_measured,
    "load_broken": loads.load_broken,
    "load_search": loads.load_search,
}

VIEWS: Final[dict[str, Callable[[], View]]] = {
    **LOAD_VIEWS,
    "small": small,
    "failed": failed,
    "passed": passed,
    "undecided": undecided,
    "waived": waived,
    "all_waived": all_waived,
    "sampled": sampled,
    "breached": breached,
    "warned": warned,
    "cut_off": cut_off,
    "nothing": nothing,
    "broken": broken,
    "history": history,
    "versions": versions,
    "change_points": change_points,
    "empty_history": empty_history,
}
