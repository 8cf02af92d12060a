"""Targets by their short names."""

import pytest

from agent_perf.errors import ConfigError
from agent_perf.suite.promises import METRICS, Promises, promised_targets


def test_short_names_become_targets_in_base_units() -> None:
    """Times with their unit, shares in per cent, and the most of one request, 0 included."""
    promises = {
        "p95": "150ms",
        "p99": 0.2,
        "success_ratio": "99%",
        "max_llm_calls": 2,
        "max_db_statements": 0,
        "max_cost_usd": 0.004,
        "p50": None,
    }

    assert {
        "latency.p95": 0.150,
        "latency.p99": 0.2,
        "success_ratio": 0.99,
        "request.llm_calls": 2,
        "request.db_statements": 0,
        "request.llm_cost_usd": 0.004,
    } == promised_targets(promises, "scenario a.b")


def test_every_promise_has_a_metric() -> None:
    """What can be written is held against something."""
    assert set(Promises.__annotations__) == set(METRICS)


@pytest.mark.parametrize(
    ("promises", "said"),
    [
        ({"p95_s": 1}, "p95_s=1 is no promise; did you mean 'p95'?"),
        ({"max_calls": 2}, "did you mean 'max_llm_calls'?"),
        ({"p95": 150}, 'p95=150 is 150 seconds; for milliseconds write "150ms"'),
        ({"p95": "fast"}, "p95='fast'; want a time"),
        ({"p95": 0}, "p95=0; want a time"),
        ({"p95": True}, "p95=True; want a time"),
        ({"success_ratio": 99}, "success_ratio=99; want at most 1"),
        ({"max_llm_calls": -1}, "max_llm_calls=-1; want a number >= 0"),
        ({"throughput": 0}, "throughput=0; want a number > 0"),
    ],
)
def test_a_wrong_promise_is_named(promises, said) -> None:
    """Whose it is, the value, and what would do."""
    with pytest.raises(ConfigError) as caught:
        promised_targets(promises, "scenario a.b")

    assert str(caught.value).startswith("scenario a.b: ")
    assert said in str(caught.value)
