"""
Asks a service at a constant rate, whatever it answers, and takes down what becomes of it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from agent_perf.live.asking import Answer, Asker
from agent_perf.live.chaos.judging import LATE_S
from agent_perf.live.chaos.observations import Observations
from agent_perf.live.request import ReadyRequest
from agent_perf.measure import LoadRecorder


class Memory(Protocol):
    """What makes each request its own, and remembers which ones were acknowledged."""

    def numbered(self, request: ReadyRequest, index: int) -> ReadyRequest:
        """Return *request* as request number *index* sends it."""

    def note(self, answer: Answer, index: int) -> None:
        """Take note of the answer to request number *index*."""


class Driver:
    """
    Sends the requests of an experiment.

    Args:
        asker: Sends them.
        mix: What is asked, by weights.
        observations: Is told what became of each.
        recorder: Likewise.
        memory: Of what must not be lost.
        in_flight_max: What would be beyond is dropped.
        seed: Of which request is which of *mix*.

    Attributes:
        start_s: On the clock of time.perf_counter.
        first_failure: What the first one that failed was answered.
        late_count: Requests that left more than LATE_S after their time.
        sent_count: Requests that were sent, or dropped.
    """

    def __init__(
        self,
        asker: Asker,
        mix: Sequence[ReadyRequest],
        *,
        observations: Observations,
        recorder: LoadRecorder,
        memory: Memory,
        in_flight_max: int,
        seed: int,
    ) -> None:
        self.start_s = 0.0
        self.first_failure = ""
        self.late_count = 0
        self.sent_count = 0
        self._asker = asker
        self._mix = mix
        self._observations = observations
        self._recorder = recorder
        self._memory = memory
        self._in_flight_max = in_flight_max
        self._pick: Callable[[], ReadyRequest] = _picker(mix, seed)
        self._under_way: set[asyncio.Task[None]] = set()
        self._sending: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Send all of them, or those until `stop`, and wait for the last answer."""
        self._recorder.restart()
        self.start_s = time.perf_counter()
        self._sending = asyncio.get_running_loop().create_task(self._send_all())
        try:
            await asyncio.wait((self._sending,))
            if not self._sending.cancelled():
                self._sending.result()
            await asyncio.gather(*self._under_way)
        finally:
            self._sending.cancel()
            for task in tuple(self._under_way):
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def stop(self) -> None:
        """Send no more."""
        if self._sending is not None:
            self._sending.cancel()

    def now_s(self) -> float:
        """Return the time since the begin."""
        return time.perf_counter() - self.start_s

    async def _send_all(self) -> None:
        for index in range(self._observations.count):
            at_s = self.start_s + self._observations.at_s(index)
            # Also when it is late, others must get their turn.
            await asyncio.sleep(max(0.0, at_s - time.perf_counter()))
            self._send(index, at_s)

    def _send(self, index: int, at_s: float) -> None:
        self.sent_count = index + 1
        self.late_count += time.perf_counter() - at_s > LATE_S
        if len(self._under_way) >= self._in_flight_max:
            self._recorder.drop(index, round(at_s * 1e9))
            return
        task = asyncio.get_running_loop().create_task(self._ask(index, at_s))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _ask(self, index: int, at_s: float) -> None:
        self._recorder.begin(index, round(at_s * 1e9))
        request = self._memory.numbered(self._pick(), index)
        answer = await self._asker.ask(request)
        latency_s = time.perf_counter() - at_s
        self._observations.end(index, latency_s, is_good=answer.is_good)
        self._memory.note(answer, index)
        self._recorder.end(index, answer.name, answer.error or None)
        if answer.error and not self.first_failure:
            self.first_failure = f"{answer.name}: {answer.error}: {answer.detail}"


def _picker(mix: Sequence[ReadyRequest], seed: int) -> Callable[[], ReadyRequest]:
    draws = random.Random(seed)
    weights = [one.weight for one in mix]
    return lambda: draws.choices(mix, weights)[0]
