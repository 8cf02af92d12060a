"""
Decisions as the gate makes them, from integers alone: the same on every machine.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from hashlib import sha256

from agent_perf.records import (
    Breach,
    Cause,
    Comparison,
    Decision,
    Environment,
    Exemplar,
    Failure,
    OperationTotal,
    Outcome,
    Run,
    Span,
    Verdict,
)
from agent_perf.report import Command
from agent_perf.stats import compare_exact, summarize

BASE = "36a4e77d0c5b0f4f6d6ab37c1c2a9d5be3f01c11"
HEAD = "9a81b4c2e5f7708b9cc0de11f22a33b44c55d66e"
MS = 1_000_000
COMMANDS = (
    Command(
        purpose="See it again", line="agent-perf compare 36a4e77 9a81b4c --only 'agent.chat@*'"
    ),
    Command(purpose="Accept it", line="agent-perf baseline promote main --reason '...'"),
)
DOCUMENT = (
    "SELECT documents.id, documents.title, documents.body FROM documents WHERE documents.id = ?"
)
LIST = (
    "SELECT documents.id FROM documents WHERE documents.tenant_id = ? ORDER BY score DESC LIMIT 24"
)
SESSION = "SELECT sessions.id, sessions.user_id FROM sessions WHERE sessions.id = ?"


def draw(seed: int, request: int, operation: str, low_ns: int, high_ns: int) -> int:
    """A length in ns: mostly near *low_ns*, now and then up to *high_ns*."""
    digest = sha256(f"{seed}/{request}/{operation}".encode()).digest()
    share = int.from_bytes(digest[:4], "big")
    return low_ns + (high_ns - low_ns) * share**4 // (1 << 128)


def chat_spans(seed: int, request: int, users: int, statements: int, trips: int) -> list[Span]:
    """What one chat request waits for, one thing after the other."""
    now = 0
    spans: list[Span] = []
    ordinals: dict[tuple[str, str], int] = {}

    def wait(name: str, detail: str, low_ns: int, high_ns: int) -> None:
        nonlocal now
        ordinal = ordinals[name, detail] = ordinals.get((name, detail), 0) + 1
        length = draw(seed, request, f"{name}{detail}{ordinal}", low_ns, high_ns)
        spans.append(Span(name=name, detail=detail, start_ns=now, end_ns=now + length))
        now += length + 15_000

    wait("redis.trip", "GET", 280_000, 1_900_000)
    for _ in range(trips - 2):
        wait("redis.trip", "HGETALL", 280_000, 1_900_000)
    if users > 50:
        wait("db.wait", "pool of 20 + 30", 20_000, 6_000_000)
    wait("db.statement", SESSION, 900_000, 7_000_000)
    wait("db.statement", LIST, 1_400_000, 9_000_000)
    for _ in range(statements - 2):
        wait("db.statement", DOCUMENT, 900_000, 4_200_000)
    wait("llm.first_token", "gpt-4o-mini", 17 * MS, 64 * MS)
    wait("llm.stream", "gpt-4o-mini", 22 * MS, 58 * MS)
    wait("redis.trip", "SET", 300_000, 2_100_000)
    wait("pusher.request", "POST /apps/1/batch_events", 3 * MS, 14 * MS)
    return spans


@cache
def chat_run(
    commit: str,
    *,
    users: int = 200,
    statements: int = 3,
    trips: int = 2,
    requests: int = 400,
    scenario: str = "agent.chat",
    seed: int = 1,
) -> Run:
    """A run of the chat scenario whose requests make so many statements and trips."""
    every = [chat_spans(seed, request, users, statements, trips) for request in range(requests)]
    latencies = tuple(spans[-1].end_ns + 240_000 for spans in every)
    order = sorted(range(requests), key=lambda index: latencies[index])
    nearest = order[-(-requests * 95 // 100) - 1]
    operations: dict[str, OperationTotal] = {}
    for span in (span for spans in every for span in spans):
        length = span.end_ns - span.start_ns
        before = operations.get(span.name, OperationTotal(count=0, busy_ns=0, critical_ns=0))
        operations[span.name] = OperationTotal(
            count=before.count + 1,
            busy_ns=before.busy_ns + length,
            critical_ns=before.critical_ns + length,
        )
    return Run(
        scenario=scenario,
        users=users,
        seed=seed,
        commit=commit,
        environment=Environment(
            python="3.11",
            harness="5be0c1d2a3f4b596",
            scenario="0d1e2f3a4b5c6d7e",
            packages={"redis": "5.2.1", "sqlalchemy": "2.0.36", "openai": "1.58.1"},
        ),
        latency_ns=latencies,
        path=("",) * requests,
        errors={},
        duration_ns=sum(latencies) // users,
        counts={
            "db_statements": statements * requests,
            "redis_trips": trips * requests,
            "llm_calls": requests,
            "llm_tokens_in": 612 * requests,
            "llm_tokens_out": 329 * requests,
            "llm_cost_nanousd": 289_200 * requests,
            "event_requests": requests,
            "redis_connects": 5,
        },
        details={
            f"db_statements:{SESSION}": requests,
            f"db_statements:{LIST}": requests,
            f"db_statements:{DOCUMENT}": (statements - 2) * requests,
        },
        operations=operations,
        exemplar=Exemplar(
            request_id=nearest, latency_ns=latencies[nearest], spans=tuple(every[nearest])
        ),
        trace_digest=sha256(repr((users, statements, trips, seed, scenario)).encode()).hexdigest(),
        targets={"latency.p95": 0.150, "latency.p99": 0.200}
        if scenario == "agent.chat"
        else {"latency.p95": 0.200},
    )


def compared(base: Run, head: Run) -> list[Comparison]:
    """Every metric of two runs, latencies and work counts with their usual limits."""
    before = {metric.name: metric for metric in summarize(base)}
    after = {metric.name: metric for metric in summarize(head)}

    def limit(name: str) -> float | None:
        if name.startswith("work."):
            return 0.0
        return 0.15 if name.startswith("latency.p") else None

    return [
        compare_exact(head.benchmark, before.get(name), after.get(name), limit(name))
        for name in {**before, **after}
    ]


@cache
def n_plus_one() -> tuple[Decision, dict[str, Run], dict[str, Run]]:
    """A change that loads each document by itself: slow at every load, dear at 200 users."""
    base = {run.benchmark: run for run in (chat_run(BASE, users=users) for users in (1, 50, 200))}
    head = {
        run.benchmark: run
        for run in (chat_run(HEAD, users=users, statements=25) for users in (1, 50, 200))
    }
    for scenario, users in (("agent.search", 50), ("events.flush", 200), ("cache.read", 200)):
        for runs, commit in ((base, BASE), (head, HEAD)):
            run = chat_run(commit, users=users, scenario=scenario, seed=users)
            runs[run.benchmark] = run
    slower = chat_run(HEAD, users=50, scenario="agent.tools", seed=4, trips=3)
    base["agent.tools@50"] = chat_run(BASE, users=50, scenario="agent.tools", seed=4)
    head["agent.tools@50"] = replace(slower, counts=base["agent.tools@50"].counts)
    comparisons = [one for name in reversed(head) for one in compared(base[name], head[name])]
    severity = {Verdict.REGRESSED: 0, Verdict.SLOWER: 1, Verdict.IMPROVED: 2, Verdict.UNCHANGED: 3}
    comparisons.sort(key=lambda one: (severity[one.verdict], -(one.change_ratio or 0)))
    breaches = tuple(
        Breach(
            benchmark=one.benchmark,
            metric=one.metric,
            unit="s",
            observed=one.head or 0,
            limit=limit,
        )
        for one in comparisons
        for metric, limit in head[one.benchmark].targets.items()
        if one.metric == metric and one.head is not None and one.head > limit
    )
    causes = {
        name: (
            Cause(
                kind="n-plus-one",
                text="one SQL statement for each document instead of one for all: 3 → 25 per "
                f"request, {more} on the critical path",
                critical_ns=34 * MS,
            ),
        )
        for name, more in (
            ("agent.chat@1", "+33.9 ms"),
            ("agent.chat@50", "+34.2 ms"),
            ("agent.chat@200", "+34.1 ms"),
        )
    }
    decision = Decision(
        base=BASE,
        head=HEAD,
        outcome=Outcome.FAIL,
        comparisons=tuple(comparisons),
        breaches=breaches,
        failures=(),
        causes=causes,
        lines=("FAIL agent.chat@200 latency.p95 observed=0.171 limit=0.143 interval=exact",),
    )
    return decision, base, head


@cache
def steady() -> tuple[Decision, dict[str, Run], dict[str, Run]]:
    """A refactoring that changes nothing."""
    names = (("agent.chat", 1), ("agent.chat", 50), ("agent.chat", 200), ("cache.read", 50))
    base = [chat_run(BASE, users=users, scenario=name, requests=200) for name, users in names]
    head = [replace(run, commit=HEAD) for run in base]
    decision = Decision(
        base=BASE,
        head=HEAD,
        outcome=Outcome.PASS,
        comparisons=tuple(
            one for old, new in zip(base, head, strict=True) for one in compared(old, new)
        ),
        breaches=(),
        failures=(),
        causes={},
        lines=(),
    )
    return decision, {run.benchmark: run for run in base}, {run.benchmark: run for run in head}


def nothing() -> Decision:
    """Nothing was selected."""
    return Decision(
        base=BASE,
        head=HEAD,
        outcome=Outcome.NOTHING,
        comparisons=(),
        breaches=(),
        failures=(),
        causes={},
        lines=("no benchmark matches 'agent.chta@*'; did you mean 'agent.chat@*'?",),
    )


def broken() -> Decision:
    """The head does not import, and another benchmark hangs."""
    return Decision(
        base=BASE,
        head=HEAD,
        outcome=Outcome.BROKEN,
        comparisons=(),
        breaches=(),
        failures=(
            Failure(
                benchmark="agent.chat@200",
                commit=HEAD,
                category="import",
                message="ImportError: cannot import name 'Retriever' from 'backend.search'",
                traceback='Traceback (most recent call last):\n  File "benchmarks/agent.py", line 7, in <module>\n'
                "    from backend.search import Retriever\n"
                "ImportError: cannot import name 'Retriever' from 'backend.search' (backend/search.py)",
            ),
            Failure(
                benchmark="events.flush@50",
                commit=HEAD,
                category="time limit",
                message="ran for 60 s without an end, and was stopped",
            ),
        ),
        causes={},
        lines=("BROKEN agent.chat@200 import", "BROKEN events.flush@50 time limit"),
    )
