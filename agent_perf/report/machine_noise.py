"""
What the machine itself adds to sampled metrics, as `agent-perf doctor` found it.
"""

from __future__ import annotations

from statistics import median

from agent_perf.records import MachineNoise
from agent_perf.report.text import plural
from agent_perf.report.view import Point

_LIMIT_RATIO = 0.15


def noise_point(noise: MachineNoise) -> Point:
    """Return this machine's noise in a few words, with the rounds that a limit of 15 % takes."""
    typical = median(one.noise_ratio for one in noise.metrics)
    most = max(noise.metrics, key=lambda one: one.noise_ratio)
    text = (
        f"varies by ±{typical:.1%} between rounds of equal code, ±{most.noise_ratio:.1%} at most "
        f"({most.benchmark}), in {plural(len(noise.metrics), 'metric')} on "
        f"{noise.measured_at.partition('T')[0]}. {_rounds(noise)}"
    )
    return Point(lead="This machine", text=text.replace("%", "\u00a0%"))


def noise_document(noise: MachineNoise) -> dict[str, object]:
    """Return *noise* as plain values of JSON."""
    return {
        "machine": noise.machine.name,
        "measured_at": noise.measured_at,
        "metrics": [
            {
                "benchmark": one.benchmark,
                "metric": one.metric,
                "round_count": one.round_count,
                "noise_ratio": one.noise_ratio,
                "design_effect": one.design_effect,
                "rounds_needed": [
                    {"limit_ratio": need.limit_ratio, "round_count": need.round_count}
                    for need in one.rounds_needed
                ],
            }
            for one in noise.metrics
        ],
    }


def _rounds(noise: MachineNoise) -> str:
    needed = [
        need.round_count
        for one in noise.metrics
        for need in one.rounds_needed
        if need.limit_ratio == _LIMIT_RATIO
    ]
    known = sorted(count for count in needed if count is not None)
    if not known:
        return "A limit of 15% cannot be judged here."
    spread = f"{known[0]}" if known[0] == known[-1] else f"{known[0]} to {known[-1]}"
    hopeless = len(needed) - len(known)
    end = f"; of {plural(hopeless, 'metric')} it cannot be judged" if hopeless else ""
    return f"To judge a limit of 15% takes {spread} rounds{end}."
