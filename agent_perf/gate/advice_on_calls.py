"""
What a request does that it could do less of, or at the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Final

from agent_perf.gate.difference import duration, number, quoted
from agent_perf.records import Advice, OperationTotal, Run, Span

Rule = Callable[[Run], Advice | None]

_NONE: Final = OperationTotal(count=0, busy_ns=0, critical_ns=0)
_REPEATS_MIN: Final = 3
"""Twice may be two questions; three times the same statement is a loop."""

_SHARE_TOLD: Final = Fraction(2, 100)
"""Part of a typical request that is worth a change."""

_HIT_RATIO: Final = Fraction(80, 100)
_LOOKUPS_MIN: Final = 20
_BATCH_MIN: Final = Fraction(3, 2)
_CACHED_PROMPT_MIN: Final = 1024
"""Tokens from which providers keep a prompt. Source: OpenAI, "Prompt caching"."""

_NO_QUERY: Final = ("COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT", "RELEASE", "SET ", "PRAGMA")


def failing_requests(run: Run) -> Advice | None:
    """Some requests fail."""
    if not run.errors:
        return None
    kinds = Counter(run.errors.values()).most_common(3)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds)
    return _advice(
        run,
        "failing-requests",
        f"{len(run.errors):,} of {len(run.latency_ns):,} requests fail ({told})",
        "see their tracebacks before their speed: a request that fails early is fast",
    )


def failing_calls(run: Run) -> Advice | None:
    """Calls of other services fail, or are refused for their rate."""
    for name, what in (
        ("http_errors", "HTTP requests that fail"),
        ("llm_rate_limited", "model calls over the provider's rate limit"),
        ("events_rate_limited", "event deliveries over the rate limit"),
    ):
        total = run.counts.get(name, 0)
        if total:
            where = _details(run, name)
            often = "most of them" if where and 2 * where[0][1] > total else "most often"
            detail = f", {often} {quoted(where[0][0])}" if where else ""
            return _advice(
                run,
                "failing-calls",
                f"{total:,} {what} in {len(run.latency_ns):,} requests{detail}",
                "each costs its wait and a retry: mend what fails, or ask less often",
            )
    return None


def n_plus_one(run: Run) -> Advice | None:
    """One statement runs once for each row of another."""
    spans = run.exemplar.spans if run.exemplar else ()
    seen = Counter(span.detail for span in spans if span.name == "db.statement")
    for statement, total in _details(run, "db_statements"):
        each = Fraction(total, len(run.latency_ns))
        often = max(each, Fraction(seen[statement]))
        if often < _REPEATS_MIN or statement.upper().startswith(_NO_QUERY):
            continue
        share = Fraction(total, max(run.counts.get("db_statements", 0), 1))
        busy_ns = run.operations.get("db.statement", _NONE).critical_ns
        cost_ns = round(busy_ns * share / len(run.latency_ns))
        times = f"{number(each)} times per request"
        if often > each:
            times += f", {number(often)} times in the one nearest P95"
        return _advice(
            run,
            "n-plus-one",
            f"{quoted(statement)} runs {times}, about {_each(cost_ns)}",
            "load all rows with one statement: a join, or WHERE … IN"
            if statement.upper().startswith(("SELECT", "WITH"))
            else "send all rows with one statement: executemany, or several VALUES",
            cost_ns,
        )
    return None


def connection_held(run: Run) -> Advice | None:
    """A database connection is held while the model answers."""
    held, calls = run.counts.get("llm_calls_holding_db", 0), run.counts.get("llm_calls", 0)
    if not held or not calls:
        return None
    level = run.levels.get("db_in_use")
    used = ""
    if level is not None and level.length_ns:
        mean = number(Fraction(level.held_ns, level.length_ns))
        used = f"; {mean} connections are in use on average, {level.peak} at most"
    return _advice(
        run,
        "connection-held",
        f"{_percent(Fraction(held, calls))} of model calls are made while a database connection "
        f"is held{used}",
        "give the connection back before the model is asked, and take one for what follows",
    )


def batching_off(run: Run) -> Advice | None:
    """Events leave one by one."""
    events, sent = run.counts.get("events", 0), run.counts.get("event_requests", 0)
    if not sent or events < 2 * len(run.latency_ns) or Fraction(events, sent) >= _BATCH_MIN:
        return None
    return _advice(
        run,
        "batching-off",
        f"{_per(run, events)} events per request leave in {_per(run, sent)} deliveries",
        "collect the events of a few milliseconds and send them with one delivery",
    )


def serial_trips(run: Run) -> Advice | None:
    """Redis round trips follow one another with nothing in between."""
    return _serial(
        run,
        "serial-trips",
        "redis.trip",
        "Redis round trips",
        "send them in one pipeline, or side by side with asyncio.gather",
    )


def serial_tools(run: Run) -> Advice | None:
    """Tool calls follow one another with nothing in between."""
    return _serial(
        run, "serial-tools", "tool.call", "tool calls", "make them side by side with asyncio.gather"
    )


def connections_opened(run: Run) -> Advice | None:
    """A connection is opened for nearly every request."""
    for name, operation, what in (
        ("http_connects", "http.connect", "HTTP connections"),
        ("redis_connects", "redis.connect", "Redis connections"),
        ("db_connects", "db.connect", "database connections"),
    ):
        opened = run.counts.get(name, 0)
        # The first requests of all users open theirs: that is no habit.
        if opened > run.users and 2 * opened >= len(run.latency_ns):
            cost_ns = run.operations.get(operation, _NONE).critical_ns // len(run.latency_ns)
            return _advice(
                run,
                "connections-opened",
                f"{_per(run, opened)} {what} are opened per request, {_each(cost_ns)}",
                "keep one client with its pool for all requests",
                cost_ns,
            )
    return None


def cache_misses(run: Run) -> Advice | None:
    """Redis does not have what it is asked for."""
    hits, misses = run.counts.get("redis_hits", 0), run.counts.get("redis_misses", 0)
    lookups = hits + misses
    if lookups < _LOOKUPS_MIN or Fraction(hits, lookups) >= _HIT_RATIO:
        return None
    hit, miss = (_median_ns(run, label) for label in ("hit", "miss"))
    price = f"; a miss takes {_time(miss)}, a hit {_time(hit)}" if hit and miss else ""
    return _advice(
        run,
        "cache-misses",
        f"Redis has {_percent(Fraction(hits, lookups))} of what it is asked for "
        f"({hits:,} of {lookups:,} lookups), where 80 % is the aim{price}",
        "look at the key (is it too particular?), the lifetime, and what is never asked again",
    )


def prompt_not_cached(run: Run) -> Advice | None:
    """Long prompts are paid in full."""
    calls, tokens = run.counts.get("llm_calls", 0), run.counts.get("llm_tokens_in", 0)
    cached = run.counts.get("llm_tokens_cached", 0)
    if not calls or tokens < calls * _CACHED_PROMPT_MIN or 10 * cached >= tokens:
        return None
    return _advice(
        run,
        "prompt-not-cached",
        f"a model call sends {number(Fraction(tokens, calls))} prompt tokens, of which "
        f"{_percent(Fraction(cached, tokens))} come from the provider's cache",
        "put first what never changes (instructions, tools), and last what does",
    )


CALL_RULES: Final[tuple[Rule, ...]] = (
    failing_requests,
    failing_calls,
    n_plus_one,
    connection_held,
    batching_off,
    serial_trips,
    serial_tools,
    connections_opened,
    cache_misses,
    prompt_not_cached,
)
"""Failures first, then what costs time, then what costs money."""


def _serial(run: Run, kind: str, operation: str, what: str, action: str) -> Advice | None:
    longest = max(_chains(run, operation), key=len, default=())
    lengths = [span.end_ns - span.start_ns for span in longest]
    if len(lengths) < (2 if operation == "tool.call" else 3):
        return None
    saved_ns = sum(lengths) - max(lengths)
    if saved_ns < _SHARE_TOLD * _typical_ns(run):
        return None
    details = list(dict.fromkeys(span.detail for span in longest if span.detail))[:4]
    told = f" ({', '.join(quoted(one) for one in details)})" if details else ""
    return _advice(
        run,
        kind,
        f"{len(longest)} {what}{told} follow one another in the request nearest P95: "
        f"{_time(sum(lengths))}, of which {_time(saved_ns)} could overlap",
        f"{action}, where none needs the answer of one before",
        saved_ns,
    )


def _chains(run: Run, operation: str) -> Iterator[tuple[Span, ...]]:
    """Yield the stretches of the exemplar in which *operation* alone is done, time and again."""
    spans = sorted(run.exemplar.spans if run.exemplar else (), key=lambda span: span.start_ns)
    for name, group in groupby(spans, key=lambda span: span.name):
        if name != operation:
            continue
        found = tuple(group)
        alone = all(
            not (other.start_ns < span.end_ns and span.start_ns < other.end_ns)
            for span in found
            for other in spans
            if other is not span
        )
        if alone:
            yield found


def _typical_ns(run: Run) -> int:
    """Return the latency of a request in the middle."""
    return sorted(run.latency_ns)[(len(run.latency_ns) - 1) // 2]


def _median_ns(run: Run, label: str) -> int:
    """Return the median latency of the requests answered so; 0 without any."""
    found = sorted(
        latency for path, latency in zip(run.path, run.latency_ns, strict=True) if path == label
    )
    return found[(len(found) - 1) // 2] if found else 0


def _details(run: Run, name: str) -> Sequence[tuple[str, int]]:
    """Return the details of work count *name*, most first."""
    prefix = f"{name}:"
    found = [
        (key.removeprefix(prefix), total)
        for key, total in run.details.items()
        if key.startswith(prefix)
    ]
    return sorted(found, key=lambda item: (-item[1], item[0]))


def _advice(run: Run, kind: str, fact: str, action: str, cost_ns: int = 0) -> Advice:
    return Advice(kind=kind, benchmarks=(run.benchmark,), fact=fact, action=action, cost_ns=cost_ns)


def _per(run: Run, total: int) -> str:
    return number(Fraction(total, len(run.latency_ns)))


def _each(value_ns: int) -> str:
    return f"{_time(value_ns)} per request"


def _time(value_ns: int) -> str:
    return duration(Fraction(value_ns))


def _percent(share: Fraction) -> str:
    return f"{float(share) * 100:.3g} %"
