"""How well virtual time predicts real time, and what has to be learned of this machine first."""

from agent_perf.suite.prediction.comparing import (
    QUANTILES,
    Pair,
    PathError,
    Prediction,
    RateError,
    errors_at,
    paths_of,
)
from agent_perf.suite.prediction.fitting import Fit, fit_costs
from agent_perf.suite.prediction.observing import Observed, Watcher, tables_from
from agent_perf.suite.prediction.predicting import (
    Groundwork,
    PredictionPlan,
    lay_groundwork,
    predict,
    predict_long,
)

__all__ = [
    "QUANTILES",
    "Fit",
    "Groundwork",
    "Observed",
    "Pair",
    "PathError",
    "Prediction",
    "PredictionPlan",
    "RateError",
    "Watcher",
    "errors_at",
    "fit_costs",
    "lay_groundwork",
    "paths_of",
    "predict",
    "predict_long",
    "tables_from",
]
