"""
Runs the tools that a model asks for, reads together and writes in order.

The model is told what came of each.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from agent_perf.components.agent.llm import Message, Tool, ToolCall
from agent_perf.components.resilience.deadline import (
    Deadline,
    hand_on,
    is_cancelled,
    time_left_s,
)

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
    Return the results of *calls*, in their order.

    They run at the same time, except those of tools that are ``serial``: one of these waits
    for all before it, and all after it wait for it.

    A call of an unknown tool, with bad arguments, that raises or exceeds *timeout_s* is
    logged and answered with what was wrong.

    Example::

        results = await run_tools(reply.tool_calls, {"search": search}, timeout_s=10)
    """
    if len(calls) == 1:
        return [await _run(calls[0], tools.get(calls[0].name), timeout_s)]
    results: list[ToolResult] = []
    for _, together in itertools.groupby(_stages(calls, tools), key=lambda stage: stage[0]):
        starts = [
            functools.partial(_run, call, tools.get(call.name), timeout_s) for _, call in together
        ]
        results += await run_together(starts)
    return results


def _stages(calls: Sequence[ToolCall], tools: Mapping[str, Tool]) -> Iterable[tuple[int, ToolCall]]:
    """Give each call with the number of its stage; what is in one stage runs together."""
    stage = 0
    for call in calls:
        tool = tools.get(call.name)
        serial = tool is not None and tool.serial
        yield stage + serial, call
        stage += 2 * serial


async def run_together(starts: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """
    Return what all *starts* give, run at the same time; the first error ends the others.

    Unlike a task group it raises that error itself, so that callers can tell its class.
    """
    if len(starts) <= 1:
        return [await start() for start in starts]
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
    except (ValueError, RecursionError) as error:
        return _failure(call, f"the arguments are not a JSON object: {error}")
    try:
        content = _as_text(await _call(tool, arguments, timeout_s))
    except asyncio.CancelledError:
        if is_cancelled():
            raise
        return _failure(call, "it was cancelled from within")
    except Exception as error:  # noqa: BLE001  # Logged, counted, and told to the model.
        _log.warning("tool %s failed", call.name, exc_info=True)
        detail = str(error) or f"no result within {timeout_s} s"
        return _failure(call, f"{type(error).__name__}: {detail}")
    message = Message(role="tool", content=content, tool_call_id=call.id)
    return ToolResult(message=message, failed=False)


async def _call(tool: Tool, arguments: dict[str, object], timeout_s: float | None) -> object:
    if timeout_s is None:
        return await tool.call(**arguments)
    async with asyncio.timeout(timeout_s):
        # The caller's deadline is enforced by whoever set it; the tool shall know both.
        with hand_on(Deadline(min(timeout_s, time_left_s()))):
            return await tool.call(**arguments)


def _failure(call: ToolCall, reason: str) -> ToolResult:
    message = Message(role="tool", content=f"error: {reason}", tool_call_id=call.id)
    return ToolResult(message=message, failed=True)


def _as_text(result: object) -> str:
    return result if isinstance(result, str) else msgspec.json.encode(result).decode()
