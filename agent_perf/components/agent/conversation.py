"""
Talks with a model until it has an answer, running the tools that it asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from agent_perf.components.agent.budget import Budget
from agent_perf.components.agent.categories import ErrorCategory, categorize
from agent_perf.components.agent.limits import (
    TalkPolicy,
    Tally,
    bytes_of,
    check_budget,
    most_usage,
    most_usd,
)
from agent_perf.components.agent.llm import (
    Hear,
    Llm,
    Message,
    Price,
    Reply,
    Tool,
    ToolCall,
    Usage,
    listen,
)
from agent_perf.components.agent.model_errors import as_model_error
from agent_perf.components.agent.tools import run_tools
from agent_perf.components.errors import (
    CircuitOpenError,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from agent_perf.components.resilience.breaker import CircuitBreaker
from agent_perf.components.resilience.deadline import is_cancelled
from agent_perf.components.resilience.retry import RetryPolicy, call_with_retries
from agent_perf.errors import ConfigError

_PASSING: Final = (ModelRateLimitError, ModelTimeoutError, ModelUnavailableError)
_TRANSIENT: Final = (ErrorCategory.NETWORK, ErrorCategory.TIMEOUT, ErrorCategory.RATE_LIMIT)


class Talker:
    """
    A model with its tools, retries, breaker and budget.

    Args:
        llm: The model.
        instructions: What it is told first; may be empty.
        tools: What it may ask for.
        price: Of its tokens.
        policy: How far a conversation may go.
        retry: How often a model call is tried.
        breaker: Around each model call; shared by all conversations.
        budget: What all conversations may spend together; wants *reply_tokens_max* in
            *policy*, and a *price* given: that of a model that costs nothing is FREE.

    Example::

        talker = Talker(parrot)
        text = await talker.talk([Message(role="user", content="hello")], print, Tally())
    """

    def __init__(
        self,
        llm: Llm,
        *,
        instructions: str = "",
        tools: Sequence[Tool] = (),
        price: Price | None = None,
        policy: TalkPolicy | None = None,
        retry: RetryPolicy | None = None,
        breaker: CircuitBreaker | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._llm = llm
        self._preamble = [Message(role="system", content=instructions)] if instructions else []
        self._tools = tuple(tools)
        self._tool_by_name = {tool.name: tool for tool in tools}
        self.price = price or Price()
        self._policy = policy or TalkPolicy()
        self._retry = retry or RetryPolicy()
        self._breaker = breaker or CircuitBreaker(counts=(ModelTimeoutError, ModelUnavailableError))
        self._tools_bytes = bytes_of(self._tools)
        self._budget = budget
        if budget is not None and (price is None or self._policy.reply_tokens_max is None):
            raise ConfigError(
                "a budget wants a price, and a policy with reply_tokens_max: what a call may cost "
                "is set aside before it is made"
            )

    async def talk(
        self,
        messages: Sequence[Message],
        on_text: Hear | None,
        tally: Tally,
        on_tool: Callable[[ToolCall], None] | None = None,
    ) -> str:
        """
        Return the model's answer to *messages*.

        Args:
            messages: The conversation so far.
            on_text: Gets the text as it is written, all turns'; None if nobody listens.
            tally: Brought up to date after each step.
            on_tool: Told of each tool before it is run.

        Raises:
            ModelError: If there is no usable answer.
            CircuitOpenError: If the model has been failing.
            BudgetError: If the answer would cost more than it may.
        """
        policy = self._policy
        messages = [*self._preamble, *messages]
        for _ in range(policy.turns_max):
            reply = await self._ask(messages, on_text, tally)
            if not reply.tool_calls:
                if not reply.text.strip():
                    raise ModelReplyError("the model's answer is empty")
                return reply.text
            if tally.tool_calls + len(reply.tool_calls) > policy.tool_calls_max:
                raise ModelReplyError(
                    f"the model wants {tally.tool_calls + len(reply.tool_calls)} tools run; "
                    f"the limit is {policy.tool_calls_max}"
                )
            messages.append(
                Message(role="assistant", content=reply.text, tool_calls=reply.tool_calls)
            )
            messages += await self._use_tools(reply.tool_calls, tally, on_tool)
            if tally.tool_errors > policy.tool_errors_max:
                raise ModelReplyError(
                    f"{tally.tool_errors} tool calls went wrong; the last: {messages[-1].content}"
                )
        raise ModelReplyError(f"the model still asks for tools after {policy.turns_max} turns")

    async def _use_tools(
        self,
        calls: Sequence[ToolCall],
        tally: Tally,
        on_tool: Callable[[ToolCall], None] | None,
    ) -> list[Message]:
        tally.tool_calls += len(calls)
        if on_tool:
            for call in calls:
                on_tool(call)
        results = await run_tools(calls, self._tool_by_name, timeout_s=self._policy.tool_timeout_s)
        tally.tool_errors += sum(result.failed for result in results)
        return [result.message for result in results]

    async def _ask(self, messages: Sequence[Message], on_text: Hear | None, tally: Tally) -> Reply:
        return await call_with_retries(
            lambda: self._ask_within_budget(messages, on_text, tally),
            on=_PASSING,
            policy=self._retry,
        )

    async def _ask_within_budget(
        self, messages: Sequence[Message], on_text: Hear | None, tally: Tally
    ) -> Reply:
        ahead = self._most_of_next(messages, tally)
        reservation = None
        if self._budget is not None and ahead is not None:
            reservation = self._budget.reserve(most_usd(ahead, self.price))
        begun = tally.llm_calls
        paid_usd: float | None = None
        try:
            reply = await self._breaker.call(lambda: self._ask_once(messages, on_text, tally))
            if reply.usage.is_a_bill:
                tally.usage += reply.usage
                paid_usd = self.price.cost_usd(reply.usage)
        except Exception as error:
            # Refused before the model has done anything.
            if isinstance(error, CircuitOpenError) or getattr(error, "is_free", False):
                paid_usd = 0.0
            raise
        finally:
            if paid_usd is None:
                tally.llm_calls_unpriced += tally.llm_calls - begun
                if ahead is not None and tally.llm_calls > begun:
                    tally.assumed += ahead
            if reservation is not None:
                reservation.settle(paid_usd)
        return reply

    def _most_of_next(self, messages: Sequence[Message], tally: Tally) -> Usage | None:
        """Return what the next call may use at most, if that is known; raise if it is too much."""
        reply_tokens_max = self._policy.reply_tokens_max
        ahead = (
            None
            if reply_tokens_max is None
            else most_usage(messages, self._tools_bytes, reply_tokens_max)
        )
        check_budget(tally, self.price, self._policy, ahead)
        return ahead

    async def _ask_once(
        self, messages: Sequence[Message], on_text: Hear | None, tally: Tally
    ) -> Reply:
        heard_chars = 0

        def hear(text: str) -> object:
            nonlocal heard_chars
            if on_text is None:
                return None
            heard_chars += len(text)
            return on_text(text)

        tally.llm_calls += 1
        try:
            return await listen(
                self._llm(messages, self._tools), hear, silence_s_max=self._policy.silence_s_max
            )
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            raise ModelError("the model's call was cancelled from within") from error
        except Exception as error:
            if heard_chars and categorize(error) in _TRANSIENT:
                # Somebody has the first half already; a second try would begin anew.
                raise ModelReplyError(
                    f"the reply broke off after {heard_chars} characters: {error}"
                ) from error
            translated = as_model_error(error)
            if translated is error:
                raise
            raise translated from error
