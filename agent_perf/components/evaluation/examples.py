"""
What is evaluated, and what a judge says of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from agent_perf.components.agent.categories import ErrorCategory
from agent_perf.components.agent.llm import Usage
from agent_perf.errors import ConfigError

if TYPE_CHECKING:
    from agent_perf.components.evaluation.meter import Meter

_DIGEST_BYTES: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """
    One question to the system under evaluation.

    Attributes:
        id: Its name; no two of one evaluation are the same, and not empty.
        input: What the system is asked.
        expected: The right answer, or a text to compare with; None if there is none.
        output: What the system answered; None: it will be asked.
        label: Whether people find *output* right; None if nobody has looked. Needs *output*.
    """

    id: str
    input: str
    expected: str | None = None
    output: str | None = None
    label: bool | None = None

    def __post_init__(self) -> None:
        if not self.id:
            raise ConfigError(f"an example has the empty id: {self.input[:60]!r}; name it")
        for text in (self.id, self.input, self.expected, self.output):
            if text is not None and not is_encodable(text):
                raise ConfigError(f"example {self.id!r} holds half a surrogate; it has no UTF-8")
        if self.label is not None and self.output is None:
            raise ConfigError(
                f"example {self.id!r} has a label but no output: a label is of one output; "
                "give that, or leave the label out"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """
    An example with what the system answered.

    Attributes:
        example: The question.
        output: The answer.
    """

    example: Example
    output: str

    @property
    def expected(self) -> str:
        """
        What the output is compared with.

        Raises:
            ConfigError: If the example has nothing.
        """
        if self.example.expected is None:
            raise ConfigError(f"example {self.example.id!r} has no expected text to compare with")
        return self.example.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """
    What a judge says of one attempt.

    Attributes:
        score: How good it is, 0 to 1.
        passed: Whether that is good enough, by the judge's own measure.
        reason: Why, in the judge's words; may be empty.
    """

    score: float
    passed: bool
    reason: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            raise ConfigError(f"a judgement has score={self.score}; want 0 to 1")
        if not is_encodable(self.reason):
            raise ConfigError("a judgement's reason holds half a surrogate; it has no UTF-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """
    There is no answer, or no judgement: never to be taken for a bad one.

    Attributes:
        category: Why; BUDGET if it was not tried, because it might cost too much.
        message: In words.
    """

    category: ErrorCategory
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """
    What a system of yours answered, and what that cost.

    Attributes:
        text: The answer.
        cost_usd: Dollars; None if it cannot tell, which counts as the most it may be.
        usage: Tokens, if any.
    """

    text: str
    cost_usd: float | None = None
    usage: Usage = field(default_factory=Usage)


class Judge(Protocol):
    """Says of attempts how good they are."""

    @property
    def name(self) -> str:
        """How tables call it; no two judges of one evaluation share it."""

    @property
    def version(self) -> str:
        """All that its judgements depend on: another version, another judgement."""

    @property
    def batch_max(self) -> int:
        """Attempts that it takes at once, >= 1."""

    async def judge(
        self, attempts: Sequence[Attempt], meter: Meter
    ) -> Sequence[Judgement | Unjudged]:
        """
        Return what it says of each of *attempts*, in their order.

        What costs money goes through *meter*. An error is an Unjudged for all of them.
        """


class System(Protocol):
    """A system under evaluation."""

    @property
    def name(self) -> str:
        """How tables call it."""

    @property
    def version(self) -> str:
        """All that its answers depend on: another version is another system."""

    async def answer(self, example: Example, meter: Meter) -> str:
        """Return its answer; what costs money goes through *meter*."""


def is_encodable(text: str) -> bool:
    """Return whether *text* has a UTF-8 form: JSON can hold halves of surrogates alone."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def digest_of(*parts: object) -> str:
    """Return a short digest of *parts*, equal in every process."""
    return blake2b(_encode(parts), digest_size=_DIGEST_BYTES).hexdigest()


# Not `encode(str(parts))`: ("a", "bc") and ("ab", "c") must differ, and so must None and "None".
_encode = msgspec.msgpack.Encoder(order="deterministic").encode
