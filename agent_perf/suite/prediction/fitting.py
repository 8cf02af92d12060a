"""
What each kind of work costs, found from whole requests.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.errors import TooFewSamplesError
from agent_perf.sim import CpuCosts
from agent_perf.sim.cpu import REQUESTS
from agent_perf.suite.prediction.observing import Observed

REQUESTS_MIN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """
    Costs, and how well they explain what requests took.

    Attributes:
        costs: Of each kind of work, and of a request.
        mean_ns: CPU time of a request, over all.
        paths: Path to what a request of it took, and what the costs say, in ns on average.
        request_count: How many stand behind it.
    """

    costs: CpuCosts
    mean_ns: float
    paths: Mapping[str, tuple[float, float]]
    request_count: int


def fit_costs(requests: Sequence[Observed], prior: CpuCosts) -> Fit:
    """
    Return what each kind of work cost on average in *requests*: in sum, what they took.

    Args:
        requests: At least `REQUESTS_MIN`, asked one at a time.
        prior: What a call costs, which requests do not tell.

    Raises:
        TooFewSamplesError: If there are fewer.
    """
    if len(requests) < REQUESTS_MIN:
        raise TooFewSamplesError(
            f"{len(requests)} requests to learn CPU costs from; want at least {REQUESTS_MIN}"
        )
    amounts: Counter[str] = Counter()
    spent_ns: dict[str, float] = defaultdict(float)
    own_ns = _own_ns(requests)
    for one in requests:
        amounts.update(one.counts)
        for name, ns in _beyond(one.spent_ns, own_ns).items():
            spent_ns[name] += ns
    costs = CpuCosts(
        ns={name: round(ns / max(1, amounts[name])) for name, ns in sorted(spent_ns.items())},
        # What bytes cost has been spent on the work that they belong to.
        ns_per_kib=dict.fromkeys(prior.ns_per_kib, 0),
        ns_per_call=prior.ns_per_call,
        source=f"{len(requests)} requests in real time, one at a time",
    )
    said = [sum(costs.of(name, amount) for name, amount in one.counts.items()) for one in requests]
    return Fit(
        costs=costs,
        mean_ns=statistics.fmean(one.cpu_ns for one in requests),
        paths=_by_path(requests, said),
        request_count=len(requests),
    )


def _own_ns(requests: Sequence[Observed]) -> float | None:
    """Return what requests take that do nothing that is counted; None if all do."""
    bare = [one.cpu_ns for one in requests if one.spent_ns.keys() == {REQUESTS}]
    return statistics.fmean(bare) if bare else None


def _beyond(spent_ns: Mapping[str, int], own_ns: float | None) -> Mapping[str, float]:
    """Return *spent_ns* with all but *own_ns* of a request's end given to its other work."""
    others_ns = sum(ns for name, ns in spent_ns.items() if name != REQUESTS)
    if own_ns is None or not others_ns or REQUESTS not in spent_ns:
        return spent_ns
    share = (others_ns + spent_ns[REQUESTS] - own_ns) / others_ns
    if share < 0:
        return spent_ns
    return {name: own_ns if name == REQUESTS else ns * share for name, ns in spent_ns.items()}


def _by_path(
    requests: Sequence[Observed], said: Sequence[float]
) -> Mapping[str, tuple[float, float]]:
    groups: dict[str, list[tuple[float, float]]] = {}
    for one, ns in zip(requests, said, strict=True):
        groups.setdefault(one.path, []).append((one.cpu_ns, ns))
    return {
        path: (statistics.fmean(a for a, _ in pairs), statistics.fmean(b for _, b in pairs))
        for path, pairs in sorted(groups.items())
    }
