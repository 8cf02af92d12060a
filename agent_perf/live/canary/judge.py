"""
Remembers over the looks at one step what was found, and what that comes to.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent_perf.live.canary.rule import Answer, Finding, Limit, find
from agent_perf.stats import Side


class StepJudge:
    """
    Judges one step at each of its looks.

    Args:
        limits: What is judged.
        misses: For each look the probabilities of its lower and upper limits to be wrong.
    """

    def __init__(self, limits: Sequence[Limit], misses: Sequence[tuple[float, float]]) -> None:
        self._limits = limits
        self._misses = misses
        self._found: dict[str, Finding] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of each limit the last finding; what was fine once is not asked again."""
        return tuple(self._found.values())

    @property
    def answer(self) -> Answer:
        """Worse if one metric is, fine if all are."""
        answers = [one.answer for one in self.findings]
        if Answer.WORSE in answers:
            return Answer.WORSE
        known = len(answers) == len(self._limits)
        return Answer.FINE if known and set(answers) == {Answer.FINE} else Answer.OPEN

    def look(self, number: int, stable: Side, candidate: Side) -> None:
        """
        Judge what was seen of both services until look *number*.

        Args:
            number: Counted from 0, ascending.
            stable: Of the one, batch by batch.
            candidate: Of the other, in the same batches.
        """
        if not (stable.total and candidate.total):
            return
        for limit in self._limits:
            before = self._found.get(limit.metric)
            after = find(limit, stable, candidate, self._misses[number])
            # The error of calling it fine is spent over all looks: once is enough. That it
            # is worse may still show.
            if before is None or before.answer is not Answer.FINE or after.answer is Answer.WORSE:
                self._found[limit.metric] = after
