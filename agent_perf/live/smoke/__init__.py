"""A smoke test: is a service there, does it answer, and does it tell its metrics?"""

from agent_perf.live.smoke.asking import ask_service
from agent_perf.live.smoke.exposition import Exposition, Reading, read_exposition
from agent_perf.live.smoke.judging import judge_answer
from agent_perf.live.smoke.plan import Check, CheckKind, Skipped, Wishes, plan_checks
from agent_perf.live.smoke.result import CheckOutcome, CheckResult, SmokeResult

__all__ = [
    "Check",
    "CheckKind",
    "CheckOutcome",
    "CheckResult",
    "Exposition",
    "Reading",
    "Skipped",
    "SmokeResult",
    "Wishes",
    "ask_service",
    "judge_answer",
    "plan_checks",
    "read_exposition",
]
