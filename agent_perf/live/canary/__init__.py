"""Stable against candidate: asked in turn, or read from Prometheus, and judged step by step."""

from agent_perf.live.canary.blocks import CONTROL_SHARE, Step
from agent_perf.live.canary.plan import CanaryPlan
from agent_perf.live.canary.prometheus import Prometheus
from agent_perf.live.canary.result import CanaryOutcome, CanaryResult, SideSeen, StepResult
from agent_perf.live.canary.rollout import Pair, Tell, roll_out
from agent_perf.live.canary.rule import FALSE_ROLLBACK, Answer, Finding, Limit
from agent_perf.live.canary.stopping import NothingSeenError, stopped_by_signals
from agent_perf.live.canary.watching import Watched, watch

__all__ = [
    "CONTROL_SHARE",
    "FALSE_ROLLBACK",
    "Answer",
    "CanaryOutcome",
    "CanaryPlan",
    "CanaryResult",
    "Finding",
    "Limit",
    "NothingSeenError",
    "Pair",
    "Prometheus",
    "SideSeen",
    "Step",
    "StepResult",
    "Tell",
    "Watched",
    "roll_out",
    "stopped_by_signals",
    "watch",
]
