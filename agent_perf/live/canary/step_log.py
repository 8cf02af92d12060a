"""
What became of the requests of one step, as far as they are answered.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

import numpy as np

from agent_perf.live.asking import Answer
from agent_perf.live.canary.blocks import Step
from agent_perf.live.canary.result import SideSeen
from agent_perf.live.canary.rule import batch_count
from agent_perf.live.canary.seen import Floats, sides
from agent_perf.stats import Side, rank_of, samples_needed

REQUESTS_MAX: Final = 5_000_000
"""Of one step: they are kept until it ends, in 26 bytes each."""

DOWN_S: Final = 15.0
"""A candidate that answers nothing for so long is down; shorter ones are bursts of errors."""

_DOWN_REQUESTS: Final = 30
_DOWN_STABLE_MAX: Final = 0.1
"""Share of the stable service's failures in that time, above which it is no matter of one side."""


class StepLog:
    """
    Keeps when each request of *step* was due, who was asked, and what became of it.

    Args:
        step: The step.
        seed: Of the order in which both are asked.
    """

    def __init__(self, step: Step, seed: int) -> None:
        count = int(step.length_s * step.total_hz + 1e-9)
        assert count <= REQUESTS_MAX
        self.due_s = np.arange(count) / step.total_hz
        self.is_candidate = np.fromiter(step.sides(seed), np.bool_, count)
        self._latency_s = np.zeros(count)
        self._failed = np.zeros(count, np.bool_)
        self._late_s = np.zeros(count)
        self._done = np.zeros(count, np.bool_)
        self._errors: dict[int, str] = {}
        self._details = ["", ""]
        self._answered_to = 0
        self._answered = asyncio.Event()

    def note(self, index: int, answer: Answer, due_s: float) -> None:
        """
        Note *answer* to request *index*, which was due at *due_s* on the clock of the answer.

        Its time counts from when it was due: a request that had to wait for others was waiting.
        """
        self._latency_s[index] = answer.begin_s + answer.latency_s - due_s
        self._late_s[index] = answer.begin_s - due_s
        self._failed[index] = not answer.is_good
        self._done[index] = True
        if not answer.is_good:
            side = int(self.is_candidate[index])
            self._errors[index] = answer.error
            self._details[side] = self._details[side] or answer.detail
        self._answered.set()

    async def answered(self, till_s: float) -> int:
        """Return how many requests are due before *till_s*, once all of them are answered."""
        count = int(np.searchsorted(self.due_s, till_s - 1e-9))
        while True:
            rest = self._done[self._answered_to : count]
            if rest.all():
                return count
            self._answered_to += int(np.argmin(rest))
            self._answered.clear()
            await self._answered.wait()

    def answered_count(self) -> int:
        """Return how many requests are answered, up to the first one that is not."""
        open_ones = np.flatnonzero(~self._done)
        return int(open_ones[0]) if len(open_ones) else len(self._done)

    def seen(self, count: int, till_s: float) -> tuple[Side, Side]:
        """Return the first *count* requests, due before *till_s*, as the judge wants them."""
        return sides(
            self.due_s[:count],
            self._latency_s[:count],
            self._failed[:count],
            self.is_candidate[:count],
            batch_count(till_s),
            till_s,
        )

    def late_s(self, count: int) -> float:
        """Return how late the slowest hundredth of the first *count* requests was sent."""
        return float(np.quantile(self._late_s[:count], 0.99)) if count else 0.0

    def outage(self, count: int) -> str:
        """
        Return when the candidate was down in the first *count* requests; empty if it was not.

        To a statistic a hundred failures in a row are one event, which chance may bring. But a
        service that is asked for 15 s and answers nothing, while the other one does, is down.
        """
        due_s, failed, of_it = self.due_s, self._failed[:count], self.is_candidate[:count]
        asked = np.flatnonzero(of_it)
        # The good ones cut what was asked of it into runs of failures.
        edges = np.concatenate(([-1], np.flatnonzero(~failed[asked]), [len(asked)]))
        for number in np.flatnonzero(np.diff(edges) > _DOWN_REQUESTS):
            run = asked[edges[number] + 1 : edges[number + 1]]
            if due_s[run[-1]] - due_s[run[0]] < DOWN_S:
                continue
            others = failed[run[0] : run[-1]][~of_it[run[0] : run[-1]]]
            if len(others) and others.mean() <= _DOWN_STABLE_MAX:
                seconds = due_s[run[-1]] - due_s[run[0]]
                return (
                    f"the candidate answered none of {len(run)} requests in {seconds:.0f} s, "
                    "while the stable service did"
                )
        return ""

    def side(self, count: int, *, candidate: bool) -> SideSeen:
        """Return what was seen of one service in the first *count* requests."""
        of_it = self.is_candidate[:count] == candidate
        failed = self._failed[:count] & of_it
        good = np.sort(self._latency_s[:count][of_it & ~failed])
        errors = Counter(self._errors[index] for index in np.flatnonzero(failed).tolist())
        p50_s, p95_s, p99_s = (
            _quantile(good, int(of_it.sum()), q) for q in ("0.5", "0.95", "0.99")
        )
        return SideSeen(
            requests=int(of_it.sum()),
            failed=int(failed.sum()),
            errors=dict(errors),
            detail=self._details[candidate],
            p50_s=p50_s,
            p95_s=p95_s,
            p99_s=p99_s,
        )


def _quantile(good: Floats, count: int, q: str) -> float | None:
    """Return the *q*-quantile of *count* requests, of which all but *good* were slower."""
    if count < samples_needed(q):
        return None
    rank = rank_of(q, count)
    return float(good[rank - 1]) if rank <= len(good) else None
