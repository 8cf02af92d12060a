"""
What each kind of work costs, found from whole requests.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent_perf.errors import TooFewSamplesError
from agent_perf.sim import CpuCosts
from agent_perf.suite.prediction.observing import Observed

REQUEST: Final = "requests"
"""Work count of which each request has one: what its own code costs."""

REQUESTS_MIN: Final = 20
_PRIOR_WEIGHT: Final = 0.02
"""
How much the prior proportions count: so little that they decide only what requests leave open,
as between two kinds of work that always come together.
"""


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
    Return the costs, none below 0, that explain best what *requests* took.

    The sum over all requests is met exactly, for it is what keeps a loop busy.

    Args:
        requests: At least `REQUESTS_MIN`, asked one at a time.
        prior: What the kinds cost in proportion, as far as requests do not tell.

    Raises:
        TooFewSamplesError: If there are fewer.
    """
    if len(requests) < REQUESTS_MIN:
        raise TooFewSamplesError(
            f"{len(requests)} requests to learn CPU costs from; want at least {REQUESTS_MIN}"
        )
    spent = np.array([one.cpu_ns for one in requests], dtype=np.float64)
    mean_ns = float(spent.mean())
    names = [name for name in prior.ns if any(one.counts.get(name) for one in requests)]
    work = np.array([[one.counts.get(name, 0) for name in names] for one in requests], dtype=float)
    work = np.column_stack([work, np.ones(len(requests))])
    guess = np.array([prior.ns[name] for name in names] + [0.0])
    # Whatever the proportions, a request's own code is some of it.
    guess[-1] = max(mean_ns - float((work @ guess).mean()), 0.1 * mean_ns)
    guess *= mean_ns / float((work @ guess).mean())
    factors = _bounded(work * guess / mean_ns, spent / mean_ns)
    found = guess * factors
    found *= mean_ns / float((work @ found).mean())
    said = work @ found
    costs = CpuCosts(
        ns={name: round(float(ns)) for name, ns in zip((*names, REQUEST), found, strict=True)},
        ns_per_kib=prior.ns_per_kib,
        ns_per_call=prior.ns_per_call,
        source=f"{len(requests)} requests in real time, one at a time",
    )
    return Fit(
        costs=costs,
        mean_ns=mean_ns,
        paths=_by_path(requests, [float(ns) for ns in said]),
        request_count=len(requests),
    )


def _bounded(shares: NDArray[np.float64], spent: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Return factors >= 0 of the columns of *shares* whose sum is nearest to *spent*, and near 1.

    Source: Lawson & Hanson, *Solving Least Squares Problems* (1974), chapter 23, without the
    steps back in: with so few columns one that was driven below 0 does not return.
    """
    count, width = shares.shape
    pull = _PRIOR_WEIGHT * np.sqrt(count / width) * np.diag(shares.mean(axis=0))
    matrix = np.vstack([shares, pull])
    wanted = np.concatenate([spent, pull.sum(axis=1)])
    factors = np.zeros(width)
    kept = np.flatnonzero(shares.any(axis=0))
    while kept.size:
        solved = np.linalg.lstsq(matrix[:, kept], wanted, rcond=None)[0]
        if (solved >= 0).all():
            factors[kept] = solved
            break
        kept = np.delete(kept, int(np.argmin(solved)))
    return factors


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
