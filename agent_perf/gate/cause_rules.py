"""
The rules that read a root cause from differences, in the order in which they are asked.

A rule that fires claims what follows from it: one lost cache hit is also a model call,
statements and events, and must be told once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from agent_perf.gate.difference import Change, duration, number, quoted
from agent_perf.gate.finding import MATERIAL, Finding, View
from agent_perf.records import Cause

Rule = Callable[[View], Finding | None]


def lost_cache_hit(view: View) -> Finding | None:
    """Lookups that used to find something do so no more, and the work is done again."""
    difference = view.difference
    hits, misses = difference.count("redis_hits"), difference.count("redis_misses")
    lookups_lost = max(Fraction(0), hits.base + misses.base - hits.head - misses.head)
    # A lookup that is no longer made is a miss without a question.
    missed = Change(name=misses.name, base=misses.base, head=misses.head + lookups_lost)
    shares = [difference.path_share(label) for label in difference.paths() if _is_cached(label)]
    path = min(shares, key=lambda share: share.more, default=None)
    model = difference.count("llm_calls")
    work = [model, difference.count("db_statements"), difference.count("http_requests")]
    ratios = [_ratio(model)]
    if hits.more < 0 and view.grew(missed) and (misses.more > 0 or any(map(view.grew, work))):
        told = misses if misses.more > 0 else hits
        text = f"cache hits lost: redis {told.name.removeprefix('redis_')} {told.arrow} per request"
        ratios.append(_ratio(missed))
    elif path is not None and _uncached(path).more > 0 and view.grew(_uncached(path)):
        text = f"cache hits lost: {_percent(path.base)} → {_percent(path.head)} of requests"
    else:
        return None
    if path is not None:
        ratios.append(_ratio(_uncached(path)))
    result = next((change for change in work if change.more > 0), None)
    if result is not None:
        text += f", so {number(result.more)} more {_WORDS[result.name]}s per request"
    return Finding(
        cause=_cause("lost-cache-hit", text, view.critical_ns("")),
        operations=("",),
        scale=max(ratios),
    )


def n_plus_one(view: View) -> Finding | None:
    """A statement runs once for each row of another's result."""
    difference = view.difference
    total = difference.count("db_statements")
    repeats = difference.repeats("db.statement")
    for statement in difference.grown("db_statements"):
        base_times, head_times = repeats.get(statement.name, (0, 0))
        seen = head_times >= 2 and head_times > base_times
        # By the pigeonhole principle: more often than once per request is twice in some.
        counted = statement.head > 1 and statement.head >= 2 * statement.base
        if total.more <= 0 or not (seen or counted) or not view.grew(statement, total.name):
            continue
        each = number(Fraction(head_times)) if seen else number(statement.head)
        where = "in one request" if seen else "per request"
        text = (
            f"{quoted(statement.name)} now runs {each} times {where} (N+1): "
            f"{total.arrow} statements per request"
        )
        return Finding(
            cause=_slower("n-plus-one", text, view.critical_ns("db.")),
            counts=("db_",),
            operations=("db.",),
        )
    return None


def batching_off(view: View) -> Finding | None:
    """The same events leave in more requests."""
    difference = view.difference
    requests, events = difference.count("event_requests"), difference.count("events")
    if not (view.grew(requests) and events.head and requests.base):
        return None
    before, after = events.base / requests.base, events.head / requests.head
    if after * (1 if view.every else MATERIAL) >= before:
        return None
    how = "singly" if after < Fraction(3, 2) else "in smaller batches"
    same = abs(events.more) * 100 <= events.base
    what = "the same number of events" if same else f"{events.arrow} events"
    text = (
        f"events are sent {how}: event requests {requests.arrow} per request for {what} "
        f"({number(before)} → {number(after)} a batch)"
    )
    spent = view.critical_ns("pusher.")
    return Finding(
        cause=_slower("batching-off", text, spent),
        counts=("event_requests", "http_", "bytes_"),
        operations=("pusher.", "http."),
    )


def connection_held(view: View) -> Finding | None:
    """A database connection waits for the model, and others wait for the connection."""
    difference = view.difference
    held = difference.count("llm_calls_holding_db")
    if not view.grew(held):
        return None
    text = f"a database connection is held during the model call: {held.arrow} calls per request"
    waited = difference.busy_ns("db.wait").more
    if waited > 0:
        text += f", and requests wait {duration(waited)} more for a connection"
    return Finding(
        cause=_cause("connection-held", text, view.critical_ns("db.wait", "db.connect")),
        counts=(held.name, "db_waits", "db_connects"),
        operations=("db.wait", "db.connect"),
    )


def more_errors(view: View) -> Finding | None:
    """Calls fail that did not, and are made again or given up."""
    difference = view.difference
    errors = difference.count("http_errors")
    if not view.grew(errors):
        return None
    grown = difference.grown(errors.name)
    where = f": {quoted(grown[0].name)}" if grown else ""
    spent = view.critical_ns("http.")
    return Finding(
        cause=_slower(
            "more-errors", f"more HTTP requests fail, {errors.arrow} per request{where}", spent
        ),
        counts=("http_", "bytes_"),
        operations=("http.",),
    )


