"""
Asks a service what a smoke test wants to know; waits for one that is just starting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

import httpx

from agent_perf.live.address import address_parts, shown_url
from agent_perf.live.asking import Answer, Asker
from agent_perf.live.smoke.judging import is_web_page, judge_answer
from agent_perf.live.smoke.plan import Check, CheckKind, Skipped
from agent_perf.live.smoke.result import CheckOutcome, CheckResult, SmokeResult

_NOT_THERE: Final = (404, 405)
_STARTING: Final = (502, 503, 504)
"""What proxies, and services themselves, answer until they are ready."""
_PAUSE_S: Final = 0.25
_PAUSE_S_MAX: Final = 1.0


async def ask_service(
    url: str,
    plan: Sequence[Check | Skipped],
    *,
    retry_for_s: float = 0.0,
    tell: Callable[[str], None] = lambda _: None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> SmokeResult:
    """
    Return what the service at *url* answers to *plan*, whose first check it has to begin with.

    Args:
        url: Its address, http or https; a user and password in it are sent, and not told.
        plan: What to check, in order; the first one is what a starting service is asked again.
        retry_for_s: How long a service that cannot be reached, or is not ready, is waited for.
        tell: Is told once that it is waited for.
        transport: Of httpx; None: the network.

    Raises:
        UsageError: If *url* is none.
    """
    parts = address_parts(url)
    shown = shown_url(parts)
    secrets = {one for one in (parts.password, unquote(parts.password or "")) if one}
    plan = [_knowing(one, secrets) for one in plan]
    results: list[CheckResult] = []
    async with Asker(url, connections_max=1, keep_content=True, transport=transport) as asker:
        waited_s = 0.0
        for check in plan:
            if isinstance(check, Skipped):
                results.append(_skipped(check.name, check.reason))
            elif any(result.outcome is CheckOutcome.UNREACHABLE for result in results):
                results.append(_skipped(check.name, "not asked"))
            elif results:
                results.append((await _ask(asker, check))[0])
            else:
                result, waited_s = await _wait_for(asker, check, retry_for_s, tell)
                results.append(result)
    return SmokeResult(url=shown, waited_s=waited_s, checks=tuple(results))


def _knowing(check: Check | Skipped, secrets: set[str]) -> Check | Skipped:
    """Return *check* such that it tells none of *secrets*, either."""
    if isinstance(check, Skipped):
        return check
    requests = tuple(
        replace(one, secrets=tuple(sorted({*one.secrets, *secrets}, key=len, reverse=True)))
        for one in check.requests
    )
    return replace(check, requests=requests)


async def _wait_for(
    asker: Asker, check: Check, retry_for_s: float, tell: Callable[[str], None]
) -> tuple[CheckResult, float]:
    """Ask *check* until the service is ready; return what came last, and the time until then."""
    begin_s = time.perf_counter()
    pause_s = _PAUSE_S
    while True:
        result, answer = await _ask(asker, check)
        waited_s = time.perf_counter() - begin_s
        if not _may_come(answer) or waited_s + pause_s > retry_for_s:
            if answer.status is None:
                result = replace(result, outcome=CheckOutcome.UNREACHABLE)
            return result, waited_s - answer.latency_s if pause_s > _PAUSE_S else 0.0
        if pause_s == _PAUSE_S:
            tell(f"waiting up to {retry_for_s:g} s: {result.detail}")
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _PAUSE_S_MAX)


def _may_come(answer: Answer) -> bool:
    """Return whether a service that gave *answer* may only be starting."""
    if answer.status is None:
        # A certificate does not become valid by waiting.
        return "CERTIFICATE" not in answer.detail
    return answer.status in _STARTING and not answer.is_good


async def _ask(asker: Asker, check: Check) -> tuple[CheckResult, Answer]:
    """Return the result of the first of the requests of *check* that is there."""
    pages = 0
    for index, request in enumerate(check.requests):
        answer = await asker.ask(request)
        last = index + 1 == len(check.requests)
        # Frameworks lead from /metrics to /metrics/, which is the next to be asked.
        is_elsewhere = not last and answer.status is not None and 300 <= answer.status < 400
        # Single-page applications answer every path with the same page: that says nothing.
        is_page = check.kind is CheckKind.HEALTH and check.is_guess and is_web_page(answer)
        pages += is_page
        is_there = answer.is_good or not (answer.status in _NOT_THERE or is_elsewhere)
        if is_there and not is_page:
            return judge_answer(check, index, answer), answer
    if len(check.requests) == 1 and not check.is_optional:
        return judge_answer(check, 0, answer), answer
    paths = ", ".join(request.path for request in check.requests)
    what = "nothing but web pages" if pages else "nothing"
    reason = f"{what} is at {paths}; name its path with --{check.kind.value}"
    outcome = CheckOutcome.SKIPPED if check.is_optional else CheckOutcome.FAILED
    missing = CheckResult(
        name=check.name, request="", outcome=outcome, detail=reason, status=answer.status
    )
    return missing, answer


def _skipped(name: str, reason: str) -> CheckResult:
    return CheckResult(name=name, request="", outcome=CheckOutcome.SKIPPED, detail=reason)
