"""
Which step of an evaluation comes next: decided here, done elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agent_perf.components.evaluation.examples import (
    Attempt,
    Example,
    Judge,
    Judgement,
    Unjudged,
    digest_of,
)
from agent_perf.errors import ConfigError


@dataclass(slots=True)
class Draft:
    """
    What is known of one example so far.

    Attributes:
        example: The question.
        attempt: With its answer; None while there is none.
        digest: Of the attempt.
        unanswered: Why there never will be one; None otherwise.
        judgements: Judge's name to what it says.
    """

    example: Example
    attempt: Attempt | None = None
    digest: str = ""
    unanswered: Unjudged | None = None
    judgements: dict[str, Judgement | Unjudged] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answering:
    """Ask the system."""

    draft: Draft
    index: int


@dataclass(frozen=True, slots=True)
class Judging:
    """Ask a judge of several attempts."""

    judge: Judge
    drafts: Sequence[Draft]


Step = Answering | Judging

Saved = Callable[[Draft, "Judge | None"], "str | Judgement | None"]
"""The answer, or the judge's word, that an earlier run has saved; None if there is none."""


class Plan:
    """
    Turns examples into steps; each judge's batches hold the examples that follow one another.

    Judging comes before further answering, so that what is begun gets done. An example is
    read when it is needed, and not before.

    Args:
        examples: In the order of the results.
        judges: Who judges.
        asks: Whether there is a system to ask.
        saved: What need not be done again.
    """

    def __init__(
        self, examples: Iterable[Example], judges: Sequence[Judge], *, asks: bool, saved: Saved
    ) -> None:
        self.drafts: list[Draft] = []
        self._source: Iterator[Example] | None = iter(examples)
        self._judges = tuple(judges)
        self._asks = asks
        self._saved = saved
        self._ids: set[str] = set()
        self._ready: deque[Judging] = deque()
        # For each judge: batch to how many of its examples have an outcome.
        self._ended: list[dict[int, int]] = [{} for _ in judges]

    def next_step(self) -> Step | None:
        """
        Return a step that can be done now; None if there is none until another is done.

        Raises:
            ConfigError: If two examples have one id, or one has no output and there is no
                system to ask.
        """
        while not self._ready:
            draft = self._read()
            if draft is None:
                break
            index = len(self.drafts) - 1
            output = draft.example.output
            if output is None:
                found = self._saved(draft, None)
                if not isinstance(found, str):
                    return Answering(draft, index)
                output = found
            self.answer(draft, index, output)
        return self._ready.popleft() if self._ready else None

    def answer(self, draft: Draft, index: int, outcome: str | Unjudged) -> None:
        """Take note of what the system answered to the example at *index*, or why it did not."""
        if isinstance(outcome, Unjudged):
            draft.unanswered = outcome
        else:
            draft.attempt = Attempt(example=draft.example, output=outcome)
            example = draft.example
            draft.digest = digest_of(example.input, example.expected, outcome)
        for judge, ended in zip(self._judges, self._ended, strict=True):
            batch = index // judge.batch_max
            ended[batch] = ended.get(batch, 0) + 1
            self._close(judge, ended, batch)

    def _read(self) -> Draft | None:
        if self._source is None:
            return None
        example = next(self._source, None)
        if example is None:
            self._source = None
            # Last batches are not full.
            for judge, ended in zip(self._judges, self._ended, strict=True):
                for batch in list(ended):
                    self._close(judge, ended, batch)
            return None
        if example.id in self._ids:
            raise ConfigError(f"two examples have the id {example.id!r}; name them apart")
        if example.output is None and not self._asks:
            raise ConfigError(
                f"example {example.id!r} has no output, and there is no system to ask: give one"
            )
        self._ids.add(example.id)
        draft = Draft(example)
        self.drafts.append(draft)
        return draft

    def _close(self, judge: Judge, ended: dict[int, int], batch: int) -> None:
        """Make *batch* ready if all its examples have an outcome."""
        begin = batch * judge.batch_max
        size = judge.batch_max
        if self._source is None:
            size = min(size, len(self.drafts) - begin)
        if ended[batch] < size:
            return
        del ended[batch]
        todo = []
        for draft in self.drafts[begin : begin + size]:
            if draft.attempt is None:
                continue
            found = self._saved(draft, judge)
            if isinstance(found, Judgement):
                draft.judgements[judge.name] = found
            else:
                todo.append(draft)
        if todo:
            self._ready.append(Judging(judge, todo))
