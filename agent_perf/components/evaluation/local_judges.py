"""
Judges that compare: texts, numbers and JSON.
"""

from __future__ import annotations

import math
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from agent_perf.components.agent.categories import ErrorCategory
from agent_perf.components.evaluation.examples import Attempt, Judgement, Unjudged
from agent_perf.errors import ConfigError

if TYPE_CHECKING:
    from agent_perf.components.evaluation.meter import Meter

_BATCH: Final = 256
_NUMBER: Final = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class _Local(ABC):
    """What judges of this file have in common: one attempt at a time, for nothing."""

    __slots__ = ()

    @property
    def version(self) -> str:
        """Its settings."""
        return repr(self)

    @property
    def batch_max(self) -> int:
        """Many at once, for a step costs more than a comparison."""
        return _BATCH

    async def judge(
        self, attempts: Sequence[Attempt], meter: Meter
    ) -> Sequence[Judgement | Unjudged]:
        """Return what it says of each of *attempts*."""
        return [self._judge_safely(attempt) for attempt in attempts]

    @abstractmethod
    def judge_one(self, attempt: Attempt) -> Judgement:
        """Return what it says of *attempt*."""

    def _judge_safely(self, attempt: Attempt) -> Judgement | Unjudged:
        try:
            return self.judge_one(attempt)
        except ConfigError as error:
            # The example lacks what this judge compares with; others need not.
            return Unjudged(category=ErrorCategory.VALIDATION, message=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactMatch(_Local):
    """
    Passes an output that equals the expected text.

    Attributes:
        name: As tables call it.
        normalised: Compare without regard to case, accents' encoding, runs of white space,
            and punctuation at the ends.

    Example::

        judge = ExactMatch(normalised=True)
    """

    name: str = "exact"
    normalised: bool = False

    def judge_one(self, attempt: Attempt) -> Judgement:
        """Return what it says of *attempt*."""
        expected, output = attempt.expected, attempt.output
        if self.normalised:
            return passing(normalise(expected) == normalise(output))
        return passing(expected == output)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains(_Local):
    """
    Passes an output that holds the expected text, normalised as in ExactMatch if asked for.

    An empty expected text is in everything: it passes nothing here.
    """

    name: str = "contains"
    normalised: bool = True

    def judge_one(self, attempt: Attempt) -> Judgement:
        """Return what it says of *attempt*."""
        expected, output = attempt.expected, attempt.output
        if self.normalised:
            expected, output = normalise(expected), normalise(output)
        return passing(bool(expected) and expected in output)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches(_Local):
    """
    Passes an output in which a regular expression is found.

    Attributes:
        pattern: Python's ``re``, searched for anywhere. One that takes for ever on some text
            holds up the event loop: keep it simple.
        name: As tables call it.
    """

    pattern: str
    name: str = "regex"

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ConfigError(f"pattern={self.pattern!r}: {error}") from error

    def judge_one(self, attempt: Attempt) -> Judgement:
        """Return what it says of *attempt*."""
        return passing(re.search(self.pattern, attempt.output) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseNumber(_Local):
    """
    Passes an output whose last number is near the expected one.

    The last, because answers come after their derivation. Commas between digits are
    skipped. An output without a number fails.

    Attributes:
        relative: Share of the expected number by which it may differ, >= 0.
        absolute: And the difference that is always allowed, >= 0.
        name: As tables call it.
    """

    relative: float = 1e-6
    absolute: float = 0.0
    name: str = "number"

    def __post_init__(self) -> None:
        if not (0 <= self.relative < math.inf and 0 <= self.absolute < math.inf):
            raise ConfigError(
                f"relative={self.relative}, absolute={self.absolute}; want finite, >= 0"
            )

    def judge_one(self, attempt: Attempt) -> Judgement:
        """Return what it says of *attempt*."""
        expected, found = last_number(attempt.expected), last_number(attempt.output)
        if expected is None:
            raise ConfigError(f"example {attempt.example.id!r} expects no number")
        if found is None:
            return Judgement(score=0.0, passed=False, reason="no number")
        allowed = max(self.absolute, self.relative * abs(expected))
        return passing(abs(found - expected) <= allowed, f"{found:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFields(_Local):
    """
    Scores a JSON object by how many of the expected object's fields it has, with equal values.

    Passes if it has them all. Fields beyond those expected do not matter.

    Attributes:
        fields: The fields that count; empty for all that the expected object has.
        name: As tables call it.
    """

    fields: tuple[str, ...] = ()
    name: str = "json"

    def judge_one(self, attempt: Attempt) -> Judgement:
        """Return what it says of *attempt*."""
        try:
            expected = _decode_object(attempt.expected)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ConfigError(
                f"example {attempt.example.id!r} expects no JSON object: {error}"
            ) from error
        fields = self.fields or tuple(expected)
        if not fields or not expected.keys() >= set(fields):
            raise ConfigError(f"example {attempt.example.id!r} does not expect the fields {fields}")
        try:
            output = _decode_object(attempt.output)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            return Judgement(score=0.0, passed=False, reason=f"not a JSON object: {error}")
        wrong = [name for name in fields if not _equal(output.get(name, _ABSENT), expected[name])]
        return Judgement(
            score=1 - len(wrong) / len(fields), passed=not wrong, reason=", ".join(wrong)
        )


def normalise(text: str) -> str:
    """Return *text* in one case, form and spacing, without punctuation at its ends."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return folded.strip(".,;:!?\"'`()[]{} ")


def last_number(text: str) -> float | None:
    """Return the last number in *text*; None if there is none, or it is beyond a float."""
    found = _NUMBER.findall(text)
    value = float(found[-1].replace(",", "")) if found else math.inf
    return value if math.isfinite(value) else None


_decode_object = msgspec.json.Decoder(dict[str, object]).decode
_ABSENT: Final = object()


def _equal(one: object, other: object) -> bool:
    pairs: list[tuple[object, object]] = [(one, other)]
    while pairs:
        mine, theirs = pairs.pop()
        if isinstance(mine, dict) and isinstance(theirs, dict):
            if mine.keys() != theirs.keys():
                return False
            pairs += [(value, theirs[name]) for name, value in mine.items()]
        elif isinstance(mine, list) and isinstance(theirs, list):
            if len(mine) != len(theirs):
                return False
            pairs += zip(mine, theirs, strict=True)
        # True == 1 in Python, and not in JSON.
        elif mine != theirs or isinstance(mine, bool) != isinstance(theirs, bool):
            return False
    return True


def passing(passed: bool, reason: str = "") -> Judgement:
    """Return the judgement of a judge that knows right and wrong only."""
    return Judgement(score=float(passed), passed=passed, reason=reason)
