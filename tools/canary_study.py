"""
How often a canary is rolled back without cause, and how soon a bad one is found: simulated.

    python -m tools.canary_study [--runs 1000] [--rate 50] [--for 300]

prints the tables of docs/canary.md. Streams of requests are made second by second with what makes
real ones awkward: heavy tails, slow moments that both services share, pauses of one of them, errors
in bursts. The judging is the product's own.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from agent_perf.live.canary.blocks import Step
from agent_perf.live.canary.judge import StepJudge
from agent_perf.live.canary.rule import (
    FALSE_PROMOTION,
    FALSE_ROLLBACK,
    Answer,
    Limit,
    batch_count,
    look_misses,
    look_times,
)
from agent_perf.live.canary.seen import sides
from agent_perf.stats import streams

Floats = npt.NDArray[np.float64]
STEPS = (5.0, 25.0, 50.0, 100.0)
LIMITS = (Limit(metric="latency.p95", most=0.20), Limit(metric="error_ratio", most=0.01))

WORDS = {Answer.WORSE: "roll back", Answer.FINE: "promote", Answer.OPEN: "hold"}


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """
    What both services do to requests.

    Attributes:
        sigma: Of the logarithm of a latency.
        tail: Share of requests with a Pareto tail over it, exponent 1.5.
        shared: Slow moments of both: seconds between, seconds of one, times as slow.
        own: Pauses of each service by itself; likewise.
        drift: Standard deviation and time constant in seconds of a wave that both share.
        errors: Share of requests that fail.
        bursts: Of them come in bursts of each service's own: seconds between, seconds of one.
    """

    sigma: float = 0.5
    tail: float = 0.0
    shared: tuple[float, float, float] | None = None
    own: tuple[float, float, float] | None = None
    drift: tuple[float, float] | None = None
    errors: float = 0.001
    bursts: tuple[float, float] | None = None


TRAFFIC = {
    "independent, σ .5": Traffic(),
    "heavy tails: 2 % Pareto 1.5": Traffic(tail=0.02),
    "shared slow moments: 5 s in 60 s, ×3": Traffic(tail=0.01, shared=(55.0, 5.0, 3.0)),
    "own pauses: 0.5 s in 20 s, ×4": Traffic(own=(19.5, 0.5, 4.0)),
    "own pauses: 2 s in 60 s, ×4": Traffic(own=(58.0, 2.0, 4.0)),
    "a shared wave: σ .3 over 30 s": Traffic(drift=(0.3, 30.0)),
    "errors in bursts: 1 s in 30 s": Traffic(errors=0.005, bursts=(29.0, 1.0)),
    "all of it": Traffic(
        tail=0.02,
        shared=(55.0, 5.0, 3.0),
        own=(19.5, 0.5, 4.0),
        drift=(0.3, 30.0),
        errors=0.005,
        bursts=(29.0, 1.0),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Harm:
    """What is wrong with the candidate."""

    slower: float = 1.0
    errors: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a canary ended, and after how many requests and seconds."""

    outcome: str
    requests: int
    seconds: float


def states(
    rng: np.random.Generator, at_s: Floats, gaps: tuple[float, float]
) -> npt.NDArray[np.bool_]:
    """Return at which times a process that comes and goes is there."""
    length = float(at_s[-1]) + 1.0
    count = int(length / sum(gaps) * 3) + 20
    spans = np.empty(2 * count)
    spans[::2] = rng.exponential(gaps[0], count)
    spans[1::2] = rng.exponential(gaps[1], count)
    index = np.searchsorted(np.cumsum(spans), at_s)
    return np.asarray(index % 2 == 1)


