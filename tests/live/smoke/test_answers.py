"""Which answers of a service a smoke test takes, and which it does not."""

from __future__ import annotations

import pytest

from agent_perf.config import NamedRequest
from agent_perf.live.smoke import (
    CheckOutcome,
    Wishes,
)
from tests.live.smoke.service import HEALTHY, Service, chat, outcomes, smoke

EVENTS = 'data: {"object": "chat.completion.chunk"}\n\n'

WEB_PAGE = (200, "text/html; charset=utf-8", "<!doctype html><title>Shop</title>")


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
