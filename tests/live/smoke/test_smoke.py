"""What a smoke test asks a service, and how it ends."""

from __future__ import annotations

import httpx
import pytest

from agent_perf.config import NamedRequest
from agent_perf.errors import UsageError
from agent_perf.live.smoke import (
    CheckOutcome,
    Skipped,
    Wishes,
    plan_checks,
)
from tests.live.smoke.service import HEALTHY, Service, outcomes, smoke


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
