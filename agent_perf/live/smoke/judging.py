"""
Whether an answer is good: pure rules, by what was asked.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import msgspec

from agent_perf.errors import BrokenError
from agent_perf.live.asking import Answer
from agent_perf.live.smoke.exposition import read_exposition
from agent_perf.live.smoke.plan import Check, CheckKind
from agent_perf.live.smoke.promises import broken_promises
from agent_perf.live.smoke.result import CheckOutcome, CheckResult
from agent_perf.scrubbing import scrubbed
from agent_perf.units import format_value

_PROBLEMS_MAX: Final = 5
_DETAIL_CHARACTERS_MAX: Final = 600
_NO_CONTENT: Final = 204
_BAD_STATES: Final = (
    *("critical", "down", "error", "fail", "failed", "failing"),
    *("out_of_service", "unavailable", "unhealthy"),
)
"""What health endpoints that always answer 200 say in ``status`` when they are not well."""
_DONE: Final = b"[DONE]"


def judge_answer(check: Check, index: int, answer: Answer) -> CheckResult:
    """Return what *answer*, to the request number *index* of *check*, means."""
    request = check.requests[index]
    problems: list[str] = []
    found = ""
    if not answer.is_good:
        problems.append(answer.detail)
        if answer.status is not None and 300 <= answer.status < 400:
            problems.append("redirects are not followed; give the address that it leads to")
    elif check.kind is CheckKind.METRICS:
        wrong, found = _metrics(check, answer)
        problems += wrong
    elif request.stream:
        wrong, found = _stream(answer)
        problems += wrong
    else:
        problems += _body(check.kind, answer, is_known=bool(request.contains))
    slow = _slowness(check.within_s, answer, is_stream=request.stream)
    if slow and answer.error != "timeout":
        problems.append(slow)
    detail = scrubbed("; ".join(filter(None, problems)) or found, request.secrets)
    return CheckResult(
        name=check.name,
        request=check.shown[index],
        outcome=CheckOutcome.FAILED if problems else CheckOutcome.PASSED,
        detail=detail[:_DETAIL_CHARACTERS_MAX],
        status=answer.status,
        latency_s=answer.latency_s,
        first_s=answer.first_s if request.stream else None,
        within_s=check.within_s,
        size_bytes=answer.size_bytes,
    )


def _slowness(within_s: float, answer: Answer, *, is_stream: bool) -> str:
    if is_stream and answer.first_s is None:
        return ""
    taken_s = answer.first_s if is_stream and answer.first_s else answer.latency_s
    if taken_s <= within_s:
        return ""
    what = "its first event" if is_stream else "it"
    return f"{what} took {format_value(taken_s, 's')}; want {format_value(within_s, 's')} or less"


def _body(kind: CheckKind, answer: Answer, *, is_known: bool) -> list[str]:
    """
    Return what is wrong with a whole answer: JSON that is none, or that tells an error.

    A web page is what proxies and logins answer; to a chat it is an answer only if something in
    it *is_known*.
    """
    if kind is CheckKind.CHAT and is_web_page(answer) and not is_known:
        return ["it is a web page; if that is right, say in the configuration what it `contains`"]
    if kind is CheckKind.CHAT and not answer.content and answer.status != _NO_CONTENT:
        return ["the answer is empty"]
    if not _is_json(answer.content_type) or not answer.content:
        return []
    value, wrong = _parsed(answer.content)
    if wrong:
        return [f"it is sent as JSON, and is none: {wrong}"]
    if not isinstance(value, dict):
        return []
    state = value.get("status")
    if kind is CheckKind.HEALTH and isinstance(state, str) and state.lower() in _BAD_STATES:
        return [f"it says of itself: status {state!r}"]
    return [_error_in(value)] if kind is CheckKind.CHAT and value.get("error") else []


def _stream(answer: Answer) -> tuple[list[str], str]:
    """Return what is wrong with a stream of events, and what it was."""
    kind = _media_type(answer.content_type)
    if kind != "text/event-stream":
        return [f"it is sent as {kind[:80] or 'nothing'!r}; want text/event-stream"], ""
    content = answer.content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    blocks = content.split(b"\n\n")
    is_cut = blocks.pop().strip() != b""
    events = [event for event in map(_event, blocks) if event is not None]
    if not events:
        return ["it has no event"], ""
    problems = [problem for name, data in events if (problem := _event_problem(name, data))]
    if is_cut:
        problems.append("its last event is cut: no empty line after it")
    # OpenAI's streams, which many have copied, tell their end.
    if b'"chat.completion.chunk"' in events[0][1] and events[-1][1] != _DONE:
        problems.append("it ended before [DONE]")
    return problems[:_PROBLEMS_MAX], f"{len(events)} events"


def _event_problem(name: bytes, data: bytes) -> str:
    value: Any = data.decode("utf-8", "replace")
    if data.startswith((b"{", b'["', b"[{")):
        value, wrong = _parsed(data)
        if wrong:
            return f"an event begins like JSON, and is none: {wrong}"
    if name == b"error" or (isinstance(value, dict) and value.get("error")):
        return _error_in(value)
    return ""


def _event(block: bytes) -> tuple[bytes, bytes] | None:
    """Return name and data of an event; None for comments and what else has no data."""
    name, data = b"", []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return (name, b"\n".join(data)) if data else None


def _metrics(check: Check, answer: Answer) -> tuple[list[str], str]:
    """Return what is wrong with a page of metrics, and what it holds."""
    try:
        page = read_exposition(answer.content, answer.content_type)
    except BrokenError as error:
        return [f"Prometheus could not read it: {error}"], ""
    problems = list(islice(broken_promises(page, check.metrics), _PROBLEMS_MAX))
    form = "OpenMetrics" if page.is_openmetrics else "Prometheus text"
    count = len(page.readings)
    return problems, f"{count:,} sample{'s' * (count != 1)}, {form}"


def is_web_page(answer: Answer) -> bool:
    """Return whether *answer* is HTML, as its sender calls it."""
    return _media_type(answer.content_type) in {"text/html", "application/xhtml+xml"}


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _is_json(content_type: str) -> bool:
    kind = _media_type(content_type)
    return kind == "application/json" or kind.endswith("+json")


def _parsed(content: bytes) -> tuple[Any, str]:
    """Return the value of *content*, or what is wrong with it."""
    try:
        return msgspec.json.decode(content), ""
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return None, str(error)
    except RecursionError:
        return None, "it is nested too deeply"


def _error_in(value: Any) -> str:
    error = value.get("error") or value if isinstance(value, dict) else value
    told = error.get("message", error) if isinstance(error, dict) else error
    return f"it tells of an error: {str(told)[:200]}"
