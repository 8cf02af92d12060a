"""
Runs the same requests in real and in virtual time, with what work costs here.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from agent_perf.errors import UsageError
from agent_perf.load import Poisson
from agent_perf.records import LoadRun, Tier
from agent_perf.repository import WORKTREE
from agent_perf.sim import CpuCosts, CpuMode, LatencyTable, costs_for
from agent_perf.sim.cpu import REQUESTS, STREAMED
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.loading import run_load
from agent_perf.suite.prediction.comparing import Pair, PathError, RateError, errors_at, paths_of
from agent_perf.suite.prediction.fitting import Fit, fit_costs
from agent_perf.suite.prediction.live_round import live_round
from agent_perf.suite.prediction.observing import Watcher, tables_from
from agent_perf.suite.runner import run_scenario
from agent_perf.units import NS

_OVERLOAD: Final = 2.0
"""Times the rate that the CPU bears: enough to keep it busy all the time."""
_ROUND_S: Final = 0.5
"""A round lasts at least so long at the limit: what is over sooner tells of its beginning."""
_KNEE_ROUNDS: Final = 3
_BUSY_ROUNDS: Final = 3
_BUSY_SHARES: Final = (0.2, 0.4, 0.6, 0.8)
"""Where else than alone and at the limit costs are learned: between these they bend."""
_LEARN_SEED: Final = 9_001
"""Other requests than those that are predicted: what is learned by heart predicts nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionPlan:
    """
    What is compared.

    Attributes:
        shares: Rates, as shares of the highest that is carried; ascending, > 0.
        requests: At each rate, in each round, and as many more as half a second's at the limit are;
            the same ones at each, closer together.
        rounds: Of all rates in turns, >= 1.
        learned: Requests that costs are learned from, one at a time.
        seed: Of the first round; each takes the next.
    """

    shares: tuple[float, ...] = (0.2, 0.4, 0.55, 0.7, 0.85)
    requests: int = 600
    rounds: int = 5
    learned: int = 300
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.shares or min(self.shares) <= 0 or max(self.shares) > 1:
            raise UsageError(f"shares {self.shares}; want some, above 0 and at most 1")
        if min(self.requests, self.learned) < 100 or self.rounds < 1:
            raise UsageError(
                f"requests={self.requests}, learned={self.learned}, rounds={self.rounds}; want at "
                "least 100, 100 and 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Groundwork:
    """
    What was learned of the scenario at a low load.

    Attributes:
        scenario: With the latencies of the services here.
        fit: What its work costs when it is asked one at a time.
        tables: Those latencies, by operation.
        knee_hz: The highest rate that is carried: answers a second when more is asked.
        factors: Share of the limit to how many times that costs are, on average; ascending, from
            0 to 1.
        requests: How many are to be asked at each rate.
    """

    scenario: Scenario
    fit: Fit
    tables: Mapping[str, LatencyTable]
    knee_hz: float
    factors: tuple[tuple[float, float], ...]
    requests: int

    def factor_at(self, share: float) -> float:
        """Return how many times its costs alone are taken at *share* of the limit, on average."""
        shares, factors = zip(*self.factors, strict=True)
        return float(np.interp(share, shares, factors))

    @property
    def costs(self) -> CpuCosts:
        """What its work costs at each moment, by how busy the loop was of late."""
        ns = dict(self.fit.costs.ns)
        # As they come, beside the next ones' way, and not all at the end.
        if "llm_tokens_out" in ns:
            ns[STREAMED] = ns.pop("llm_tokens_out")
        full = self.factors[-1][1]
        # At its limit a loop is always busy; below it, as long as its work takes.
        points = {min(share * factor / full, 1.0): factor for share, factor in self.factors[:-1]}
        return replace(self.fit.costs, ns=ns, busy=(*sorted({**points, 1.0: full}.items()),))


def lay_groundwork(
    scenario: Scenario, plan: PredictionPlan, tell: Callable[[str], None]
) -> Groundwork:
    """
    Return what *scenario*'s requests cost here, alone and at a low load, and how many are carried.

    Raises:
        BrokenError: If it raised, or its services are not there.
        TooFewSamplesError: If too few of its requests were answered.
        UsageError: If it cannot run in real time.
    """
    tell(f"asking {plan.learned} requests one at a time, to learn what they cost")
    # Requests arrive: users think in the warm-up alone, and each round would wait for that.
    scenario = replace(scenario, think=None)
    watcher = Watcher(time.process_time_ns)
    alone = replace(scenario, requests=plan.learned, load=None, warmup=10, seed=_LEARN_SEED)
    run_scenario(alone, 1, commit=WORKTREE, tier=Tier.LIVE, probe=watcher)
    if watcher.failures:
        told = ", ".join(f"{name} {count}" for name, count in watcher.failures.most_common(5))
        tell(
            f"{watcher.failures.total()} of {len(watcher.requests)} requests failed ({told}); what "
            "they took counts, too"
        )
    fit = fit_costs(watcher.requests, costs_for(scenario.source))
    tables = tables_from(watcher.waits_ns)
    borne_hz = NS / fit.mean_ns
    tell(f"a request takes {fit.mean_ns / 1e6:.2f} ms of CPU time: a core bears {borne_hz:.0f}/s")
    rates, full = [], []
    asked_hz = borne_hz * _OVERLOAD
    requests = _enough(plan, asked_hz)
    for number in range(_KNEE_ROUNDS):
        live = live_round(scenario, asked_hz, requests, plan.seed + number)
        rates.append(live.run.throughput_hz)
        full.append(live.cpu_ns / _spent_by(fit.costs, live.run))
    knee_hz = sorted(rates)[len(rates) // 2]
    tell(f"asked for more than it carries, it answered {knee_hz:.0f}/s")
    learned = max(plan.learned, _enough(plan, knee_hz) // 2)
    busy: dict[float, list[float]] = {share: [] for share in _BUSY_SHARES}
    for number in range(_BUSY_ROUNDS):
        for share, found in busy.items():
            live = live_round(scenario, share * knee_hz, learned, _LEARN_SEED + 1 + number)
            found.append(live.cpu_ns / _spent_by(fit.costs, live.run))
    between = ((share, statistics.median(found)) for share, found in busy.items())
    factors = ((0.0, 1.0), *between, (1.0, statistics.median(full)))
    told = ", ".join(f"{times:.2f} at {share:.0%}" for share, times in factors)
    tell(f"beside what it costs alone, work costs {told} of that")
    return Groundwork(
        scenario=replace(scenario, tables={**tables, **scenario.tables}),
        fit=fit,
        tables=tables,
        knee_hz=knee_hz,
        factors=factors,
        requests=_enough(plan, knee_hz),
    )


def _enough(plan: PredictionPlan, limit_hz: float) -> int:
    return max(plan.requests, round(limit_hz * _ROUND_S))


def _spent_by(costs: CpuCosts, run: LoadRun) -> int:
    """Return what *costs* say that *run* took of the CPU, in ns; at least 1."""
    own_ns = costs.of(REQUESTS, run.latency.count)
    return max(1, own_ns + sum(costs.of(name, amount) for name, amount in run.counts.items()))


def _predicted_ns(ground: Groundwork, rate_hz: float, run: LoadRun) -> int:
    return round(_spent_by(ground.fit.costs, run) * ground.factor_at(rate_hz / ground.knee_hz))


def predict(
    ground: Groundwork, plan: PredictionPlan, tell: Callable[[str], None]
) -> tuple[RateError, ...]:
    """
    Return how far predictions are off at each rate of *plan*; live rounds take turns.

    Raises:
        BrokenError: As in lay_groundwork.
    """
    rates = [share * ground.knee_hz for share in plan.shares]
    pairs: dict[float, list[Pair]] = {rate: [] for rate in rates}
    for number in range(plan.rounds):
        for rate_hz in rates:
            seed = plan.seed + number
            live = live_round(ground.scenario, rate_hz, ground.requests, seed)
            virtual = _virtual(ground, rate_hz, ground.requests / rate_hz, seed)
            pairs[rate_hz].append(
                Pair(
                    live=live.run,
                    virtual=virtual,
                    busy_ratio=live.busy_ratio,
                    waited_ratio=live.waited_ratio,
                    cost_ratio=_predicted_ns(ground, rate_hz, live.run) / max(1, live.cpu_ns),
                )
            )
            tell(
                f"round {number + 1} of {plan.rounds}, {rate_hz:.0f}/s: P95 "
                f"{live.run.latency.p95_ns / 1e6:.1f} ms live, "
                f"{virtual.latency.p95_ns / 1e6:.1f} ms predicted"
            )
    return tuple(errors_at(rate, ground.knee_hz, pairs[rate]) for rate in rates)


def predict_long(
    ground: Groundwork, rate_hz: float, *, live_s: float, virtual_s: float, seed: int
) -> tuple[PathError, ...]:
    """
    Return how far *virtual_s* of virtual time are from *live_s* of real time, at one rate.

    Raises:
        BrokenError: As in lay_groundwork.
    """
    live = live_round(ground.scenario, rate_hz, round(rate_hz * live_s), seed)
    return paths_of(live.run, _virtual(ground, rate_hz, virtual_s, seed))


def _virtual(ground: Groundwork, rate_hz: float, for_s: float, seed: int) -> LoadRun:
    return run_load(
        ground.scenario,
        Poisson(rate_hz=rate_hz, for_s=for_s),
        cpu=CpuMode.OPERATIONS,
        costs=ground.costs,
        seed=seed,
    )
