"""An agent backend of 1,000 requests, 620 of them answered from a cache; and what changes in it."""

from collections.abc import Mapping
from dataclasses import replace

from agent_perf.records import OperationTotal, Run
from tests.stats.example import make_run

MS = 1_000_000

N = 1000

USER = "SELECT name FROM user WHERE id = ?"

HISTORY = "SELECT body FROM message WHERE uid = ? LIMIT 8"

BODY = "SELECT body FROM message WHERE id = ?"

COUNTS = {
    "redis_trips": 2380,
    "redis_commands": 2380,
    "redis_hits": 1620,
    "redis_misses": 380,
    "db_statements": 760,
    "db_connects": 12,
    "http_requests": 480,
    "llm_calls": 380,
    "llm_tokens_in": 38_000,
    "llm_tokens_out": 19_000,
    "llm_cost_nanousd": 5_700_000,
    "events": 1000,
    "event_requests": 100,
    "bytes_sent": 900_000,
    "bytes_received": 1_900_000,
}

DETAILS = {
    "redis_trips:GET": 2000,
    "redis_trips:SET": 380,
    f"db_statements:{USER}": 380,
    f"db_statements:{HISTORY}": 380,
    "http_requests:POST llm.sim/v1/chat/completions": 380,
    "http_requests:POST pusher.sim/apps/1/batch_events": 100,
}


def operation(count: int, each_ms: float, *, critical: float = 1.0) -> OperationTotal:
    busy_ns = round(count * each_ms * MS)
    return OperationTotal(count=count, busy_ns=busy_ns, critical_ns=round(busy_ns * critical))


OPERATIONS = {
    "redis.trip": operation(2380, 0.4),
    "db.statement": operation(760, 1.5),
    "http.request": operation(480, 10),
    "llm.first_token": operation(380, 80),
    "llm.stream": operation(380, 60),
    "pusher.request": operation(100, 8, critical=0),
}

GOOD = make_run(
    latency_ns=[60 * MS] * N,
    path=["hit"] * 620 + ["miss"] * 380,
    counts=COUNTS,
    details=DETAILS,
    operations=OPERATIONS,
)


def changed(
    counts: Mapping[str, int] | None = None,
    details: Mapping[str, int] | None = None,
    operations: Mapping[str, OperationTotal] | None = None,
    **rest: object,
) -> Run:
    return replace(
        GOOD,
        counts={**COUNTS, **(counts or {})},
        details={**DETAILS, **(details or {})},
        operations={**OPERATIONS, **(operations or {})},
        **rest,  # type: ignore[arg-type]
    )


def scaled(factor: float) -> dict[str, int]:
    return {name: round(total * factor) for name, total in COUNTS.items()}


LOST = changed(
    {
        **scaled(2.6316),
        "redis_trips": 3000,
        "redis_commands": 3000,
        "redis_hits": 1000,
        "redis_misses": 1000,
        "llm_calls": 1000,
        "events": 2000,
        "event_requests": 200,
    },
    {
        f"db_statements:{USER}": 1000,
        f"db_statements:{HISTORY}": 1000,
        "http_requests:POST llm.sim/v1/chat/completions": 1000,
    },
    {
        "db.statement": operation(2000, 1.5),
        "llm.first_token": operation(1000, 80),
        "llm.stream": operation(1000, 60),
    },
    path=("miss",) * N,
    latency_ns=(140 * MS,) * N,
)
