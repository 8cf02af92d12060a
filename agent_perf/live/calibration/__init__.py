"""What a project's own services take, measured into latency tables for its simulations."""

from agent_perf.live.calibration.collected import Collected, Origin
from agent_perf.live.calibration.fitting import SAMPLES_MIN, quantiles
from agent_perf.live.calibration.measuring import Measured, measure_services
from agent_perf.live.calibration.model_service import ModelQuestion, collect_model
from agent_perf.live.calibration.plan import Plan, Step, Wanted, plan_of
from agent_perf.live.calibration.postgres_service import split_statements
from agent_perf.live.calibration.sampling import Clock, Pace, Sampler
from agent_perf.live.calibration.spending import Purse
from agent_perf.live.calibration.streaming import Arrival, Stream, token_waits

__all__ = [
    "SAMPLES_MIN",
    "Arrival",
    "Clock",
    "Collected",
    "Measured",
    "ModelQuestion",
    "Origin",
    "Pace",
    "Plan",
    "Purse",
    "Sampler",
    "Step",
    "Stream",
    "Wanted",
    "collect_model",
    "measure_services",
    "plan_of",
    "quantiles",
    "split_statements",
    "token_waits",
]
