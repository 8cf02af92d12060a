"""A service that a smoke test asks, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from agent_perf.config import NamedRequest
from agent_perf.live.smoke import (
    CheckOutcome,
    CheckResult,
    SmokeResult,
    Wishes,
    ask_service,
    plan_checks,
)

PAGE = "# TYPE shop_requests_total counter\nshop_requests_total 2\n"


@dataclass
class Service:
    """
    One that answers by path, and takes down what it was asked.

    Attributes:
        pages: Path to status, type and text.
        gone: How many requests fail before it is there.
        starting: How many it then answers by 503.
    """

    pages: Mapping[str, tuple[int, str, str]] = field(default_factory=dict)
    gone: int = 0
    starting: int = 0
    asked: list[httpx.Request] = field(default_factory=list)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.gone:
            self.gone -= 1
            raise httpx.ConnectError("refused")
        if self.starting:
            self.starting -= 1
            return httpx.Response(503, text="starting")
        status, kind, text = self.pages.get(request.url.path, (404, "text/plain", "not here"))
        return httpx.Response(status, headers={"content-type": kind}, content=text.encode())


HEALTHY = {
    "/healthz": (200, "application/json", '{"status": "ok"}'),
    "/metrics": (200, "text/plain; version=0.0.4", PAGE),
}


def smoke(
    service: Service,
    wishes: Wishes | None = None,
    *,
    named: Mapping[str, NamedRequest] | None = None,
    url: str = "http://shop",
    retry_for_s: float = 0.0,
    environ: Mapping[str, str] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> SmokeResult:
    """Return what *service* answers."""
    plan = plan_checks(named or {}, wishes or Wishes(), environ or {})
    transport = httpx.MockTransport(service.answer)
    return asyncio.run(
        ask_service(url, plan, retry_for_s=retry_for_s, tell=tell, transport=transport)
    )


def outcomes(result: SmokeResult) -> dict[str, CheckOutcome]:
    return {check.name: check.outcome for check in result.checks}


def chat(service_says: tuple[int, str, str], **request: object) -> CheckResult:
    """Return what becomes of a chat that is answered so."""
    service = Service(pages={**HEALTHY, "/chat": service_says})
    named = {"chat": NamedRequest(path="/chat", json={"text": "hi"}, **request)}  # type: ignore[arg-type]
    return smoke(service, named=named).checks[1]
