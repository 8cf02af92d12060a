from __future__ import annotations

import pytest

from agent_perf.components import Answer, ErrorCategory, Usage
from agent_perf.components.metrics import (
    AgentMetrics,
    HistogramSnapshot,
    Metrics,
    SuccessHistory,
    prometheus_text,
)
from agent_perf.errors import ConfigError
from tests.components.fakes import Hands


def asked() -> AgentMetrics:
    agents = AgentMetrics(history=lambda: SuccessHistory(clock=Hands()))
    for _ in range(19):
        agents.add_answer(
            "support",
            Answer(
                text="42",
                path="miss",
                usage=Usage(tokens_in=10, tokens_out=5),
                cost_usd=0.25,
                llm_calls=1,
                tool_calls=0,
                duration_s=0.1,
            ),
        )
    agents.add("support", latency_s=30.0, error=ErrorCategory.TIMEOUT, tokens_in=10)
    agents.add("sales", latency_s=0.1, error="budget")
    return agents


def test_figures_of_one_agent() -> None:
    """
    Counts, tokens and cost add up; the failed request is in the latencies, as their
    longest, and its tokens are counted.
    """
    figures = asked().figures("support")

    assert (20, {"timeout": 1}, 200, 95, 4.75, 0.95) == (
        figures.requests,
        figures.errors,
        figures.tokens_in,
        figures.tokens_out,
        figures.cost_usd,
        figures.success_ratio,
    )
    assert (20, 30.0) == (figures.latency_s.count, figures.latency_s.max)
    assert figures.latency_s.quantile(0.95) == pytest.approx(0.1, rel=2**-8)
    assert figures.latency_s.quantile(0.99) is None


def test_figures_of_all() -> None:
    """
    All agents together are the sum of each.
    """
    figures = asked().figures()

    assert (21, {"timeout": 1, "budget": 1}, 200, 21) == (
        figures.requests,
        figures.errors,
        figures.tokens_in,
        figures.latency_s.count,
    )
    assert 19 / 21 == figures.success_ratio
    assert 0 == AgentMetrics().figures().requests


def test_names_are_bounded() -> None:
    """
    Agents and categories beyond the bounds are counted as other, and nothing is lost.
    """
    agents = AgentMetrics(agents_max=2, categories_max=1)
    for name in ("a", "b", "c", "d"):
        for error in ("x", "y", "z"):
            agents.add(name, latency_s=0.1, error=error)

    assert {"a": 3, "b": 3, "other": 6} == {k: v.requests for k, v in agents.stats().items()}
    assert {"x": 4, "other": 8} == agents.figures().errors


def test_they_are_told_with_the_names_people_expect() -> None:
    """
    Watched, they are families with agent and category as labels, latencies a histogram.
    """
    metrics = Metrics(namespace="shop")
    agents = asked()
    metrics.watch("agent", agents.stats, keys=AgentMetrics.KEYS)
    page = prometheus_text(metrics.collect())

    for line in (
        'shop_agent_requests_total{agent="support"} 20',
        'shop_agent_errors_total{agent="support",category="timeout"} 1',
        'shop_agent_latency_seconds_bucket{agent="support",le="0.1"} 19',
        'shop_agent_cost_usd_total{agent="support"} 4.75',
        'shop_agent_success_ratio{agent="sales"} 0.0',
    ):
        assert f"{line}\n" in page


def test_bad_options_are_noticed_at_once() -> None:
    """
    Bounds out of order are refused where the metrics are made, not by the first request.
    """
    with pytest.raises(ConfigError, match="bounds"):
        AgentMetrics(bounds=(2.0, 1.0))
    for options in ({"agents_max": 0}, {"categories_max": 0}):
        with pytest.raises(ConfigError, match="agents_max=.*categories_max="):
            AgentMetrics(**options)
    assert isinstance(AgentMetrics().figures().latency_s, HistogramSnapshot)
