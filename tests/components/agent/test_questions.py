from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import AgentPolicy, ErrorCategory, Question, RequestError
from agent_perf.components.agent.questions import default_key, validate
from agent_perf.errors import ConfigError

POLICY = AgentPolicy(text_chars_max=20)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (Question(text=""), "empty"),
        (Question(text=" \n\t"), "empty"),
        (Question(text="x" * 21), "21 characters"),
        (Question(text="a\0b"), "question holds a null"),
        (Question(text="a\ud800b"), "half a surrogate"),
        (Question(text="hello", user_id="1\0"), "user id holds a null"),
    ],
)
def test_bad_questions_are_refused(question: Question, reason: str) -> None:
    """
    What no model, database or encoder would take is refused first, as a validation error.
    """
    with pytest.raises(RequestError, match=reason) as refused:
        validate(question, POLICY)
    assert ErrorCategory.VALIDATION is refused.value.category


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE users", "<script>alert(1)", "日本語 🙂 naïve", "x" * 20]
)
def test_odd_questions_are_questions(text: str) -> None:
    """
    SQL, HTML and every script of the world are for the model to answer.
    """
    validate(Question(text=text), POLICY)


@given(st.text(), st.text(), st.text(), st.text())
def test_users_do_not_share_answers(one: str, other: str, text: str, more: str) -> None:
    """
    Keys differ with the user and with the words, and with nothing else.
    """
    key = default_key(Question(text=text, user_id=one, channel="a"))

    assert key == default_key(Question(text=f"  {text}\n", user_id=one, channel="b"))
    if one != other:
        assert key != default_key(Question(text=text, user_id=other))
    if text.split() != more.split():
        assert key != default_key(Question(text=more, user_id=one))


@pytest.mark.parametrize("bad", [{"deadline_s": 0}, {"text_chars_max": 0}])
def test_policy_is_checked(bad: dict[str, float]) -> None:
    """
    A policy under which nothing can be answered is refused.
    """
    with pytest.raises(ConfigError):
        AgentPolicy(**bad)
