"""
What an evaluator's runs have in common, and how far one has come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent_perf.components.evaluation.examples import Judge, System
from agent_perf.components.evaluation.journal import Done
from agent_perf.components.evaluation.memory import Recall
from agent_perf.components.evaluation.pace import Pace
from agent_perf.components.resilience.retry import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """
    How far a run has come.

    Attributes:
        examples: Examples read so far.
        had: Answers and judgements had, cached ones included, but not saved ones.
        unjudged: Those that could not be had.
        in_flight: Calls under way.
        cost_usd: Dollars spent, those of earlier processes included.
        reserved_usd: Dollars that calls under way may come to.
    """

    examples: int
    had: int
    unjudged: int
    in_flight: int
    cost_usd: float
    reserved_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an evaluator's runs have in common; see Evaluator."""

    judges: tuple[Judge, ...]
    system: System | None
    max_cost_usd: float | None
    concurrency: int
    pace: Pace
    timeout_s: float | None
    retry: RetryPolicy
    recall: Recall
    free: tuple[type[Exception], ...]
    on_progress: Callable[[Progress], None] | None
    clock: Callable[[], float]
    note: Callable[[Done], None]
