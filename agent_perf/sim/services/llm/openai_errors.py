"""
How OpenAI's APIs refuse: who may call, errors and rate limits in their form.

Source: OpenAI API reference, "Debugging requests", and the guides "Error codes" and
"Rate limits", section "Rate limits in headers".
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from agent_perf.sim.services.llm.api import Limit, bearer_of
from agent_perf.sim.services.llm.refusal import Refusal, seconds_text
from agent_perf.sim.services.reply import Reply, SimRequest, json_reply


def check_post(request: SimRequest) -> None:
    """
    Check that *request* is a POST with a key.

    Raises:
        Refusal: With status 405 or 401.
    """
    if request.method != "POST":
        raise Refusal(405, "Only POST requests are accepted.", code="method_not_supported")
    if not bearer_of(request.headers):
        raise Refusal(
            401,
            "You didn't provide an API key. You need to provide your API key in an "
            "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        )


def error_reply(refusal: Refusal) -> Reply:
    """Return the answer that says *refusal*."""
    reply = json_reply(
        {
            "error": {
                "message": refusal.message,
                "type": refusal.kind,
                "param": refusal.param,
                "code": refusal.code,
            }
        },
        status=refusal.status,
    )
    headers = [("content-type", "application/json"), *refusal.headers]
    wait_s = refusal.retry_after_s
    if wait_s is not None:
        # The client's library reads the exact one first; people read the other.
        headers.append(("retry-after-ms", str(math.ceil(wait_s * 1000))))
        headers.append(("retry-after", seconds_text(wait_s)))
    return Reply(status=reply.status, headers=tuple(headers), content=reply.content)


def limit_headers(limits: Mapping[str, Limit]) -> tuple[tuple[str, str], ...]:
    """Return how OpenAI tells the state of its rate limits, ``requests`` and ``tokens``."""
    headers: list[tuple[str, str]] = []
    for kind, limit in limits.items():
        headers += [
            (f"x-ratelimit-limit-{kind}", str(limit.per_min)),
            (f"x-ratelimit-remaining-{kind}", str(limit.remaining)),
            (f"x-ratelimit-reset-{kind}", _span_text(limit.reset_in_s)),
        ]
    return tuple(headers)


def _span_text(seconds: float) -> str:
    """Return *seconds* as the headers write them: 20ms, 1.5s, 1m0s."""
    ms = math.ceil(seconds * 1000)
    if ms < 1000:
        return f"{ms}ms"
    minutes, rest_ms = divmod(ms, 60_000)
    rest = seconds_text(rest_ms / 1000)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
