"""
An answer on its way to the client, whole or streamed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from agent_perf.sim.request import Witness
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.llm.api import SSE_HEADERS, Call, Head, Usage
from agent_perf.sim.services.llm.course import Course, break_off, stream_of
from agent_perf.sim.services.llm.speech import Spoken
from agent_perf.sim.services.llm.till import Till
from agent_perf.sim.services.reply import Reply
from agent_perf.units import NS

JSON_HEADERS: Final = (("content-type", "application/json"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    One answer.

    Attributes:
        call: What it answers.
        head: What its parts repeat.
        spoken: What it says.
        course: When, and where it breaks off.
        usage: What it is billed for.
        headers: More of them.
        till: Who bills.
        witness: Who is told.
        note_failure: Called if the client does not get all of it.
        work: Charges for the CPU time of tokens; None: they cost none.
    """

    call: Call
    head: Head
    spoken: Spoken
    course: Course
    usage: Usage
    headers: tuple[tuple[str, str], ...]
    till: Till
    witness: Witness
    note_failure: Callable[[], None]
    work: Callable[[int], None] | None = None

    async def deliver(self) -> Reply:
        """
        Return the answer when it, or its first piece, is there.

        Raises:
            BrokenOff: If the connection drops before.
        """
        self.till.bill_prompt(self.head.model, self.usage)
        if not self.call.chat.stream:
            return Reply(headers=JSON_HEADERS + self.headers, content=await self._whole())
        await self._begin()
        chunks = self.call.chunks(self.head, self.spoken, self.usage)
        ended = partial(self._ended, sim_loop().now_ns)
        stream = stream_of(self.course, chunks, ended, self.work)
        return Reply(headers=SSE_HEADERS + self.headers, content=stream)

    async def _whole(self) -> bytes:
        course = self.course
        self.till.bill_output(self.head.model, self.usage.output)
        content = self.call.whole(self.head, self.spoken, self.usage)
        try:
            await self._begin()
            await wait("llm.stream", course.until_cut_ns(), self.witness, self.head.model)
            if course.broken is not None:
                self.note_failure()
                await break_off(course.broken)
                return content[: len(content) // 2]
        except asyncio.CancelledError:
            self.note_failure()
            raise
        self.call.finished(self.head, self.spoken)
        if self.work is not None:
            self.work(self.usage.output)
        return content

    async def _begin(self) -> None:
        course = self.course
        try:
            await wait("llm.first_token", course.first_ns, self.witness, self.head.model)
            if course.cut_index == 0 and course.broken is not None:
                self.note_failure()
                await break_off(course.broken)
        except asyncio.CancelledError:
            self.note_failure()
            raise

    def _ended(self, start_ns: int, tokens_sent: int) -> None:
        model = self.head.model
        self.till.bill_output(model, tokens_sent)
        self.witness.span("llm.stream", start_ns, sim_loop().now_ns, model)
        if tokens_sent < self.usage.output:
            self.note_failure()
        else:
            self.call.finished(self.head, self.spoken)


async def wait(operation: str, latency_ns: int, witness: Witness, model: str) -> None:
    """Wait, as long as *operation* takes, and tell *witness*."""
    start_ns = sim_loop().now_ns
    try:
        await asyncio.sleep(latency_ns / NS)
    finally:
        witness.span(operation, start_ns, sim_loop().now_ns, model)
