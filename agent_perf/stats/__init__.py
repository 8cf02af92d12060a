"""
Pure mathematics on recorded numbers: what a run comes to, and what became of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from agent_perf.stats.comparison import PairedShift, compare_exact, paired_shift
from agent_perf.stats.direction import Direction, direction
from agent_perf.stats.duet import LOOKS
from agent_perf.stats.instructions import (
    INSTRUCTIONS,
    compare_instructions,
    wants_second_count,
)
from agent_perf.stats.load_metrics import (
    bucket_value,
    hit_ratio,
    quantile_samples,
    summarize_load,
    unit_of,
)
from agent_perf.stats.noise import NOISE_LIMITS, NOISE_ROUNDS_MIN, design_effect, metric_noise
from agent_perf.stats.quantiles import nearest_rank, rank_of, samples_needed
from agent_perf.stats.resources import missing_because, resource_duets, resource_metrics
from agent_perf.stats.rounds_needed import rounds_needed
from agent_perf.stats.sampled import open_confirmations, open_duets
from agent_perf.stats.scale import robust_scale
from agent_perf.stats.spending import look_levels
from agent_perf.stats.steady import StateTotal, SteadyState, WindowEffect, steady_state
from agent_perf.stats.student_t import t_quantile
from agent_perf.stats.suite_judgement import judge_duets
from agent_perf.stats.summary import (
    PATH_REQUESTS_MIN,
    rare_paths,
    request_metric,
    summarize,
    work_metric,
)
from agent_perf.stats.trimmed import TrimmedMean, trimmed_mean

if TYPE_CHECKING:
    from agent_perf.stats.level_changes import (
        EFFECT_RATIO,
        ChangePoint,
        change_points,
        exact_change_points,
    )
    from agent_perf.stats.streams import (
        BATCHES_MIN,
        Shift,
        Side,
        failed_shift,
        quantile_shift,
    )
    from agent_perf.stats.trend import Passing, Slope, find_slope, passing

__all__ = [
    "BATCHES_MIN",
    "EFFECT_RATIO",
    "INSTRUCTIONS",
    "LOOKS",
    "NOISE_LIMITS",
    "NOISE_ROUNDS_MIN",
    "PATH_REQUESTS_MIN",
    "ChangePoint",
    "Direction",
    "PairedShift",
    "Passing",
    "Shift",
    "Side",
    "Slope",
    "StateTotal",
    "SteadyState",
    "TrimmedMean",
    "WindowEffect",
    "bucket_value",
    "change_points",
    "compare_exact",
    "compare_instructions",
    "design_effect",
    "direction",
    "exact_change_points",
    "failed_shift",
    "find_slope",
    "hit_ratio",
    "judge_duets",
    "look_levels",
    "metric_noise",
    "missing_because",
    "nearest_rank",
    "open_confirmations",
    "open_duets",
    "paired_shift",
    "passing",
    "quantile_samples",
    "quantile_shift",
    "rank_of",
    "rare_paths",
    "request_metric",
    "resource_duets",
    "resource_metrics",
    "robust_scale",
    "rounds_needed",
    "samples_needed",
    "steady_state",
    "summarize",
    "summarize_load",
    "t_quantile",
    "trimmed_mean",
    "unit_of",
    "wants_second_count",
    "work_metric",
]

_HOME = {
    "EFFECT_RATIO": "level_changes",
    "ChangePoint": "level_changes",
    "change_points": "level_changes",
    "exact_change_points": "level_changes",
    "BATCHES_MIN": "streams",
    "Shift": "streams",
    "Side": "streams",
    "quantile_shift": "streams",
    "failed_shift": "streams",
    "Passing": "trend",
    "Slope": "trend",
    "find_slope": "trend",
    "passing": "trend",
}
"""Only histories and canaries need numpy; every process that measures would wait 0.1 s for it."""


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
