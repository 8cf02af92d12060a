"""What a canary tells of a Prometheus that is away, confused, or asked for the wrong thing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qs

import httpx
import pytest

from agent_perf.errors import AgentPerfError, BrokenError, NothingMeasuredError, UsageError
from agent_perf.live.canary import (
    CanaryOutcome,
    CanaryPlan,
    CanaryResult,
    Finding,
    Limit,
    NothingSeenError,
    Prometheus,
    Step,
    Watched,
    watch,
    watching,
)
from agent_perf.live.canary import prometheus as client

WATCHED = Watched(stable='v="1"', candidate='v="2"', latency_metric="took_seconds")
PLAN = CanaryPlan(
    steps=(Step(share=0.5, length_s=32.0, rate_hz=20.0),),
    limits=(Limit(metric="latency.p95", most=0.2),),
)
Respond = Callable[[int, str, float, float], httpx.Response]
"""Number of the question, what it chooses, and the stretch of time, in seconds."""


def counted(*series: dict[str, str], begin_s: float, end_s: float, per_s: float) -> httpx.Response:
    """Return an answer with one sample a second of counters that rise."""
    times = range(int(begin_s) + 1, int(end_s) + 1)
    result = [
        {"metric": labels, "values": [[at_s, str(per_s * (at_s - 1e9))] for at_s in times]}
        for labels in series
    ]
    return httpx.Response(200, json={"status": "success", "data": {"result": result}})


def healthy(_number: int, selector: str, begin_s: float, end_s: float) -> httpx.Response:
    """Answer as of two equal services, all of whose requests take less than 0.1 s."""
    labels = {"__name__": "took_seconds_bucket", "v": selector.partition('v="')[2][:1]}
    bounds = ({**labels, "le": bound} for bound in ("0.05", "0.1", "+Inf"))
    return counted(*bounds, begin_s=begin_s, end_s=end_s, per_s=20.0)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Callable[..., CanaryResult]:
    """Judge by a Prometheus that responds so, without waiting for time to pass."""
    told: list[tuple[Finding, ...]] = []

    async def is_stopped(stop: asyncio.Event, _wait_s: float) -> bool:
        return stop.is_set()

    monkeypatch.setattr(watching, "is_set_within", is_stopped)
    monkeypatch.setattr(watching, "look_times", lambda _: (20.0, 32.0))
    monkeypatch.setattr(client, "_PAUSE_S", 0.0)

    def judge(respond: Respond, stop_after: int | None = None) -> CanaryResult:
        stop, count = asyncio.Event(), 0

        def answer(request: httpx.Request) -> httpx.Response:
            nonlocal count
            count += 1
            form = {key: one for key, (one,) in parse_qs(request.content.decode()).items()}
            selector, _, length = form["query"].rpartition("[")
            end_s = float(form["time"])
            if count == stop_after:
                stop.set()
            return respond(count, selector, end_s - int(length[:-3]) / 1000, end_s)

        async def run() -> CanaryResult:
            transport = httpx.MockTransport(answer)
            async with Prometheus("http://prom:9090", transport=transport) as prometheus:
                tell = lambda _number, _at_s, found: told.append(found)  # noqa: E731
                return await watch(PLAN, prometheus, WATCHED, tell, stop)

        return asyncio.run(run())

    return judge


def test_a_prometheus_that_is_away_in_between_costs_one_look(
    watched: Callable[..., CanaryResult],
) -> None:
    """
    Each look reads from the begin, so that a restart of Prometheus loses nothing; it is noted.
    """

    def respond(number: int, *question: object) -> httpx.Response:
        # Two questions before the first look, of which each is three tries.
        return httpx.Response(503) if 3 <= number <= 5 else healthy(number, *question)  # type: ignore[arg-type]

    result = watched(respond)

    (step,) = result.steps
    assert 32.0 == step.length_s
    assert "no look at 20 s: the Prometheus at http://prom:9090 does not answer" in step.notes[0]
    assert (620, 620) == (step.stable.requests, step.candidate.requests)


def test_a_prometheus_that_goes_away_keeps_what_was_seen(
    watched: Callable[..., CanaryResult],
) -> None:
    """
    The last look that could be made counts; if there was none, there is no result.
    """

    def respond(number: int, *question: object) -> httpx.Response:
        return httpx.Response(503) if number >= 5 else healthy(number, *question)  # type: ignore[arg-type]

    (step,) = watched(respond).steps

    assert 20.0 == step.length_s
    assert "no look at 32 s" in step.notes[0]
    with pytest.raises(BrokenError, match="does not answer"):
        watched(lambda number, *rest: respond(number + 2, *rest))


def test_an_end_from_outside_keeps_what_was_seen(watched: Callable[..., CanaryResult]) -> None:
    """
    What is open is held; what nobody has looked at yet is nothing.
    """
    result = watched(healthy, stop_after=4)

    assert (True, CanaryOutcome.HOLD) == (result.is_interrupted, result.outcome)
    assert 20.0 == result.steps[0].length_s
    with pytest.raises(NothingSeenError):
        watched(healthy, stop_after=2)


def test_a_service_is_not_held_against_itself(watched: Callable[..., CanaryResult]) -> None:
    """
    Selectors that share a series are a usage error, which names it.
    """

    def respond(number: int, _: str, begin_s: float, end_s: float) -> httpx.Response:
        return healthy(number, 'v="1"', begin_s, end_s)

    with pytest.raises(UsageError, match=r'both selectors choose \{.*le="0.05", v="1"\}'):
        watched(respond)


@pytest.mark.parametrize(
    ("per_s", "error", "told"),
    [
        (20.0, None, "Prometheus has no samples of the candidate (v="),
        (0.0, NothingMeasuredError, "nobody asked either service, and Prometheus has no samples"),
    ],
)
def test_a_candidate_that_prometheus_does_not_know_is_told(
    watched: Callable[..., CanaryResult],
    per_s: float,
    error: type[AgentPerfError] | None,
    told: str,
) -> None:
    """
    That is something else than a candidate that nobody asks.
    """

    def respond(_: int, selector: str, begin_s: float, end_s: float) -> httpx.Response:
        bounds = ({"v": "1", "le": bound} for bound in ("0.05", "0.1", "+Inf"))
        series = () if 'v="2"' in selector else bounds
        return counted(*series, begin_s=begin_s, end_s=end_s, per_s=per_s)

    if error is None:
        assert told in watched(respond).steps[0].notes[0]
        return
    with pytest.raises(error, match=told):
        watched(respond)


@pytest.mark.parametrize("status", [401, 403])
def test_a_prometheus_that_wants_to_know_who_asks_is_told(
    watched: Callable[..., CanaryResult], status: int
) -> None:
    """
    With the option that says it.
    """
    with pytest.raises(UsageError, match=f"answers {status}.*--prometheus-token-env PROM_TOKEN"):
        watched(lambda *_: httpx.Response(status))
