"""
What an evaluation came to: each example's row, and each step's calls, time and money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from agent_perf.components.agent.categories import ErrorCategory
from agent_perf.components.agent.llm import Usage
from agent_perf.components.evaluation.examples import Example, Judgement, Unjudged
from agent_perf.components.evaluation.journal import Done
from agent_perf.components.evaluation.purse import PICO
from agent_perf.components.metrics.histogram import Histogram, HistogramSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    What one example came to.

    Attributes:
        example: The question.
        output: What the system answered, or why there is no answer.
        judgements: Judge's name to what it says; empty without an answer.
    """

    example: Example
    output: str | Unjudged
    judgements: Mapping[str, Judgement | Unjudged]

    @property
    def missing(self) -> tuple[Unjudged, ...]:
        """What could not be had: the answer, or judgements."""
        if isinstance(self.output, Unjudged):
            return (self.output,)
        return tuple(one for one in self.judgements.values() if isinstance(one, Unjudged))


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTotals:
    """
    What the system, or one judge, took for all examples.

    Attributes:
        calls: Calls made, failed ones and those of earlier processes included.
        calls_failed: Those that failed, whether or not a later try succeeded.
        found: Results out of the cache.
        usage: Tokens, as far as they were told.
        cost_usd: Dollars.
        assumed_usd: The part of it that is the most that calls without a told cost may have
            cost: failed, cancelled, or of a model that tells no tokens.
        latency_s: Seconds of all calls, failed ones included.
    """

    calls: int
    calls_failed: int
    found: int
    usage: Usage
    cost_usd: float
    assumed_usd: float
    latency_s: HistogramSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """
    What an evaluation came to.

    Attributes:
        system: Name of the system under evaluation; empty if all examples had outputs.
        rows: One per example, in the examples' order.
        answering: What the system took.
        judging: Judge's name to what it took, in the judges' order.
        cost_usd: Dollars of all that, and of calls that a crash left open.
        assumed_usd: The part of it that was not told; see StepTotals.
        overrun_usd: Dollars by which calls cost more than the most that was said; 0 unless
            a bound was wrong.
    """

    system: str
    rows: tuple[Row, ...]
    answering: StepTotals
    judging: Mapping[str, StepTotals]
    cost_usd: float
    assumed_usd: float
    overrun_usd: float

    @property
    def undone(self) -> tuple[str, ...]:
        """Ids of examples of which something was not tried, because it might cost too much."""
        return self._ids(budget=True)

    @property
    def failed(self) -> tuple[str, ...]:
        """Ids of examples of which something was tried and failed."""
        return self._ids(budget=False)

    def _ids(self, *, budget: bool) -> tuple[str, ...]:
        return tuple(
            row.example.id
            for row in self.rows
            if any((one.category is ErrorCategory.BUDGET) is budget for one in row.missing)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorStats:
    """
    What an evaluator has done since it was made, without what it took from journals.

    Attributes:
        examples: Examples that were read.
        calls: Calls made.
        calls_failed: Those that failed.
        found: Results out of the cache.
        cache_failures: Look-ups and writes of the cache that failed; the work went on.
        unjudged: Answers and judgements that could not be had.
        tokens_in: Tokens read.
        tokens_out: Tokens written.
        cost_usd: Dollars.
        in_flight: Calls under way now.
        reserved_usd: Dollars set aside for them.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"in_flight", "reserved_usd"})

    examples: int
    calls: int
    calls_failed: int
    found: int
    cache_failures: int
    unjudged: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    in_flight: int
    reserved_usd: float


_NO_TOKENS: Final = (0, 0, 0, 0)


class Account:
    """Adds up the lines of one step, written now or found in a journal."""

    def __init__(self) -> None:
        self.calls = self.failed = self.found = 0
        self.cost_pico = self.assumed_pico = 0
        self.usage = Usage()
        self._latency_s = Histogram()

    def add(self, done: Done) -> None:
        """Take note of what a step came to."""
        self.calls += len(done.latencies_s)
        self.failed += done.failed
        self.found += done.found
        self.cost_pico += done.cost_pico
        self.assumed_pico += done.assumed_pico
        if done.tokens != _NO_TOKENS:
            read, written, cached, stored = done.tokens
            self.usage += Usage(
                tokens_in=read, tokens_out=written, tokens_cached=cached, tokens_stored=stored
            )
        for latency_s in done.latencies_s:
            self._latency_s.observe(latency_s)

    def totals(self) -> StepTotals:
        """Return the sums so far."""
        return StepTotals(
            calls=self.calls,
            calls_failed=self.failed,
            found=self.found,
            usage=self.usage,
            cost_usd=self.cost_pico / PICO,
            assumed_usd=self.assumed_pico / PICO,
            latency_s=self._latency_s.snapshot(),
        )
