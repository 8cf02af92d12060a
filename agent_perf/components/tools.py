"""
Runs the tools that a model asks for, together, and tells it what came of each.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from agent_perf.components.llm import Message, Tool, ToolCall

T = TypeVar("T")

_log = logging.getLogger(__name__)
_decode = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """
    What came of one call.

    Attributes:
        message: For the model: the result, or what was wrong, so that it can do better.
        failed: Whether something was wrong.
    """

    message: Message
    failed: bool


async def run_tools(
    calls: Sequence[ToolCall], tools: Mapping[str, Tool], *, timeout_s: float | None = None
) -> list[ToolResult]:
    """
    Return the results of *calls*, in their order; they run at the same time.

    A call of an unknown tool, with bad arguments, that raises or exceeds *timeout_s* is
    logged and answered with what was wrong.

    Example::

        results = await run_tools(reply.tool_calls, {"search": search}, timeout_s=10)
    """
    return await run_together(
        [functools.partial(_run, call, tools.get(call.name), timeout_s) for call in calls]
    )


async def run_together(starts: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """
    Return what all *starts* give, run at the same time; the first error ends the others.

    Unlike a task group it raises that error itself, so that callers can tell its class.
    """
    if len(starts) == 1:
        return [await starts[0]()]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_await(start)) for start in starts]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]


async def _await(start: Callable[[], Awaitable[T]]) -> T:
    return await start()


async def _run(call: ToolCall, tool: Tool | None, timeout_s: float | None) -> ToolResult:
    if tool is None:
        return _failure(call, f"there is no tool {call.name!r}")
    try:
        arguments = _decode(call.arguments or "{}")
    except ValueError as error:
        return _failure(call, f"the arguments are not a JSON object: {error}")
    try:
        async with asyncio.timeout(timeout_s):
            content = _as_text(await tool.call(**arguments))
    except Exception as error:  # noqa: BLE001  # Logged, counted, and told to the model.
        _log.warning("tool %s failed", call.name, exc_info=True)
        detail = str(error) or f"no result within {timeout_s} s"
        return _failure(call, f"{type(error).__name__}: {detail}")
    message = Message(role="tool", content=content, tool_call_id=call.id)
    return ToolResult(message=message, failed=False)


def _failure(call: ToolCall, reason: str) -> ToolResult:
    message = Message(role="tool", content=f"error: {reason}", tool_call_id=call.id)
    return ToolResult(message=message, failed=True)


def _as_text(result: object) -> str:
    return result if isinstance(result, str) else msgspec.json.encode(result).decode()
