"""The samples as views: every kind of report there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from agent_perf.report import (
    Command,
    View,
    build_history_view,
    build_series_view,
    build_view,
)
from tests.report import samples


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
    decision, duets = samples.sampled()
    return build_view(
        decision,
        base_runs={},
        head_runs={},
        duets=duets,
        title="shop-assistant",
        commands=[Command(purpose="Measure longer", line="agent-perf compare 36a4e77 9a81b4c")],
    )


def nothing() -> View:
    """No benchmark was selected."""
    return build_view(samples.nothing(), base_runs={}, head_runs={}, title="shop-assistant")


def broken() -> View:
    """Benchmarks that give no value."""
    return build_view(samples.broken(), base_runs={}, head_runs={}, title="shop-assistant")


def history() -> View:
    """Twelve commits, five of them for the worse."""
    steps, series, commits = samples.history()
    return build_history_view(
        steps, series, commits=commits, title="demo", notes=["Exact: the same everywhere."]
    )


def versions() -> View:
    """Versions of a library."""
    series, shifts = samples.versions()
    return build_series_view(series, shifts, title="redis-py, client CPU time")


def empty_history() -> View:
    """A range of which nothing was measured."""
    return build_history_view((), (), title="demo")


VIEWS: Final[dict[str, Callable[[], View]]] = {
    "small": small,
    "failed": failed,
    "passed": passed,
    "undecided": undecided,
    "nothing": nothing,
    "broken": broken,
    "history": history,
    "versions": versions,
    "empty_history": empty_history,
}
