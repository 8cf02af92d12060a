"""
Pure mathematics on recorded numbers: what a run comes to, and what became of it.
"""

from __future__ import annotations

from agent_perf.stats.comparison import PairedShift, compare_exact, paired_shift
from agent_perf.stats.direction import Direction, direction
from agent_perf.stats.duet import LOOKS, compare_duet, needs_more_rounds
from agent_perf.stats.quantiles import nearest_rank, samples_needed
from agent_perf.stats.resources import missing_because, resource_duets, resource_metrics
from agent_perf.stats.sampled import judge_duets, open_confirmations, open_duets
from agent_perf.stats.steady import StateTotal, SteadyState, WindowEffect, steady_state
from agent_perf.stats.student_t import t_quantile
from agent_perf.stats.summary import summarize, work_metric
from agent_perf.stats.trimmed import TrimmedMean, trimmed_mean

__all__ = [
    "LOOKS",
    "Direction",
    "PairedShift",
    "StateTotal",
    "SteadyState",
    "TrimmedMean",
    "WindowEffect",
    "compare_duet",
    "compare_exact",
    "direction",
    "judge_duets",
    "missing_because",
    "nearest_rank",
    "needs_more_rounds",
    "open_confirmations",
    "open_duets",
    "paired_shift",
    "resource_duets",
    "resource_metrics",
    "samples_needed",
    "steady_state",
    "summarize",
    "t_quantile",
    "trimmed_mean",
    "work_metric",
]
