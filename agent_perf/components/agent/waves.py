"""
Requests under way: what each asks and has cost, and which wait for the same work.
"""

from __future__ import annotations

from collections.abc import Callable

from agent_perf.components.agent.limits import Tally
from agent_perf.components.agent.llm import Hear
from agent_perf.components.agent.questions import Question
from agent_perf.components.resilience.deadline import Deadline


class Work:
    """
    One request: what it asks, who listens, until when, and what it has cost.

    Attributes:
        question: What is asked.
        listener: Gets the text as it is written.
        deadline: When it ends.
        limit_s: How long that was from the beginning, for people.
        on_join: Told when somebody comes to wait for what this one computes.
        wave: Those who wait for the same; None until it is known, and without a cache.
        tally: What it has cost.
        begun: Whether it computes by itself.
    """

    __slots__ = (
        "begun",
        "deadline",
        "limit_s",
        "listener",
        "on_join",
        "question",
        "tally",
        "wave",
    )

    def __init__(self, question: Question, listener: Hear | None, limit_s: float) -> None:
        self.question = question
        self.listener = listener
        self.limit_s = limit_s
        self.deadline = Deadline(limit_s)
        self.on_join: Callable[[], None] | None = None
        self.wave: Wave | None = None
        self.tally = Tally()
        self.begun = False

    @property
    def is_alone(self) -> bool:
        """Whether nobody else waits for what it computes."""
        return self.wave is None or self.wave.members == 1


class Wave:
    """
    The requests under way with one cache key.

    Attributes:
        members: How many there are.
        worked: Whether one of them has begun to compute.
        deadline: The latest of theirs: shared work is worth doing until then.
    """

    __slots__ = ("deadline", "members", "worked", "worker")

    def __init__(self, deadline: Deadline) -> None:
        self.members = 0
        self.worked = False
        self.worker: Work | None = None
        # That of the first: its own end is set already, and what is told of it may grow.
        self.deadline = deadline

    def join(self, work: Work) -> None:
        """Let one more wait for it."""
        self.members += 1
        work.wave = self
        if self.members > 1:
            self.deadline.extend(work.deadline)
            if self.worker is not None and self.worker.on_join is not None:
                self.worker.on_join()

    def leave(self) -> bool:
        """Let one less wait for it, and return whether that was the last."""
        self.members -= 1
        if self.members:
            return False
        # The worker knows the wave: together they would wait for the collector.
        self.worker = None
        return True

    def begin(self, work: Work) -> None:
        """Let *work* compute for all."""
        self.worked = True
        self.worker = work
