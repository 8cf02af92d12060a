"""
What the dashboard shows: its panels, and the queries behind them.

The names of metrics are those of docs/howto/watch-in-production.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

REQUESTS: Final = "agent_perf_agent_requests_total"
# Of one job and agent, or all of them; instances are added up where that has a meaning.
_AGENT: Final = '{job=~"$job", agent=~"$agent"}'
_JOB: Final = '{job=~"$job"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """
    One picture.

    Attributes:
        title: Above it.
        about: What it tells, and what to do.
        unit: Of Grafana.
        queries: Legend to expression.
        limit: Where it turns red; None: nowhere.
        below: Whether it is red below the limit, and not above it.
        stacked: Whether lines are added up.
        width: Columns of 24.
        shown: ``timeseries`` or ``stat``.
    """

    title: str
    about: str
    unit: str
    queries: Mapping[str, str]
    limit: float | None = None
    below: bool = False
    stacked: bool = False
    width: int = 8
    shown: str = "timeseries"


def _rate(metric: str, by: str = "agent", which: str = _AGENT) -> str:
    return f"sum by ({by}) (rate({metric}{which}[$__rate_interval]))"


def _quantile(q: float) -> str:
    buckets = f"rate(agent_perf_agent_latency_seconds_bucket{_AGENT}[$__rate_interval])"
    return f"histogram_quantile({q}, sum by (le) ({buckets}))"


def _ratio(part: str, other: str, by: str, which: str) -> str:
    """Return the share of *part* in itself and *other*."""
    return f"{_rate(part, by, which)} / ({_rate(part, by, which)} + {_rate(other, by, which)})"


_ERRORS: Final = "agent_perf_agent_errors_total"
_HITS: Final = "agent_perf_cache_hits_total"
_MISSES: Final = "agent_perf_cache_misses_total"
_SPENT: Final = "agent_perf_agent_cost_usd_total"

ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Requests",
        (
            Panel(
                title="P95",
                about="95 of 100 requests were answered, or failed, within this time.",
                unit="s",
                queries={"P95": _quantile(0.95)},
                limit=2.0,
                width=6,
                shown="stat",
            ),
            Panel(
                title="Errors",
                about="Failed requests in all.",
                unit="percentunit",
                queries={
                    # Without a failure there is no series of it: then it is 0.
                    "errors": f"(sum(rate({_ERRORS}{_AGENT}[$__rate_interval])) or vector(0)) "
                    f"/ sum(rate({REQUESTS}{_AGENT}[$__rate_interval]))"
                },
                limit=0.001,
                width=6,
                shown="stat",
            ),
            Panel(
                title="Cache hits",
                about="Answers that asked no model.",
                unit="percentunit",
                queries={"{{cache}}": _ratio(_HITS, _MISSES, "cache", _JOB)},
                limit=0.8,
                below=True,
                width=6,
                shown="stat",
            ),
            Panel(
                title="Dollars an hour",
                about="What models cost at this pace.",
                unit="currencyUSD",
                queries={"dollars": f"3600 * sum(rate({_SPENT}{_AGENT}[$__rate_interval]))"},
                width=6,
                shown="stat",
            ),
            Panel(
                title="Latency",
                about="All requests, failed ones included. Compare P99 with P50: a tail alone is a "
                "queue, a lock or a retry.",
                unit="s",
                queries={
                    "P50": _quantile(0.5),
                    "P95": _quantile(0.95),
                    "P99": _quantile(0.99),
                },
                limit=2.0,
            ),
            Panel(
                title="Throughput",
                about="Requests that ended, by agent.",
                unit="reqps",
                queries={"{{agent}}": _rate(REQUESTS)},
                stacked=True,
            ),
            Panel(
                title="Errors by category",
                about="timeout, rate_limit, network, model, budget, validation, internal.",
                unit="reqps",
                queries={"{{category}}": _rate(_ERRORS, "category")},
                stacked=True,
            ),
        ),
    ),
    (
        "Models",
        (
            Panel(
                title="Tokens a second",
                about="Read and written by models.",
                unit="short",
                queries={
                    "in {{agent}}": _rate("agent_perf_agent_tokens_in_total"),
                    "out {{agent}}": _rate("agent_perf_agent_tokens_out_total"),
                },
            ),
            Panel(
                title="Dollars an hour by agent",
                about="At the pace of the moment.",
                unit="currencyUSD",
                queries={"{{agent}}": f"3600 * {_rate(_SPENT)}"},
                stacked=True,
            ),
            Panel(
                title="Budget",
                about="Spent and set aside, of what a period may cost.",
                unit="currencyUSD",
                queries={
                    "spent": f"sum(agent_perf_budget_period_spent_usd{_JOB})",
                    "set aside": f"sum(agent_perf_budget_reserved_usd{_JOB})",
                    "limit": f"sum(agent_perf_budget_limit_usd{_JOB})",
                },
            ),
            Panel(
                title="Circuit breakers",
                about="1 while one is open; and how many calls are refused a second.",
                unit="short",
                queries={
                    "{{breaker}} {{instance}}": f"agent_perf_breaker_is_open{_JOB}",
                    "refused {{breaker}}": _rate(
                        "agent_perf_breaker_refused_total", "breaker", _JOB
                    ),
                },
                limit=1.0,
                width=12,
            ),
            Panel(
                title="Calls refused for want of money",
                about="More than none: the budget is spent.",
                unit="reqps",
                queries={
                    "refused": f"sum(rate(agent_perf_budget_refused_total{_JOB}[$__rate_interval]))"
                },
                width=12,
            ),
        ),
    ),
    (
        "Cache, database, events",
        (
            Panel(
                title="Cache",
                about="Hits and misses, and what was evicted.",
                unit="ops",
                queries={
                    "hits {{cache}}": _rate(_HITS, "cache", _JOB),
                    "misses {{cache}}": _rate(_MISSES, "cache", _JOB),
                    "evictions {{cache}}": _rate("agent_perf_cache_evictions_total", "cache", _JOB),
                },
            ),
            Panel(
                title="Database connections",
                about="Waiting for longer than a moment: the pool is exhausted.",
                unit="short",
                queries={
                    "in use {{instance}}": f"agent_perf_db_pool_in_use{_JOB}",
                    "idle {{instance}}": f"agent_perf_db_pool_idle{_JOB}",
                    "waiting {{instance}}": f"agent_perf_db_pool_waiting{_JOB}",
                },
            ),
            Panel(
                title="Events",
                about="What was published, and what became of it.",
                unit="ops",
                queries={
                    name: f"sum(rate(agent_perf_events_{name}_total{_JOB}[$__rate_interval]))"
                    for name in ("published", "delivered", "failed", "dropped", "rejected")
                },
            ),
            Panel(
                title="Events that wait",
                about="In the queue, and being sent.",
                unit="short",
                queries={
                    "waiting {{instance}}": f"agent_perf_events_waiting{_JOB}",
                    "under way {{instance}}": f"agent_perf_events_under_way{_JOB}",
                },
                width=12,
            ),
            Panel(
                title="Delivery of an event",
                about="From publication to delivery, of the last 4,096.",
                unit="s",
                queries={
                    f"P{q} {{{{instance}}}}": f"agent_perf_events_latency_seconds_p{q}{_JOB}"
                    for q in (50, 95, 99)
                },
                limit=0.15,
                width=12,
            ),
        ),
    ),
)
