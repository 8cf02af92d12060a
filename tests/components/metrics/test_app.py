from __future__ import annotations

import asyncio
import gzip
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from agent_perf.components.metrics import Metrics, metrics_app


def ask(metrics: Metrics, method: str = "GET", **headers: str) -> httpx.Response:
    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app=metrics_app(metrics))
        named = {"accept-encoding": "identity"}
        named.update({key.replace("_", "-"): value for key, value in headers.items()})
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.request(method, "/metrics", headers=named)

    return asyncio.run(main())


def shop() -> Metrics:
    metrics = Metrics(namespace="shop")
    metrics.counter("requests", "Requests.").inc()
    return metrics


def test_the_page_is_prometheus_text() -> None:
    """
    Who asks for nothing in particular gets format 0.0.4, with its length.
    """
    response = ask(shop())

    assert (200, "text/plain; version=0.0.4; charset=utf-8") == (
        response.status_code,
        response.headers["content-type"],
    )
    assert "shop_requests_total 1\n" in response.text
    assert str(len(response.content)) == response.headers["content-length"]


def test_openmetrics_for_who_asks_as_prometheus_does() -> None:
    """
    With the Accept header of a Prometheus server the answer is OpenMetrics.
    """
    response = ask(
        shop(),
        accept="application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
    )

    assert response.headers["content-type"].startswith("application/openmetrics-text; version=1")
    assert "shop_requests" in {
        family.name for family in text_string_to_metric_families(response.text)
    }


@pytest.mark.parametrize("accept", ["application/openmetrics-text;q=0", "*/*", "text/html"])
def test_no_openmetrics_for_who_does_not_ask(accept: str) -> None:
    """
    q=0 is a no.
    """
    assert "EOF" not in ask(shop(), accept=accept).text


def test_gzip_if_asked() -> None:
    """
    Compressed for who takes it, and the same page inside.
    """
    plain, packed = ask(shop()), ask(shop(), accept_encoding="deflate, gzip;q=0.8")

    assert "gzip" == packed.headers["content-encoding"]
    assert plain.text == packed.text
    assert "content-encoding" not in plain.headers
    assert plain.content == gzip.decompress(gzip.compress(packed.content))


def test_a_part_that_fails_is_told_on_the_page() -> None:
    """
    The page comes, with the part's scrape error and everything else.
    """
    metrics = shop()
    metrics.watch("cache", lambda: 1 // 0)
    response = ask(metrics)

    assert 200 == response.status_code
    assert 'shop_scrape_errors_total{part="cache"} 1\n' in response.text
    assert "shop_requests_total 1\n" in response.text


def test_only_reading_is_allowed() -> None:
    """
    HEAD has the headers alone; POST is refused with what is allowed.
    """
    head, post = ask(shop(), "HEAD"), ask(shop(), "POST")

    assert (200, b"") == (head.status_code, head.content)
    assert (405, "GET, HEAD") == (post.status_code, post.headers["allow"])


def test_it_runs_by_itself() -> None:
    """
    A server's start and stop are answered; what is not HTTP is refused.
    """
    sent: list[dict[str, Any]] = []
    inbox = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict[str, Any]:
        return next(inbox)

    async def send(message: Any) -> None:
        sent.append(message)

    app = metrics_app(shop())
    asyncio.run(app({"type": "lifespan"}, receive, send))

    assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == [m["type"] for m in sent]
    with pytest.raises(ValueError, match="websocket"):
        asyncio.run(app({"type": "websocket"}, receive, send))
