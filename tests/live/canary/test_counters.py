"""What counters tell of a service, and how a Prometheus is asked for them."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable

import httpx
import pytest

from agent_perf.errors import AgentPerfError, BrokenError, UsageError
from agent_perf.live.canary import prometheus as client
from agent_perf.live.canary.counters import (
    Series,
    bucket_bounds,
    increases,
    scrape_gap_s,
    side_of,
)
from agent_perf.live.canary.prometheus import Prometheus, selector_of

Answer = Callable[[httpx.Request], httpx.Response]


def series(*samples: tuple[float, float], **labels: str) -> Series:
    return Series(labels=labels, samples=samples)


def test_increases_are_whole_and_survive_restarts() -> None:
    """
    What rose is counted when it was seen, of all instances; a counter that fell began at 0.
    """
    one = series((0, 5), (1, 8), (2, 2), (3, 3))
    other = series((2.5, 100), (3.5, 107))

    assert [0, 3, 2, 8] == increases([one, other], 0.0, 4.0, 4).tolist()
    assert 1 == scrape_gap_s([one, other])
    assert scrape_gap_s([series((0, 1))]) is None


def test_a_counter_that_is_no_number_is_told() -> None:
    """
    It is not counted as anything.
    """
    with pytest.raises(BrokenError, match="a counter is nan"):
        increases([series((0, 1), (1, math.nan))], 0.0, 2.0, 2)
    # All that was ever counted would look as if it had come just now.
    with pytest.raises(BrokenError, match="a counter is nan"):
        increases([series((0, math.nan), (1, 1e9))], 0.0, 2.0, 2)


def test_a_bucket_for_no_time_at_all_is_none() -> None:
    """
    Its requests are those of the next bound; a quantile of 0 s has no logarithm.
    """
    buckets = [series((0, 0), (1, 9), le=bound) for bound in ("-1", "0", "0.1", "+Inf")]

    assert {0.1, math.inf} == bucket_bounds(buckets, "a_bucket")


def test_buckets_become_cells() -> None:
    """
    Counts up to a bound become counts between bounds; failures are never more than requests.
    """
    buckets = [
        series((0, 0), (1, 4), (2, 6), le="0.1"),
        series((0, 0), (1, 5), (2, 9), le="1"),
        series((0, 0), (1, 5), (2, 10), le="+Inf"),
    ]
    failures = [series((0, 0), (1, 9), (2, 10))]
    bounds = sorted(bucket_bounds(buckets, "it"))
    side = side_of(buckets, failures, bounds, (0.5, 2.5), 2)

    assert [0.1, 1.0, math.inf] == bounds
    assert [[4, 1, 0], [2, 2, 1]] == side.counts.tolist()
    assert [5, 1] == side.failed.tolist()


@pytest.mark.parametrize(
    ("given", "why"),
    [([series(le="1")], "no bucket le="), ([series()], "no classic histogram")],
)
def test_what_is_no_histogram_is_told(given: list[Series], why: str) -> None:
    """
    Without bounds, or without the infinite one.
    """
    with pytest.raises(BrokenError, match=why):
        bucket_bounds(given, "it")


def test_selectors_are_joined() -> None:
    """
    With braces or without; what is no name is refused.
    """
    assert 'up{a="1",b=~"5.."}' == selector_of("up", '{a="1"}', 'b=~"5..",')
    with pytest.raises(UsageError, match="is no metric"):
        selector_of('up{x="1"}')


def asked(answer: Answer) -> list[Series]:
    """Return what a Prometheus that answers so is understood to say."""

    async def ask() -> list[Series]:
        transport = httpx.MockTransport(answer)
        async with Prometheus("http://me:secret-word@prom:9090", transport=transport) as prometheus:
            return await prometheus.samples('up{a="1"}', 100.0, 160.0)

    return asyncio.run(ask())


def test_samples_are_asked_for_by_range() -> None:
    """
    One query for all samples in a stretch of time.
    """

    def answer(request: httpx.Request) -> httpx.Response:
        assert b"query=up%7Ba%3D%221%22%7D%5B60000ms%5D&time=160.000" == request.content
        result = [{"metric": {"a": "1"}, "values": [[100.5, "3"], [101.5, "NaN"]]}]
        return httpx.Response(200, json={"status": "success", "data": {"result": result}})

    (found,) = asked(answer)

    assert {"a": "1"} == found.labels
    assert (100.5, 3.0) == found.samples[0]


@pytest.mark.parametrize(
    ("status", "content", "error", "why"),
    [
        (400, json.dumps({"status": "error", "error": "parse error"}), UsageError, "parse error"),
        (200, "<html>", BrokenError, "not as a Prometheus does"),
        (200, json.dumps({"status": "ok"}), BrokenError, "not as a Prometheus does"),
        (503, "", BrokenError, "does not answer .HTTPStatusError: status 503"),
        (200, "x" * 101, BrokenError, "more than 100 bytes"),
    ],
)
def test_what_is_no_answer_is_told(
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    content: str,
    error: type[AgentPerfError],
    why: str,
) -> None:
    """
    Each with its class, the way out, and without the password.
    """
    monkeypatch.setattr(client, "ANSWER_BYTES_MAX", 100)
    monkeypatch.setattr(client, "_PAUSE_S", 0.0)

    with pytest.raises(error, match=why) as caught:
        asked(lambda _: httpx.Response(status, text=content))
    assert "secret-word" not in str(caught.value)


def test_a_prometheus_that_is_away_for_a_moment_is_asked_again() -> None:
    """
    Three tries: a canary of an hour does not end with one lost answer.
    """
    answers = iter((502, 200))

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(next(answers), json={"status": "success", "data": {"result": []}})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_PAUSE_S", 0.0)
        assert [] == asked(answer)
