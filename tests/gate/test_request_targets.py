"""Targets for the most that one request does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_perf.errors import ConfigError
from agent_perf.gate.policy import make_policy
from agent_perf.gate.target import missed_targets
from tests.runs import make_run

_RUN = replace(make_run(), most={"llm_calls": 3, "llm_cost_nanousd": 5_000_000, "bytes_sent": 2048})


def test_the_most_of_a_request_is_held_against_its_target() -> None:
    """Calls and dollars beyond are breaches; what was never done is 0, and within any."""
    run = replace(
        _RUN,
        targets={
            "request.llm_calls": 2,
            "request.llm_cost_usd": 0.004,
            "request.bytes_sent": 4096,
            "request.db_statements": 0,
        },
    )

    breaches, unknown = missed_targets(run, make_policy({}, {}))

    assert () == unknown
    assert [
        ("request.llm_calls", "count", 3, 2),
        ("request.llm_cost_usd", "usd", 0.005, 0.004),
    ] == [(one.metric, one.unit, one.observed, one.limit) for one in breaches]


def test_the_configuration_may_say_it_too() -> None:
    """By the metric's name, for the benchmarks that match; a slip is told at once."""
    policy = make_policy({}, {"*": {"request.llm_calls": "2"}})

    assert ["request.llm_calls"] == [one.metric for one in missed_targets(_RUN, policy)[0]]
    with pytest.raises(ConfigError, match=r"did you mean 'request.llm_calls'\?"):
        make_policy({}, {"*": {"request.lm_calls": 2}})


def test_a_run_that_was_stored_before_is_undecided() -> None:
    """It has no such number, and says what to do."""
    run = replace(_RUN, most=None, targets={"request.llm_calls": 2})

    breaches, unknown = missed_targets(run, make_policy({}, {}))

    assert () == breaches
    assert ["request.llm_calls"] == [one.metric for one in unknown]
