"""
Limits and targets that are for nothing: a pattern with a slip in it protects nobody.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from agent_perf.gate.policy import DEFAULT_RULES, Policy
from agent_perf.records import Decision, matches

_WILD: Final = frozenset("*?[")


def unmatched(
    decision: Decision, policy: Policy, *, exact: Collection[str] | None = None
) -> tuple[str, ...]:
    """
    Return a warning for each limit or target of the project that matches nothing.

    None if a benchmark gave no value, for what it would have is not known, and none for
    metrics of a family that other verbs measure.

    Args:
        decision: On all of the project's benchmarks.
        policy: What was decided by.
        exact: The benchmarks that were measured whole, if sampled ones were left out or spared:
            nothing is said of metrics that only those have. None: all were.
    """
    if decision.failures:
        return ()
    names = [
        *((one.benchmark, one.metric) for one in decision.comparisons),
        *((one.benchmark, one.metric) for one in decision.breaches),
    ]
    if exact is not None:
        names = [name for name in names if name[0] in exact]
    return tuple(
        f"{kind} for {_spelt(benchmark, metric)} matches nothing that was judged"
        f"{_hint(benchmark, metric, names)}"
        for kind, benchmark, metric in dict.fromkeys((*_limits(policy), *_targets(policy)))
        if is_of_measured_family(metric, names)
        and (exact is None or not _WILD & set(_family(metric)))
        and not any(matches(name, benchmark) and matches(of, metric) for name, of in names)
    )


def is_of_measured_family(metric: str, names: Iterable[tuple[str, str]]) -> bool:
    """Return whether *names*, benchmarks with metrics, have one of the family of *metric*."""
    family = _family(metric)
    return any(matches(_family(of), family) for _, of in names)


def _family(metric: str) -> str:
    first, *rest = metric.split(".")
    # Of resources, a simulation knows some, and a recorded process others.
    return ".".join([first, *rest[:1]]) if first == "resources" else first


def _limits(policy: Policy) -> Iterator[tuple[str, str, str]]:
    for rule in policy.rules:
        if rule not in DEFAULT_RULES:
            yield "limit", rule.benchmark, rule.metric


def _targets(policy: Policy) -> Iterator[tuple[str, str, str]]:
    for benchmark, table in policy.targets.items():
        for metric in table:
            yield "target", benchmark, metric


def _hint(benchmark: str, metric: str, names: Sequence[tuple[str, str]]) -> str:
    """Return what was perhaps meant: the nearest name of whichever part matches nothing."""
    for place, pattern in enumerate((benchmark, metric)):
        known = sorted({name[place] for name in names})
        if not any(matches(name, pattern) for name in known):
            close = difflib.get_close_matches(pattern, known, n=1)
            return f"; did you mean {close[0]!r}?" if close else ""
    return ""


def _spelt(benchmark: str, metric: str) -> str:
    return repr(metric) if benchmark == "*" else repr(f"{benchmark}:{metric}")
