"""
A diagnosis in lines for a terminal, with advice in plain words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from agent_perf.records import MachineNoise, MetricNoise
from agent_perf.suite import Fitness, HealthCheck, NoiseFindings
from agent_perf.units import format_change

_MARKS: Final = {
    Fitness.GOOD: "✓",
    Fitness.NOTE: "·",
    Fitness.WARNING: "!",
    Fitness.BROKEN: "✗",
}
_MUCH_RATIO: Final = 0.10
_BIAS_RATIO: Final = 0.02
_ALIKE: Final = 3.0
_NAMED_MAX: Final = 3


def check_lines(checks: Sequence[HealthCheck]) -> Iterator[str]:
    """Yield a line for each of *checks*, and one for each advice."""
    for check in checks:
        yield f"{_MARKS[check.fitness]} {check.name:<11} {check.found}"
        if check.advice and check.fitness is not Fitness.GOOD:
            yield f"  {'':<11} → {check.advice}"


def noise_lines(noise: MachineNoise, findings: NoiseFindings) -> Iterator[str]:
    """Yield what equal code came to: a table, the noisiest first, and what follows from it."""
    if not noise.metrics:
        yield from _nothing(findings)
        return
    yield ""
    yield f"{'noise':>8} {'15 %':>6} {'10 %':>6} {'5 %':>6}  rounds needed to judge a limit"
    for metric in noise.metrics:
        needed = " ".join(f"{_rounds(one.round_count):>6}" for one in metric.rounds_needed)
        yield f"{_noise(metric):>8} {needed}  {metric.benchmark} {metric.metric}"
    yield ""
    yield from advice(noise.metrics, findings)


def advice(metrics: Sequence[MetricNoise], findings: NoiseFindings) -> Iterator[str]:
    """Yield what *metrics* mean, in plain words."""
    rounds = min(metric.round_count for metric in metrics)
    names = {metric.benchmark for metric in metrics}
    few = f" of {findings.found_count}" if findings.found_count > len(names) else ""
    many = findings.found_count > 1 or len(names) > 1
    yield (
        f"{len(names)}{few} {'benchmarks were' if many else 'benchmark was'} measured against "
        f"{'themselves' if many else 'itself'} in {rounds} rounds or more, in "
        f"{findings.spent_s:.0f} s."
    )
    yield from _much(metrics)
    yield from _hopeless(metrics)
    yield from _alarms(metrics)
    yield from _correlation(metrics)
    yield from _bias(metrics)
    yield from _cost(metrics)
    if findings.unmeasured:
        yield (
            f"Too few rounds for an answer: {_named(findings.unmeasured)}. Give more time with "
            "--time-budget, or name fewer with --only."
        )


def _nothing(findings: NoiseFindings) -> Iterator[str]:
    if findings.unmeasured:
        yield (
            f"Noise is not known: {_named(findings.unmeasured)} had too few rounds; give more "
            "time with --time-budget, or name fewer with --only."
        )
    elif not findings.failures:
        yield (
            "Noise is not known: there is no micro-benchmark (a time_* or peakmem_* function "
            "without parameters). Scenarios run in virtual time and have none."
        )


def _much(metrics: Sequence[MetricNoise]) -> Iterator[str]:
    loud = [one for one in metrics if one.noise_ratio > _MUCH_RATIO]
    if loud:
        yield (
            f"{len(loud)} of {len(metrics)} metrics vary by more than 10 % between rounds: "
            f"{_named(f'{one.benchmark} {one.metric}' for one in loud)}. Let them take longer, "
            "judge them by CPU time, or measure on a quieter machine."
        )
    else:
        most = _noise(metrics[0])
        yield f"No metric varies by more than 10 % between rounds; the most is {most}."


def _hopeless(metrics: Sequence[MetricNoise]) -> Iterator[str]:
    for index, one in enumerate(metrics[0].rounds_needed):
        without = [
            f"{metric.benchmark} {metric.metric}"
            for metric in metrics
            if metric.rounds_needed[index].round_count is None
        ]
        if without:
            yield (
                f"A limit of {_percent(one.limit_ratio)} cannot be judged for {len(without)} of "
                f"{len(metrics)} metrics: {_named(without)}."
            )


def _alarms(metrics: Sequence[MetricNoise]) -> Iterator[str]:
    beyond = sum(one.beyond_count for one in metrics)
    rounds = sum(one.round_count for one in metrics)
    yield (
        f"A rule that looks at one round would have cried wolf in {beyond} of {rounds} rounds "
        "(equal code, 15 % slower)."
    )


def _correlation(metrics: Sequence[MetricNoise]) -> Iterator[str]:
    effects = [one.design_effect for one in metrics if one.design_effect is not None]
    if not effects:
        return
    typical = median(effects)
    if typical > _ALIKE:
        yield (
            f"Calls of one process are alike: rounds differ {typical:.0f} times as much "
            "(variance, median) as independent calls would. More calls a round would not help; "
            "more rounds do."
        )
    else:
        yield (
            f"Calls of one process are nearly independent here: rounds differ {typical:.1f} times "
            "as much (variance, median) as if they were."
        )


def _bias(metrics: Sequence[MetricNoise]) -> Iterator[str]:
    leaning = [one for one in metrics if abs(one.bias_ratio) > _BIAS_RATIO + one.noise_ratio]
    for one in leaning[:_NAMED_MAX]:
        yield (
            f"{one.benchmark} {one.metric} favours a side ({format_change(one.bias_ratio)} for "
            "equal code): what does the first call leave behind?"
        )


def _cost(metrics: Sequence[MetricNoise]) -> Iterator[str]:
    for limit in (one.limit_ratio for one in metrics[0].rounds_needed):
        spent_s: dict[str, float] = {}
        for metric in metrics:
            for needed in metric.rounds_needed:
                if needed.limit_ratio == limit and needed.round_count is not None:
                    cost_s = needed.round_count * metric.round_s
                    spent_s[metric.benchmark] = max(spent_s.get(metric.benchmark, 0), cost_s)
        if spent_s:
            yield (
                f"To judge a limit of {_percent(limit)}: {median(spent_s.values()):.1f} s for a "
                f"typical benchmark, {max(spent_s.values()):.1f} s for the slowest, "
                "without starting processes."
            )


def _noise(metric: MetricNoise) -> str:
    return f"±{metric.noise_ratio * 100:.1f} %"


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.3g} %"


def _rounds(count: int | None) -> str:
    return "–" if count is None else str(count)


def _named(names: Iterator[str] | Sequence[str]) -> str:
    every = list(names)
    rest = len(every) - _NAMED_MAX
    return ", ".join(every[:_NAMED_MAX]) + (f" and {rest} more" if rest > 0 else "")
