"""
Judges that are models: by a rubric, and between two answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from agent_perf.components.agent.categories import ErrorCategory
from agent_perf.components.evaluation.examples import (
    Attempt,
    Judgement,
    Unjudged,
    digest_of,
)
from agent_perf.components.evaluation.model import JudgeModel
from agent_perf.components.evaluation.prompts import (
    comparing,
    correction,
    grading,
    read_choice,
    read_grades,
    shortened,
    unread,
)
from agent_perf.errors import ConfigError

if TYPE_CHECKING:
    from agent_perf.components.evaluation.meter import Meter

# Changed with the prompts: what was said to others is not what would be said now.
_PROMPTS: Final = 1


class RubricJudge:
    """
    A model that grades by a rubric.

    A reply that cannot be read is asked for once more; then what is missing is an error, and
    not a score.

    Args:
        model: Who grades.
        rubric: What makes an answer good, in words.
        scale: Lowest and highest grade, whole numbers; scores are 0 to 1 between them.
        passes_from: The least grade that passes.
        batch_max: Attempts in one call, >= 1. A batch is cheaper, and one attempt in it may
            colour the others.
        name: As tables call it.

    Example::

        judge = RubricJudge(model, "Is it right, and to the point?", batch_max=5)
    """

    def __init__(
        self,
        model: JudgeModel,
        rubric: str,
        *,
        scale: tuple[int, int] = (1, 5),
        passes_from: int = 4,
        batch_max: int = 1,
        name: str = "rubric",
    ) -> None:
        low, high = scale
        if not low < high or not low <= passes_from <= high or batch_max < 1:
            raise ConfigError(
                f"scale={scale}, passes_from={passes_from}, batch_max={batch_max}; want a scale "
                "that ascends, a pass within it, and >= 1"
            )
        self.name = name
        self.version = digest_of(
            _PROMPTS, model.identity, rubric, list(scale), passes_from, batch_max
        )
        self.batch_max = batch_max
        self._model = model
        self._rubric = rubric
        self._scale = scale
        self._passes_from = passes_from

    async def judge(
        self, attempts: Sequence[Attempt], meter: Meter
    ) -> Sequence[Judgement | Unjudged]:
        """Return its grades of *attempts*, as scores from 0 to 1."""
        low, high = self._scale
        count = len(attempts)
        messages = grading(self._rubric, self._scale, attempts)
        reply = await meter.ask(self._model, messages)
        grades, fault = read_grades(reply, count, self._scale)
        if fault:
            again = await meter.ask(self._model, correction(messages, reply, fault))
            second, fault = read_grades(again, count, self._scale)
            grades |= second
        return [
            unread(fault)
            if grade is None
            else Judgement(
                score=(grade.score - low) / (high - low),
                passed=grade.score >= self._passes_from,
                reason=shortened(grade.reason),
            )
            for grade in map(grades.get, range(1, count + 1))
        ]


class PairwiseJudge:
    """
    A model that says which of two answers is better: the system's, or a rival's.

    It is asked twice, in both orders, for models prefer a place. Two replies that disagree
    are a tie, and say so. A win scores 1, a tie 0.5, a loss 0; a win or a tie passes.

    Args:
        model: Who compares.
        rubric: What makes an answer better, in words.
        rivals: Example's id to the rival's answer; None: the expected texts are the rival.
        name: As tables call it.

    Example::

        judge = PairwiseJudge(model, "Which one helps more?", rivals=answers_of_stable)

    Source: Zheng et al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena" (2023),
    section 3.4, position bias.
    """

    def __init__(
        self,
        model: JudgeModel,
        rubric: str,
        *,
        rivals: Mapping[str, str] | None = None,
        name: str = "pairwise",
    ) -> None:
        self.name = name
        self.version = digest_of(
            _PROMPTS, model.identity, rubric, None if rivals is None else dict(rivals)
        )
        self.batch_max = 1
        self._model = model
        self._rubric = rubric
        self._rivals = rivals

    async def judge(
        self, attempts: Sequence[Attempt], meter: Meter
    ) -> Sequence[Judgement | Unjudged]:
        """Return whether each of *attempts* is better than its rival."""
        return [await self._judge_one(attempt, meter) for attempt in attempts]

    async def _judge_one(self, attempt: Attempt, meter: Meter) -> Judgement | Unjudged:
        example = attempt.example
        rival = example.expected if self._rivals is None else self._rivals.get(example.id)
        if rival is None:
            return Unjudged(
                category=ErrorCategory.VALIDATION,
                message=f"example {example.id!r} has no rival to compare with",
            )
        ahead, why, fault = await self._compare(example.input, attempt.output, rival, meter)
        if fault:
            return unread(fault)
        behind, why_swapped, fault = await self._compare(
            example.input, rival, attempt.output, meter
        )
        if fault:
            return unread(fault)
        mine, theirs = _SCORES[ahead], 1 - _SCORES[behind]
        if mine == theirs:
            return Judgement(score=mine, passed=mine >= _TIE, reason=why)
        return Judgement(
            score=_TIE,
            passed=True,
            reason=shortened(f"tie: depends on the order ({why} / {why_swapped})"),
        )

    async def _compare(
        self, question: str, first: str, second: str, meter: Meter
    ) -> tuple[str, str, str]:
        messages = comparing(self._rubric, question, first, second)
        reply = await meter.ask(self._model, messages)
        choice, why, fault = read_choice(reply)
        if fault:
            again = await meter.ask(self._model, correction(messages, reply, fault))
            choice, why, fault = read_choice(again)
        return choice, why, fault


_TIE: Final = 0.5
_SCORES: Final[Mapping[str, float]] = {"first": 1.0, "same": _TIE, "second": 0.0}