def pipeline_off(view: View) -> Finding | None:
    """The same Redis commands go in more trips."""
    difference = view.difference
    trips, commands = difference.count("redis_trips"), difference.count("redis_commands")
    if not (view.grew(trips) and commands.base and commands.more * 2 < trips.more):
        return None
    text = (
        f"Redis commands are no longer sent together: {trips.arrow} round trips per request "
        f"for {number(commands.head)} commands"
    )
    return _redis("pipeline-off", text, view)


def extra_round_trip(view: View) -> Finding | None:
    """Redis is asked once more."""
    difference = view.difference
    trips = difference.count("redis_trips")
    if not view.grew(trips):
        return None
    text = f"{_more('Redis round trip', trips.more)} per request ({trips.arrow})"
    grown = difference.grown(trips.name)
    return _redis("extra-round-trip", text, view, grown[0].name if grown else "")


def extra_model_call(view: View) -> Finding | None:
    """The model is asked once more."""
    return _extra(view, "llm_calls", "extra-model-call", ("llm.", "http."), ("llm_", "http_"))


def more_tokens(view: View) -> Finding | None:
    """The model reads or writes more in each call."""
    difference = view.difference
    calls = difference.count("llm_calls")
    for name, word in (("llm_tokens_in", "prompt"), ("llm_tokens_out", "completion")):
        tokens = difference.count(name)
        if not (view.grew(tokens) and calls.base and calls.head):
            continue
        each = Change(name=name, base=tokens.base / calls.base, head=tokens.head / calls.head)
        text = f"more {word} tokens, {each.arrow} per model call"
        spent = view.critical_ns("llm.")
        return Finding(
            cause=_slower("more-tokens", text, spent),
            counts=("llm_tokens", "llm_cost", "bytes_"),
            operations=("llm.",),
        )
    return None


def extra_tool_call(view: View) -> Finding | None:
    """A tool is called once more."""
    return _extra(view, "tool_calls", "extra-tool-call", ("tool.", "http."), ("tool_", "http_"))


def extra_statement(view: View) -> Finding | None:
    """The database is asked once more."""
    return _extra(view, "db_statements", "extra-statement", ("db.",), ("db_",))


def extra_request(view: View) -> Finding | None:
    """Another service is asked once more."""
    return _extra(view, "http_requests", "extra-request", ("http.",), ("http_", "bytes_"))


ROOTS: Final[tuple[Rule, ...]] = (
    lost_cache_hit,
    n_plus_one,
    batching_off,
    connection_held,
    more_errors,
    pipeline_off,
    extra_round_trip,
    extra_model_call,
    more_tokens,
    extra_tool_call,
    extra_statement,
    extra_request,
)
"""Roots before what they entail."""

_WORDS: Final = {
    "llm_calls": "model call",
    "db_statements": "database statement",
    "http_requests": "HTTP request",
    "tool_calls": "tool call",
}


def _extra(
    view: View, count: str, kind: str, operations: tuple[str, ...], counts: tuple[str, ...]
) -> Finding | None:
    difference = view.difference
    change = difference.count(count)
    if not view.grew(change):
        return None
    grown = difference.grown(count)
    detail = f": {quoted(grown[0].name)}" if grown else ""
    text = f"{_more(_WORDS[count], change.more)} per request ({change.arrow}){detail}"
    return Finding(
        cause=_slower(kind, text, view.critical_ns(*operations)),
        counts=counts if "bytes_" in counts else (*counts, "bytes_"),
        operations=operations,
    )


def _redis(kind: str, text: str, view: View, detail: str = "") -> Finding:
    spent = view.critical_ns("redis.")
    if spent > 0:
        text += f", +{duration(spent)} on the critical path"
    if detail:
        text += f": {detail if detail.isascii() and detail.isprintable() else quoted(detail)}"
    return Finding(
        cause=_cause(kind, text, spent), counts=("redis_", "bytes_"), operations=("redis.",)
    )


def _slower(kind: str, text: str, spent_ns: Fraction) -> Cause:
    """Return a cause whose text ends with its time on the critical path, if it has any."""
    if spent_ns > 0:
        text += f", +{duration(spent_ns)} on the critical path"
    return _cause(kind, text, spent_ns)


def _cause(kind: str, text: str, spent_ns: Fraction) -> Cause:
    return Cause(kind=kind, text=text, critical_ns=round(spent_ns))


def _more(thing: str, amount: Fraction) -> str:
    """Return how many more: ``one more Redis round trip``, ``0.62 more model calls``."""
    nearest = round(amount)
    if nearest and abs(amount - nearest) * 20 <= nearest:
        words = {1: "one", 2: "two", 3: "three"}
        return f"{words.get(nearest, number(Fraction(nearest)))} more {thing}{'s' * (nearest > 1)}"
    return f"{number(amount)} more {thing}s"


def _is_cached(label: str) -> bool:
    return "hit" in label or "cache" in label


def _uncached(share: Change) -> Change:
    return Change(name="path", base=1 - share.base, head=1 - share.head)


def _ratio(change: Change) -> float:
    if change.base:
        return float(change.head / change.base)
    return math.inf if change.head else 1.0


def _percent(share: Fraction) -> str:
    return f"{float(share) * 100:.3g} %"
