"""Limits and targets with a slip in them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_perf.gate import judge, make_policy, unmatched
from agent_perf.gate.unmatched import is_of_measured_family
from agent_perf.records import Failure
from tests.gate.deciding import BASE, HEAD, OLD


def warnings(
    limits: dict[str, str], targets: dict[str, dict[str, str]], *failures: Failure
) -> tuple[str, ...]:
    policy = make_policy(limits, targets)
    head = replace(OLD, commit=HEAD)
    decision = judge([OLD], [head], (), failures, policy, base_label=BASE, head_label=HEAD)
    return unmatched(decision, policy)


@pytest.mark.parametrize(
    ("limits", "targets", "said"),
    [
        (
            {"latency.pp95": "20%"},
            {},
            "limit for 'latency.pp95' matches nothing that was judged; did you mean 'latency.p95'?",
        ),
        (
            {"agent.caht@50:throughput": "20%"},
            {},
            "limit for 'agent.caht@50:throughput' matches nothing that was judged; did you mean 'agent.chat@50'?",
        ),
        (
            {},
            {"billing.*": {"latency.p95": "1s"}},
            "target for 'billing.*:latency.p95' matches nothing that was judged",
        ),
    ],
)
def test_a_slip_is_told(
    limits: dict[str, str], targets: dict[str, dict[str, str]], said: str
) -> None:
    """
    A pattern that matches nothing is told, with what was perhaps meant.
    """
    assert (said,) == warnings(limits, targets)


@pytest.mark.parametrize(
    ("metric", "known"),
    [
        ("resources.db_in_use.peak", True),
        ("resources.db_*", True),
        ("resources.cpu_share.p95", False),
        ("lat*.p95", True),
        ("wall.median", False),
    ],
)
def test_families(metric: str, known: bool) -> None:
    """
    A resource that is measured here says nothing of another one.
    """
    names = [("agent.chat@50", "resources.db_in_use.mean"), ("agent.chat@50", "latency.p99")]

    assert known is is_of_measured_family(metric, names)


def test_what_matches_or_is_measured_elsewhere_is_not() -> None:
    """
    Patterns that match are fine, and so are metrics of a family that other verbs measure; what
    a broken benchmark would have matched is not known.
    """
    slip = {"billing.*": {"latency.p95": "1s"}}
    broken = Failure(benchmark="billing.pay@1", commit=HEAD, category="import", message="no")

    assert () == warnings(
        {"latency.*": "20%", "agent.*:*": "20%"}, {"agent.*": {"latency.p95": "1s"}}
    )
    assert () == warnings({"resources.*": "20%", "wall.median": "30%"}, {})
    assert () == warnings({}, slip, broken)


def test_a_slip_is_told_where_only_exact_ones_were_measured() -> None:
    """
    Without sampled benchmarks a slip in a metric that exact ones have is told all the same, and
    nothing is said of what only sampled ones may have.
    """
    limits = {"latency.pp95": "20%", "cpu.totl": "20%", "*.p42": "20%"}
    policy = make_policy(limits, {})
    head = replace(OLD, commit=HEAD)
    decision = judge([OLD], [head], (), (), policy, base_label=BASE, head_label=HEAD)

    (said,) = unmatched(decision, policy, exact={OLD.benchmark})
    assert said.startswith("limit for 'latency.pp95' matches nothing that was judged")
    assert () == unmatched(decision, policy, exact=set())
