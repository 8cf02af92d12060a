"""
Talks with a model until it has an answer, running the tools that it asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent_perf.components.breaker import CircuitBreaker
from agent_perf.components.categories import ErrorCategory, categorize
from agent_perf.components.errors import (
    BudgetError,
    CircuitOpenError,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from agent_perf.components.llm import Llm, Message, Price, Reply, Tool, ToolCall, Usage, listen
from agent_perf.components.retry import RetryPolicy, call_with_retries
from agent_perf.components.tools import run_tools
from agent_perf.errors import ConfigError

_PASSING: Final = (ModelRateLimitError, ModelTimeoutError, ModelUnavailableError)
_TRANSIENT: Final = (ErrorCategory.NETWORK, ErrorCategory.TIMEOUT, ErrorCategory.RATE_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkPolicy:
    """
    How far a conversation may go.

    Attributes:
        turns_max: Model calls in one conversation, >= 1.
        cost_usd_max: Dollars after which no further call is made; None for no limit.
        tokens_max: Tokens, read and written, after which likewise; None for no limit.
        tool_timeout_s: Longest run of one tool; None for no limit.
    """

    turns_max: int = 8
    cost_usd_max: float | None = None
    tokens_max: int | None = None
    tool_timeout_s: float | None = 10.0

    def __post_init__(self) -> None:
        if self.turns_max < 1:
            raise ConfigError(f"turns_max={self.turns_max}; want >= 1")


@dataclass(slots=True, kw_only=True)
class Tally:
    """
    What a conversation has cost so far; it counts even if it ends in an error.

    Attributes:
        usage: Tokens.
        llm_calls: Model calls begun, retries included.
        tool_calls: Tools asked for.
        tool_errors: Those that gave an error.
    """

    usage: Usage = field(default_factory=Usage)
    llm_calls: int = 0
    tool_calls: int = 0
    tool_errors: int = 0


def check_budget(usage: Usage, price: Price, policy: TalkPolicy) -> None:
    """Raise BudgetError if no further model call may be made."""
    cost_usd, tokens = price.cost_usd(usage), usage.tokens_in + usage.tokens_out
    if policy.cost_usd_max is not None and cost_usd >= policy.cost_usd_max:
        raise BudgetError(f"${cost_usd:.6f} spent; the limit is ${policy.cost_usd_max:.6f}")
    if policy.tokens_max is not None and tokens >= policy.tokens_max:
        raise BudgetError(f"{tokens} tokens spent; the limit is {policy.tokens_max}")


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
    ) -> None:
        self._llm = llm
        self._preamble = [Message(role="system", content=instructions)] if instructions else []
        self._tools = tuple(tools)
        self._tool_by_name = {tool.name: tool for tool in tools}
        self.price = price or Price()
        self._policy = policy or TalkPolicy()
        self._retry = retry or RetryPolicy()
        self._breaker = breaker or CircuitBreaker(counts=(ModelTimeoutError, ModelUnavailableError))

    async def talk(
        self,
        messages: Sequence[Message],
        on_text: Callable[[str], None] | None,
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
        messages = [*self._preamble, *messages]
        for _ in range(self._policy.turns_max):
            check_budget(tally.usage, self.price, self._policy)
            reply = await self._ask(messages, on_text, tally)
            tally.usage += reply.usage
            if not reply.tool_calls:
                if not reply.text.strip():
                    raise ModelReplyError("the model's answer is empty")
                return reply.text
            messages.append(
                Message(role="assistant", content=reply.text, tool_calls=reply.tool_calls)
            )
            messages += await self._use_tools(reply.tool_calls, tally, on_tool)
        raise ModelReplyError(
            f"the model still asks for tools after {self._policy.turns_max} turns"
        )

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

    async def _ask(
        self, messages: Sequence[Message], on_text: Callable[[str], None] | None, tally: Tally
    ) -> Reply:
        return await call_with_retries(
            lambda: self._breaker.call(lambda: self._ask_once(messages, on_text, tally)),
            on=_PASSING,
            policy=self._retry,
        )

    async def _ask_once(
        self, messages: Sequence[Message], on_text: Callable[[str], None] | None, tally: Tally
    ) -> Reply:
        heard_chars = 0

        def hear(text: str) -> None:
            nonlocal heard_chars
            if on_text:
                heard_chars += len(text)
                on_text(text)

        tally.llm_calls += 1
        try:
            return await listen(self._llm(messages, self._tools), hear)
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


def as_model_error(error: Exception) -> Exception:
    """Return *error* as one of ours if a model's library raised it for a reason we know."""
    if isinstance(error, ModelError | CircuitOpenError):
        return error
    message = f"{type(error).__name__}: {error}"
    match categorize(error):
        case ErrorCategory.RATE_LIMIT:
            return ModelRateLimitError(message)
        case ErrorCategory.TIMEOUT:
            return ModelTimeoutError(message)
        case ErrorCategory.NETWORK:
            return ModelUnavailableError(message)
        case _:
            return error