def answers(
    rng: np.random.Generator,
    traffic: Traffic,
    harm: Harm,
    at_s: Floats,
    is_candidate: npt.NDArray[np.bool_],
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the latency of each request, and whether it failed."""
    count = len(at_s)
    log = rng.normal(np.log(0.1), traffic.sigma, count)
    if traffic.drift:
        sigma, tau = traffic.drift
        seconds = int(at_s[-1]) + 2
        keep = np.exp(-1 / tau)
        noise = rng.normal(0, sigma * np.sqrt(1 - keep**2), seconds)
        wave = np.empty(seconds)
        level = rng.normal(0, sigma)
        for second in range(seconds):
            level = keep * level + noise[second]
            wave[second] = level
        log += wave[at_s.astype(int)]
    if traffic.tail:
        log += np.where(rng.random(count) < traffic.tail, rng.exponential(1 / 1.5, count), 0.0)
    if traffic.shared:
        log += np.log(traffic.shared[2]) * states(rng, at_s, traffic.shared[:2])
    if traffic.own:
        for side in (False, True):
            hit = states(rng, at_s, traffic.own[:2]) & (is_candidate == side)
            log += np.log(traffic.own[2]) * hit
    chance = np.full(count, traffic.errors)
    if traffic.bursts:
        chance *= 0
        share = traffic.bursts[1] / sum(traffic.bursts)
        for side in (False, True):
            hit = states(rng, at_s, traffic.bursts) & (is_candidate == side)
            chance += hit * min(1.0, traffic.errors / share)
    log += np.log(harm.slower) * is_candidate
    chance = chance + harm.errors * is_candidate
    return np.exp(log), rng.random(count) < chance


Rule = Callable[[int, tuple[float, ...], int], tuple[float, float]]
"""Of the number of a look, the times of all looks and how many tests there are, its errors."""


def ours(look: int, times: tuple[float, ...], tests: int) -> tuple[float, float]:
    """The product's."""
    return look_misses(times, tests)[look]


def peeking(_look: int, _times: tuple[float, ...], _tests: int) -> tuple[float, float]:
    """Each look by itself at 1 %, as if nobody had looked before."""
    return 0.01, 0.01


def any_time(look: int, times: tuple[float, ...], tests: int) -> tuple[float, float]:
    """
    A confidence sequence, valid at any look and not at planned ones alone.

    A normal mixture, tuned to a third of the step: Robbins, *Annals of Mathematical Statistics* 41
    (1970); for means of what is not normal Waudby-Smith et al., *Annals of Statistics* 52 (2024).
    """
    found = []
    for miss in (FALSE_ROLLBACK / tests, FALSE_PROMOTION):
        ratio = 3 * times[look] / times[-1]
        bound = math.sqrt((1 + 1 / ratio) * (math.log1p(ratio) + 2 * math.log(1 / (2 * miss))))
        found.append(math.erfc(bound / math.sqrt(2)) / 2)
    # Where nothing can be told yet the bound is beyond what Student's t is right for.
    return max(found[0], 1e-8), max(found[1], 1e-8)


RULES = {"ours": ours, "any time": any_time, "peeking": peeking, "as if independent": ours}


def run(
    seed: int,
    traffic: Traffic,
    harm: Harm,
    *,
    rate_hz: float,
    length_s: float,
    rule: Rule = ours,
    dependent: bool = True,
) -> Ending:
    """
    Return how one canary ends.

    Args:
        seed: Of all chances.
        traffic: What both services do.
        harm: What is wrong with the candidate.
        rate_hz: Requests per second.
        length_s: Longest step.
        rule: Of the errors at each look.
        dependent: Whether it is heeded that requests depend on each other.
    """
    # What each request is worth is the product's own step; a study of rules may leave it out.
    streams._worth = _WORTH if dependent else _full_worth
    rng = np.random.default_rng(seed)
    requests, seconds = 0, 0.0
    times = look_times(length_s)
    tests = len(STEPS) * len(LIMITS)
    for number, percent in enumerate(STEPS):
        step = Step(share=percent / 100, length_s=length_s, rate_hz=rate_hz)
        at_s = np.arange(int(length_s * step.total_hz)) / step.total_hz
        to_candidate = np.fromiter(step.sides(seed * 10 + number), np.bool_, len(at_s))
        latency_s, failed = answers(rng, traffic, harm, at_s, to_candidate)
        judge = StepJudge(LIMITS, [rule(look, times, tests) for look in range(len(times))])
        for look, time in enumerate(times):
            till = int(np.searchsorted(at_s, time))
            batches = batch_count(time)
            seen = sides(
                at_s[:till], latency_s[:till], failed[:till], to_candidate[:till], batches, time
            )
            judge.look(look, *seen)
            if judge.answer is not Answer.OPEN:
                break
        requests, seconds = requests + till, seconds + time
        if judge.answer is Answer.WORSE:
            break
    return Ending(outcome=WORDS[judge.answer], requests=requests, seconds=seconds)


def cell(
    runs: int, traffic: Traffic, harm: Harm, pool: ProcessPoolExecutor, **settings: object
) -> str:
    """Return a cell of a table: each ending in per cent, the median of requests and seconds."""
    work = partial(run, traffic=traffic, harm=harm, **settings)  # type: ignore[arg-type]
    ends = list(pool.map(work, range(runs), chunksize=max(1, runs // 16)))
    shares = [
        100 * sum(end.outcome == word for end in ends) / runs
        for word in ("roll back", "hold", "promote")
    ]
    requests = float(np.median([end.requests for end in ends]))
    seconds = float(np.median([end.seconds for end in ends]))
    return " / ".join(f"{share:.3g}" for share in shares) + f", {requests:,.0f} ({seconds:.0f} s)"


def _full_worth(_stable: Floats, _candidate: Floats) -> float:
    return math.inf


_WORTH = streams._worth

HARMS = {
    "A/A": Harm(),
    "+20 %": Harm(slower=1.2),
    "+1 % errors": Harm(errors=0.01),
    "+50 %": Harm(slower=1.5),
    "+10 % errors": Harm(errors=0.1),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tools.canary_study")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--for", dest="length_s", type=float, default=300.0)
    parser.add_argument("--harm", action="append", choices=tuple(HARMS), help="Only these columns.")
    parser.add_argument("--traffic", default="", metavar="TEXT", help="Only rows that hold it.")
    parser.add_argument("--rule", choices=tuple(RULES), default="ours", help="Another one.")
    given = parser.parse_args(arguments)
    harms = {name: harm for name, harm in HARMS.items() if name in (given.harm or HARMS)}
    settings = {
        "rate_hz": given.rate,
        "length_s": given.length_s,
        "rule": RULES[given.rule],
        "dependent": given.rule != "as if independent",
    }
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        print(
            f"roll back / hold / promote in %, median of requests (and seconds); {given.runs} runs"
        )
        print("| traffic | " + " | ".join(harms) + " |")
        for name, traffic in TRAFFIC.items():
            if given.traffic not in name:
                continue
            row = [cell(given.runs, traffic, harm, pool, **settings) for harm in harms.values()]
            print(f"| {name} | " + " | ".join(row) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
