"""
What an agent is asked and what it answers; which questions it takes at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent_perf.components.agent.categories import ErrorCategory, RequestError
from agent_perf.components.agent.llm import Usage
from agent_perf.components.cache.keys import text_key
from agent_perf.errors import ConfigError

Path: TypeAlias = Literal["hit", "joined", "miss"]
"""From the cache, from another request's work under way, or by work of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    What somebody asks an agent.

    Attributes:
        text: The question.
        user_id: Who asks; may be empty.
        channel: Where events about it go; None for none.
    """

    text: str
    user_id: str = ""
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What the agent answers.

    Attributes:
        text: The answer.
        path: How it came about.
        usage: Tokens that this request spent; none unless *path* is miss; likewise below.
        cost_usd: What they cost.
        llm_calls: Model calls that it made.
        tool_calls: Tools that it ran.
        duration_s: From the call to the answer.
    """

    text: str
    path: Path
    usage: Usage
    cost_usd: float
    llm_calls: int
    tool_calls: int
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPolicy:
    """
    What an agent lets pass.

    Attributes:
        deadline_s: Longest time for one request, > 0.
        text_chars_max: Longest question, >= 1.
    """

    deadline_s: float = 30.0
    text_chars_max: int = 8_000

    def __post_init__(self) -> None:
        if not self.deadline_s > 0 or self.text_chars_max < 1:
            raise ConfigError(
                f"deadline_s={self.deadline_s}, text_chars_max={self.text_chars_max}; "
                "want > 0 and >= 1"
            )


def validate(question: Question, policy: AgentPolicy) -> None:
    """
    Return if *question* may be worked on.

    Raises:
        RequestError: With category VALIDATION.
    """
    text = question.text
    if not text.strip():
        raise RequestError(ErrorCategory.VALIDATION, "the question is empty")
    if len(text) > policy.text_chars_max:
        raise RequestError(
            ErrorCategory.VALIDATION,
            f"the question has {len(text)} characters; at most {policy.text_chars_max} are allowed",
        )
    for name, value in (("question", text), ("user id", question.user_id)):
        # PostgreSQL refuses the first, every encoder the second: better here than there.
        if "\0" in value or not (value.isascii() or _is_encodable(value)):
            raise RequestError(
                ErrorCategory.VALIDATION, f"the {name} holds a null character or half a surrogate"
            )


def default_key(question: Question) -> str:
    """Return the cache key of *question*: the text, white space aside, for this user alone."""
    return text_key("answer", (question.user_id, " ".join(question.text.split())), {})


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
