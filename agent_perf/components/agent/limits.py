"""
How far a conversation may go, what it has cost, and what its next call may cost at most.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.components.agent.llm import NO_USAGE, Message, Price, Tool, Usage
from agent_perf.components.errors import BudgetError
from agent_perf.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkPolicy:
    """
    How far a conversation may go.

    Attributes:
        turns_max: Model calls in one conversation, >= 1.
        cost_usd_max: Dollars after which no further call is made; None for no limit. With
            *reply_tokens_max* no call is made that might exceed it.
        tokens_max: Tokens, read and written, likewise.
        reply_tokens_max: Most tokens that the model writes in a reply, >= 1: tell the model's
            client the same. None if nobody knows.
        tool_timeout_s: Longest run of one tool, > 0; None for no limit.
        tool_calls_max: Tools run in one conversation, >= 0.
        tool_errors_max: Tool calls that may go wrong in one conversation, >= 0.
        silence_s_max: Longest silence of the model in the midst of a call, > 0; None for no
            limit of ours.
    """

    turns_max: int = 8
    cost_usd_max: float | None = None
    tokens_max: int | None = None
    reply_tokens_max: int | None = None
    tool_timeout_s: float | None = 10.0
    tool_calls_max: int = 64
    tool_errors_max: int = 16
    silence_s_max: float | None = None

    def __post_init__(self) -> None:
        if self.turns_max < 1:
            raise ConfigError(f"turns_max={self.turns_max}; want >= 1")
        if self.tool_calls_max < 0 or self.tool_errors_max < 0:
            raise ConfigError(
                f"tool_calls_max={self.tool_calls_max}, tool_errors_max={self.tool_errors_max}; "
                "want >= 0"
            )
        for name in ("reply_tokens_max", "tool_timeout_s", "silence_s_max"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name}={value}; want > 0, or None for no limit")


@dataclass(slots=True, kw_only=True)
class Tally:
    """
    What a conversation has cost so far; it counts even if it ends in an error.

    Attributes:
        usage: Tokens.
        assumed: The most that the calls may have used which told no tokens, if that is known.
        llm_calls: Model calls begun, retries included.
        llm_calls_unpriced: Of those: ended without telling their tokens.
        tool_calls: Tools asked for.
        tool_errors: Those that gave an error.
    """

    usage: Usage = NO_USAGE
    assumed: Usage = NO_USAGE
    llm_calls: int = 0
    llm_calls_unpriced: int = 0
    tool_calls: int = 0
    tool_errors: int = 0


def check_budget(
    tally: Tally, price: Price, policy: TalkPolicy, ahead: Usage | None = None
) -> None:
    """
    Raise BudgetError if no further model call may be made.

    Args:
        tally: Spent so far.
        price: Of the tokens.
        policy: With the limits.
        ahead: What the call may use at most; None if nobody knows.
    """
    usd_max, tokens_max = policy.cost_usd_max, policy.tokens_max
    if usd_max is None and tokens_max is None:
        return
    cost_usd = price.cost_usd(tally.usage) + most_usd(tally.assumed, price)
    spent = tally.usage + tally.assumed
    tokens = spent.tokens_in + spent.tokens_out
    if ahead is None:
        if usd_max is not None and cost_usd >= usd_max:
            raise BudgetError(f"${cost_usd:.6f} spent; the limit is ${usd_max:.6f}")
        if tokens_max is not None and tokens >= tokens_max:
            raise BudgetError(f"{tokens} tokens spent; the limit is {tokens_max}")
        return
    more_usd, more = most_usd(ahead, price), ahead.tokens_in + ahead.tokens_out
    if usd_max is not None and cost_usd + more_usd > usd_max:
        raise BudgetError(
            f"${cost_usd:.6f} spent and up to ${more_usd:.6f} to come; the limit is ${usd_max:.6f}"
        )
    if tokens_max is not None and tokens + more > tokens_max:
        raise BudgetError(
            f"{tokens} tokens spent and up to {more} to come; the limit is {tokens_max}"
        )


def most_usage(messages: Sequence[Message], tools_bytes: int, reply_tokens_max: int) -> Usage:
    """
    Return what a call with *messages* and tools of so many bytes may use at most.

    A token is at least a byte of text in the byte-pair encodings of all providers.
    """
    read = _FRAME_TOKENS + tools_bytes
    for message in messages:
        read += _MESSAGE_TOKENS + len(message.content.encode())
        for call in message.tool_calls:
            read += _MESSAGE_TOKENS + len(f"{call.id}{call.name}{call.arguments}".encode())
    return Usage(tokens_in=read, tokens_out=reply_tokens_max)


def most_usd(usage: Usage, price: Price) -> float:
    """Return what *usage* costs at most, whatever of it is cached or stored."""
    return usage.tokens_in * price.usd_per_token_in_max + usage.tokens_out * price.usd_per_token_out


def bytes_of(tools: Sequence[Tool]) -> int:
    """Return how many bytes the descriptions of *tools* have."""
    return sum(
        _MESSAGE_TOKENS
        + len(f"{tool.name}{tool.description}{json.dumps(tool.parameters, default=str)}".encode())
        for tool in tools
    )


# What providers add: some 350 tokens in front of tools, 3 or 4 around a message.
_FRAME_TOKENS: Final = 512
_MESSAGE_TOKENS: Final = 16
