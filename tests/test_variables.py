"""Environment variables of a world."""

import os

import pytest

from agent_perf.errors import ConfigError
from agent_perf.variables import check_variables, simulated_variables, variables_set


def test_no_real_key_is_in_a_world() -> None:
    """Every API key is a dummy, whether there was one or not; the scenario's own wins."""
    found = simulated_variables({"GROQ_API_KEY": "g"}, {"OPENAI_API_KEY": "sk-real", "HOME": "/h"})

    assert {
        "ANTHROPIC_API_KEY": "simulated",
        "OPENAI_API_KEY": "simulated",
        "GROQ_API_KEY": "g",
    } == {name: value for name, value in found.items() if name.endswith("_API_KEY")}


def test_no_telemetry_leaves_a_world() -> None:
    """Libraries are told to report nothing, whatever the machine says; the scenario's own wins."""
    found = simulated_variables({"LANGSMITH_TRACING": "true"}, {"DO_NOT_TRACK": "0"})

    assert "1" == found["DO_NOT_TRACK"]
    assert "False" == found["HAYSTACK_TELEMETRY_ENABLED"]
    assert "true" == found["LANGSMITH_TRACING"]


def test_the_environment_is_as_before_afterwards(monkeypatch) -> None:
    """What was set is set again, and what was not there is gone, whatever the body raises."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)

    with pytest.raises(ValueError, match="boom"), variables_set({"DATABASE_URL": "x"}):
        inside = {name: os.environ.get(name) for name in ("OPENAI_API_KEY", "DATABASE_URL")}
        raise ValueError("boom")

    assert {"OPENAI_API_KEY": "simulated", "DATABASE_URL": "x"} == inside
    assert "sk-real" == os.environ["OPENAI_API_KEY"]
    assert "ANTHROPIC_API_KEY" not in os.environ
    assert "DATABASE_URL" not in os.environ


@pytest.mark.parametrize("own", [["A"], {"A": 1}, {"A=B": "x"}, {"": "x"}, {"A": "\0"}])
def test_what_cannot_be_set_is_named(own) -> None:
    """A mapping of text to text, with names that the system can set."""
    with pytest.raises(ConfigError, match="scenario a.b: env"):
        check_variables(own, "scenario a.b")
