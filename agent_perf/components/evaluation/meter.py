"""
Through which an evaluation's paid calls go: reserved, paced, timed, written down, settled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from agent_perf.components.agent.llm import Message, Reply, Usage
from agent_perf.components.agent.model_errors import as_model_error
from agent_perf.components.errors import (
    CircuitOpenError,
    ModelRateLimitError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from agent_perf.components.evaluation.examples import Output
from agent_perf.components.evaluation.journal import Done, Item, Journal, Reserved
from agent_perf.components.evaluation.model import JudgeModel
from agent_perf.components.evaluation.pace import Pace
from agent_perf.components.evaluation.purse import PICO, Purse, pico_up
from agent_perf.components.resilience.retry import RetryPolicy, call_with_retries

T = TypeVar("T")
R = TypeVar("R")

_log = logging.getLogger(__name__)

TRANSIENT: Final = (
    ModelRateLimitError,
    ModelTimeoutError,
    ModelUnavailableError,
    CircuitOpenError,
)
FREE: Final[tuple[type[Exception], ...]] = (ModelRateLimitError, CircuitOpenError)
"""Errors of calls that nobody bills: the provider, or our breaker, refused them."""


@dataclass(slots=True, kw_only=True)
class Till:
    """
    What all meters of one run share.

    Attributes:
        purse: The budget.
        pace: The rate limit.
        retry: How often a call is tried.
        timeout_s: Longest call; None for no limit.
        clock: Monotonic seconds.
        journal: Where calls are written down; None: nowhere.
        free: Errors of calls that nobody bills.
        calls: Paid calls begun so far, those of earlier processes included.
        in_flight: Calls under way.
    """

    purse: Purse
    pace: Pace
    retry: RetryPolicy
    timeout_s: float | None
    clock: Callable[[], float]
    journal: Journal | None
    free: tuple[type[Exception], ...] = FREE
    calls: int = 0
    in_flight: int = 0

    def open_call(self, bound_pico: int) -> int:
        """
        Write down that a call is about to be made, and return its number.

        Raises:
            StoreError: If it cannot be written down: do not make the call.
        """
        self.calls += 1
        if self.journal is not None:
            self.journal.append(Reserved(call=self.calls, bound_pico=bound_pico))
        return self.calls


class Meter:
    """
    Makes the paid calls of one step, and adds up what they came to.

    Args:
        till: What it shares with other steps.
    """

    def __init__(self, till: Till) -> None:
        self._till = till
        self._calls: list[int] = []
        self._cost_pico = self._assumed_pico = 0
        self._usage = Usage()
        self._latencies_s: list[float] = []
        self._failed = 0

    async def ask(self, model: JudgeModel, messages: Sequence[Message]) -> str:
        """
        Return what *model* says to *messages*.

        Raises:
            ModelError: If there is no reply after the last try.
            BudgetError: If the call might exceed the budget: it was not made.
        """
        bound = model.usage_bound(messages)

        async def speak() -> tuple[Reply, float | None, Usage]:
            reply = await model.speak(messages)
            usage = reply.usage
            # A model that tells no tokens is charged for the most it may have taken.
            if not usage.is_a_bill:
                return reply, None, Usage()
            return reply, model.price.cost_usd(usage), usage

        reply = await self._pay(model.cost_usd_bound(bound), bound, speak)
        return reply.text

    async def pay(
        self, cost_usd_max: float, call: Callable[[], Awaitable[Output]], *, tokens_max: int = 0
    ) -> Output:
        """
        Return what ``call()`` returns, a paid call of any kind.

        Args:
            cost_usd_max: The most it may cost, >= 0.
            call: Called again after a transient error.
            tokens_max: The most tokens that it may take, for the rate limit.

        Raises:
            BudgetError: If it might exceed the budget: it was not made.
        """

        async def work() -> tuple[Output, float | None, Usage]:
            output = await call()
            return output, output.cost_usd, output.usage if output.usage.is_a_bill else Usage()

        return await self._pay(cost_usd_max, Usage(tokens_in=tokens_max), work)

    def settled(self, step: str, items: Sequence[Item] = (), found: int = 0) -> Done:
        """Return what this step came to, for the journal."""
        return Done(
            step=step,
            calls=tuple(self._calls),
            cost_pico=self._cost_pico,
            assumed_pico=self._assumed_pico,
            tokens=(
                self._usage.tokens_in,
                self._usage.tokens_out,
                self._usage.tokens_cached,
                self._usage.tokens_stored,
            ),
            latencies_s=tuple(self._latencies_s),
            failed=self._failed,
            found=found,
            items=tuple(items),
        )

    async def _pay(
        self,
        cost_usd_max: float,
        bound: Usage,
        work: Callable[[], Awaitable[tuple[T, float | None, Usage]]],
    ) -> T:
        bound_pico, tokens = pico_up(cost_usd_max), bound.tokens_in + bound.tokens_out
        return await call_with_retries(
            lambda: self._try(bound_pico, tokens, work), on=TRANSIENT, policy=self._till.retry
        )

    async def _try(
        self,
        bound_pico: int,
        tokens: int,
        work: Callable[[], Awaitable[tuple[T, float | None, Usage]]],
    ) -> T:
        till = self._till
        # Before the wait for the pace: with an empty purse, nobody need wait to be refused.
        till.purse.check(bound_pico)
        await till.pace.acquire(tokens)
        used = 0
        try:
            await till.purse.reserve(bound_pico)
            cost_pico = assumed_pico = 0
            try:
                self._open(bound_pico)
                # Whatever ends a call before it tells its cost, it may have cost the most.
                cost_pico = assumed_pico = bound_pico
                used = tokens
                result, cost_usd, usage = await self._timed(work)
                if cost_usd is not None:
                    cost_pico, assumed_pico = pico_up(cost_usd), 0
                    used = usage.tokens_in + usage.tokens_out
                self._usage += usage
            except till.free:
                cost_pico = assumed_pico = used = 0
                raise
            finally:
                till.purse.settle(bound_pico, cost_pico)
                self._cost_pico += cost_pico
                self._assumed_pico += assumed_pico
        finally:
            till.pace.give_back(tokens - used)
        if cost_pico > bound_pico:
            _log.error(
                "a call cost $%.6f, and was said to cost $%.6f at most: no further call is made",
                cost_pico / PICO,
                bound_pico / PICO,
            )
        return result

    def _open(self, bound_pico: int) -> None:
        # What costs nothing leaves nothing to settle after a crash.
        if bound_pico:
            self._calls.append(self._till.open_call(bound_pico))

    async def _timed(self, work: Callable[[], Awaitable[R]]) -> R:
        till = self._till
        start_s = till.clock()
        till.in_flight += 1
        refused = False
        try:
            async with asyncio.timeout(till.timeout_s):
                return await work()
        except Exception as error:
            self._failed += 1
            refused = isinstance(error, CircuitOpenError)
            translated = as_model_error(error)
            if translated is error:
                raise
            raise translated from error
        finally:
            till.in_flight -= 1
            # A failed call took its time, too; one that our breaker refused was none.
            if not refused:
                self._latencies_s.append(till.clock() - start_s)
