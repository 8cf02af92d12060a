"""What a smoke test asks a service, and what it makes of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx
import pytest

from agent_perf.config import NamedRequest
from agent_perf.errors import UsageError
from agent_perf.live.smoke import (
    CheckOutcome,
    CheckResult,
    Skipped,
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


def test_a_good_service_passes_without_a_word_of_configuration() -> None:
    """
    Its health and metrics are found where they usually are; a chat is never guessed.
    """
    service = Service(pages=HEALTHY)
    result = smoke(service)

    assert CheckOutcome.PASSED is result.outcome
    assert [
        ("health", "GET /healthz", CheckOutcome.PASSED),
        ("chat", "", CheckOutcome.SKIPPED),
        ("metrics", "GET /metrics", CheckOutcome.PASSED),
    ] == [(one.name, one.request, one.outcome) for one in result.checks]
    assert {"GET"} == {request.method for request in service.asked}
    assert "openmetrics" in service.asked[-1].headers["accept"]


def test_what_is_named_has_to_be_there() -> None:
    """
    Metrics at the usual place may be missing, those that somebody names may not.
    """
    pages = {"/healthz": HEALTHY["/healthz"]}

    assert CheckOutcome.SKIPPED is outcomes(smoke(Service(pages=pages)))["metrics"]
    for wishes in (Wishes(metrics="/metrics"), Wishes(metric_names=("shop_requests_total",))):
        assert CheckOutcome.FAILED is outcomes(smoke(Service(pages=pages), wishes))["metrics"]


def test_a_service_without_health_fails() -> None:
    """
    A wrong address is not passed for its lack of endpoints.
    """
    result = smoke(Service())

    assert CheckOutcome.FAILED is result.outcome
    assert "nothing is at /health, /healthz" in result.checks[0].detail
    assert "--health" in result.checks[0].detail


def test_metrics_behind_a_slash_are_found() -> None:
    """
    Frameworks that mount an application lead from /metrics to /metrics/; elsewhere, a redirect
    is not followed.
    """
    pages = {**HEALTHY, "/metrics": (307, "", ""), "/metrics/": HEALTHY["/metrics"]}

    assert "GET /metrics/" == smoke(Service(pages=pages)).checks[2].request
    moved = smoke(Service(pages=pages), Wishes(metrics="/metrics"))
    assert "redirects are not followed" in moved.checks[2].detail


def test_a_service_that_starts_is_waited_for() -> None:
    """
    Refused connections and 503 are asked again, and told once; then everything is asked.
    """
    told: list[str] = []
    result = smoke(Service(pages=HEALTHY, gone=1, starting=1), retry_for_s=30, tell=told.append)

    assert CheckOutcome.PASSED is result.outcome
    assert result.waited_s > 0.25
    assert ["waiting up to 30 s: ConnectError: refused"] == told


def test_a_service_that_is_not_there_is_unreachable() -> None:
    """
    After the wait, and no other check is made; a certificate is not waited for.
    """
    service = Service(gone=99)
    result = smoke(service)

    assert CheckOutcome.UNREACHABLE is result.outcome
    assert 1 == len(service.asked)
    assert ["not asked"] == [result.checks[2].detail]


def test_a_service_that_breaks_down_later_has_failed() -> None:
    """
    It was reached, so that it is not said to be unreachable.
    """
    service = Service(pages={"/healthz": HEALTHY["/healthz"]})
    failing = service.answer

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/metrics":
            raise httpx.ReadError("lost")
        return await failing(request)

    service.answer = answer  # type: ignore[method-assign]

    assert CheckOutcome.FAILED is smoke(service).outcome


@pytest.mark.parametrize(
    ("page", "detail"),
    [
        ((500, "text/plain", "Oops"), "500: Oops"),
        ((200, "application/json", '{"status": "DOWN"}'), "it says of itself: status 'DOWN'"),
        ((200, "application/json", "{nope"), "sent as JSON, and is none"),
        ((200, "application/json", "[" * 100_000), "sent as JSON, and is none"),
    ],
)
def test_bad_health(page: tuple[int, str, str], detail: str) -> None:
    """
    Its status, what it is sent as, and what it says of itself are held to.
    """
    result = smoke(Service(pages={**HEALTHY, "/health": page})).checks[0]

    assert CheckOutcome.FAILED is result.outcome
    assert detail in result.detail


EVENTS = 'data: {"object": "chat.completion.chunk"}\n\n'


@pytest.mark.parametrize(
    ("page", "detail"),
    [
        ((200, "application/json", '{"error": {"message": "quota"}}'), "of an error: quota"),
        ((200, "text/plain", ""), "the answer is empty"),
    ],
)
def test_bad_chats(page: tuple[int, str, str], detail: str) -> None:
    """
    An answer with the right status may still be none.
    """
    assert detail in chat(page).detail


@pytest.mark.parametrize(
    ("kind", "text", "detail"),
    [
        ("text/plain", "data: x\n\n", "'text/plain'; want text/event-stream"),
        ("text/event-stream", ": ping\n\n", "it has no event"),
        ("text/event-stream", "data: x\n\ndata: y", "its last event is cut"),
        ("text/event-stream", "data: {x\n\n", "an event begins like JSON, and is none"),
        ("text/event-stream", 'data: {"error": "quota"}\n\n', "of an error: quota"),
        ("text/event-stream", "event: error\ndata: over\n\n", "of an error: over"),
        ("text/event-stream", EVENTS, "it ended before [DONE]"),
    ],
)
def test_bad_streams(kind: str, text: str, detail: str) -> None:
    """
    A stream is one, has events, ends whole, and tells of no error.
    """
    result = chat((200, kind, text), stream=True)

    assert CheckOutcome.FAILED is result.outcome
    assert detail in result.detail


@pytest.mark.parametrize(
    "text", [f"{EVENTS}data: [DONE]\n\n", "event: word\r\ndata: [sic]\r\n\r\n", "data: 1\n\n"]
)
def test_good_streams(text: str) -> None:
    """
    Of OpenAI's kind or any other; its first event has a time.
    """
    result = chat((200, "text/event-stream; charset=utf-8", text), stream=True)

    assert CheckOutcome.PASSED is result.outcome
    assert result.first_s is not None


@pytest.mark.parametrize(
    ("page", "detail"),
    [
        ("a x\n", "Prometheus could not read it: line 1"),
        ("# nothing\n", "it holds no sample"),
        ("a 1\na 1\n", "a is there twice"),
        ("# TYPE a_total counter\na_total -1\n", "counter a_total is -1"),
        ('# TYPE a histogram\na_bucket{le="1"} 1\na_count 1\n', 'no bucket le="+Inf"'),
        (
            '# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_count 1\n',
            "do not add up",
        ),
        ('# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 2\n', 'not its bucket le="+Inf"'),
    ],
)
def test_bad_metrics(page: str, detail: str) -> None:
    """
    What Prometheus would refuse, and what breaks what its types promise.
    """
    result = smoke(Service(pages={**HEALTHY, "/metrics": (200, "text/plain", page)})).checks[2]

    assert CheckOutcome.FAILED is result.outcome
    assert detail in result.detail


def test_a_metric_that_was_promised_is_looked_for() -> None:
    """
    By the name of its family or of its samples.
    """
    for name, outcome in (
        ("shop_requests", CheckOutcome.PASSED),
        ("shop_requests_total", CheckOutcome.PASSED),
        ("shop_errors_total", CheckOutcome.FAILED),
    ):
        result = smoke(Service(pages=HEALTHY), Wishes(metric_names=(name,)))
        assert outcome is outcomes(result)["metrics"]


def test_slowness_is_held_to_what_was_said_last() -> None:
    """
    A limit named on the command line goes before the configuration's, and that before one
    for all.
    """
    named = {"chat": NamedRequest(path="/chat", json={}, within_s=7.0), "health": NamedRequest()}

    def limits(**within_s: float) -> list[float]:
        wishes = Wishes(within_s={name.strip("_"): one for name, one in within_s.items()})
        plan = plan_checks(named, wishes, {})
        return [one.within_s for one in plan if not isinstance(one, Skipped)]

    assert [2.0, 7.0, 2.0] == limits()
    assert [3.0, 7.0, 3.0] == limits(_=3.0)
    assert [3.0, 5.0, 3.0] == limits(_=3.0, chat=5.0)
    late = smoke(Service(pages=HEALTHY), Wishes(within_s={"": 1e-9})).checks[0]
    assert CheckOutcome.FAILED is late.outcome
    assert "want 1 ns or less" in late.detail


def test_no_secret_is_told() -> None:
    """
    Neither of the address, nor of the environment, nor what an answer repeats of them.
    """
    named = {"health": NamedRequest(path="/${K}?key=plain", headers={"x-key": "${K}"})}
    service = Service(
        pages={"/k3y-of-env": (500, "text/plain", "k3y-of-env, p%ssword and p/ssword")}
    )
    result = smoke(
        service, named=named, url="http://me:p%2Fssword@shop", environ={"K": "k3y-of-env"}
    )

    assert "Basic" in service.asked[0].headers["authorization"]
    assert "http://shop" == result.url
    assert "GET /${K}" == result.checks[0].request
    assert "500: [redacted], p%ssword and [redacted]" == result.checks[0].detail


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("shop:8000", "'shop:8000' is no address; want one such as http"),
        ("ftp://shop", "no address"),
        ("http://", "no address"),
        ("http://shop:x", "no address"),
        ("http://shop/?token=abc", "http://shop comes with a query"),
    ],
)
def test_what_is_no_address_is_refused(url: str, message: str) -> None:
    """
    With what is wanted.
    """
    with pytest.raises(UsageError) as error:
        smoke(Service(), url=url)

    assert message in str(error.value)
    assert "abc" not in str(error.value)


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (Wishes(chats=("chta",)), r"no \[requests.chta\].*did you mean 'chat'"),
        (Wishes(health="healthz"), "'healthz' is no path"),
        (Wishes(within_s={"chap": 1.0}), "no check is called so; there are health, chat"),
    ],
)
def test_wishes_that_cannot_be_are_refused(wishes: Wishes, message: str) -> None:
    """
    With what there is.
    """
    with pytest.raises(UsageError, match=message):
        plan_checks({"chat": NamedRequest()}, wishes, {})


WEB_PAGE = (200, "text/html; charset=utf-8", "<!doctype html><title>Shop</title>")


def test_a_web_page_is_no_health() -> None:
    """
    What answers every path with its page is not well by that; where the user says that health is
    a page, it is.
    """
    paths = ("/health", "/healthz", "/readyz", "/livez", "/api/health", "/")
    service = Service(pages=dict.fromkeys(paths, WEB_PAGE))
    health = smoke(service).checks[0]

    assert CheckOutcome.FAILED is health.outcome
    assert "nothing but web pages is at /health, /healthz" in health.detail
    assert CheckOutcome.PASSED is smoke(service, Wishes(health="/health")).checks[0].outcome
    # A page before it does not hide the one that tells.
    service.pages = HEALTHY | {"/health": WEB_PAGE}
    assert "GET /healthz" == smoke(service).checks[0].request


def test_a_web_page_is_no_answer_to_a_chat() -> None:
    """
    It is a login, or a proxy's; unless the user knows something that is in it.
    """
    service = Service(pages={**HEALTHY, "/chat": WEB_PAGE})
    chats = {
        name: NamedRequest(path="/chat", json={}, contains=contains)
        for name, contains in (("chat", ""), ("known", "<title>Shop"))
    }
    result = smoke(service, Wishes(chats=("chat", "known")), named=chats)

    assert (CheckOutcome.FAILED, CheckOutcome.PASSED) == (
        outcomes(result)["chat"],
        outcomes(result)["known"],
    )
    assert "it is a web page" in result.checks[1].detail
