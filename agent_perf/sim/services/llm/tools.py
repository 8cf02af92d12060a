"""
Tools of the system under test, seen from the model: called in one answer, told of in the next
question.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Final

from agent_perf.errors import BrokenError
from agent_perf.sim.request import Witness
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.llm.conversation import ChatRequest
from agent_perf.sim.services.llm.turns import ToolCall

TOOL: Final = "tool.call"
_CALLS_KEPT: Final = 10_000


class ToolWatch:
    """
    What becomes of the calls of tools.

    A tool is the system's own code, which nobody here runs. What is seen is that the model has
    called it, and that a question brings its result. Each result is one unit of ``tool_calls``.
    Whoever brings it before the tool's declared latency has passed waits for the rest, before the
    question is sent: all else that the tool did meanwhile, in any service, counts towards it.

    Args:
        witness: Told of results, and of waits as spans ``tool.call``.
    """

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._latency_ns: dict[str, int] = {}
        self._called: dict[str, tuple[str, int]] = {}
        self._seen: dict[str, None] = {}
        self._own: set[str] = set()

    def declare(self, name: str, latency_ns: int) -> None:
        """Let tool *name* take *latency_ns* at least."""
        self._latency_ns[name] = latency_ns

    def take_back(self, name: str) -> None:
        """Take note that the scenario performs tool *name* itself, and counts it."""
        self._latency_ns.pop(name, None)
        self._own.add(name)

    def called(self, reply_id: str, calls: tuple[ToolCall, ...], end_ns: int) -> None:
        """Take note of *calls* in the answer *reply_id*, which is whole at *end_ns*."""
        for index, call in enumerate(calls):
            if len(self._called) >= _CALLS_KEPT:
                # A system that never answers a call leaves it here.
                del self._called[next(iter(self._called))]
            self._called[f"{reply_id}{index}"] = (call.name, end_ns)

    async def returned(self, chat: ChatRequest) -> None:
        """Count the results that *chat* brings, and wait for what their tools lack in time."""
        loop = sim_loop()
        until: dict[str, int] = {}
        for message in chat.messages:
            if message.tool_call_id is None:
                continue
            # Each API has a prefix of its own before the number; a retry brings nothing new.
            found = self._called.pop(message.tool_call_id.partition("_")[2], None)
            if found is None or found[0] in self._own:
                continue
            name, end_ns = found
            self._seen[name] = None
            self._witness.count("tool_calls", 1, name)
            due_ns = end_ns + self._latency_ns.get(name, 0)
            if due_ns > loop.now_ns:
                until[name] = max(due_ns, until.get(name, 0))
        # Tools that were called together ran together.
        start_ns = loop.now_ns
        for name, due_ns in sorted(until.items(), key=lambda item: (item[1], item[0])):
            await loop.pause(due_ns - loop.now_ns)
            self._witness.span(TOOL, start_ns, loop.now_ns, name)

    def check(self) -> None:
        """
        Check, at the end, that no latency was declared for a slip of the pen.

        Raises:
            BrokenError: If a declared tool was never told of, and one of a similar name was.
        """
        for name in self._latency_ns:
            close = difflib.get_close_matches(name, self._seen, n=1)
            if name not in self._seen and close:
                raise BrokenError(
                    f"world.tool({name!r}, latency=...): the model never got a result of such a "
                    f"tool; did you mean {close[0]!r}?"
                )


class DeclaredTool:
    """
    A declared latency; awaited, a call of the tool by the scenario itself.

    Args:
        call: Performs it.
    """

    def __init__(self, call: Callable[[], Awaitable[None]]) -> None:
        self._call = call

    def __await__(self) -> Generator[Any, None, None]:
        """Perform the call."""
        return self._call().__await__()
