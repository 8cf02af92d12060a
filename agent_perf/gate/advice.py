"""
Recommendations: what follows from the facts of a run, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agent_perf.gate.advice_on_calls import CALL_RULES
from agent_perf.gate.advice_on_limits import LIMIT_RULES
from agent_perf.records import Advice, Run

_RULES = (*CALL_RULES, *LIMIT_RULES)


def advise(base_runs: Mapping[str, Run], head_runs: Mapping[str, Run]) -> tuple[Advice, ...]:
    """
    Return what to do about *head_runs*: what is new first, then in the order of the rules.

    The loads of a scenario share a recommendation, in the words of the one it costs most.

    Args:
        base_runs: Benchmark to its run before the change; may be empty.
        head_runs: Benchmark to its run.
    """
    groups: dict[tuple[str, str], list[Advice]] = {}
    for run in head_runs.values():
        for one in advise_on(run):
            groups.setdefault((run.scenario, one.kind), []).append(one)
    before = {
        (one.kind, name)
        for run in base_runs.values()
        for one in advise_on(run)
        for name in one.benchmarks
    }
    order = {rule.__name__: place for place, rule in enumerate(_RULES)}
    found = [_merged(group, before, base_runs) for group in groups.values()]
    return tuple(sorted(found, key=lambda one: (not one.new, order[_rule(one)], -one.cost_ns)))


def advise_on(run: Run) -> tuple[Advice, ...]:
    """Return what to do about one run, in the order of the rules; nothing without requests."""
    if not run.latency_ns:
        return ()
    found = (rule(run) for rule in _RULES)
    return tuple(one for one in found if one is not None)


def _merged(
    group: Iterable[Advice], before: set[tuple[str, str]], base_runs: Mapping[str, Run]
) -> Advice:
    ordered = sorted(group, key=lambda one: -one.cost_ns)
    names = tuple(name for one in ordered for name in one.benchmarks)
    known = [name for name in names if name in base_runs]
    new = bool(known) and not any((ordered[0].kind, name) in before for name in known)
    return replace(ordered[0], benchmarks=names, new=new)


def _rule(advice: Advice) -> str:
    return advice.kind.replace("-", "_")
