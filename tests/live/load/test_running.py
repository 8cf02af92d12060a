"""Loads that Locust really sends, to a service with known delays and faults."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest

from agent_perf.config import NamedRequest
from agent_perf.live import Asker, ready
from agent_perf.live.load import LiveTarget, Progress, run_live_load
from agent_perf.load import Closed, Constant, Limits
from agent_perf.records import LoadRun
from agent_perf.units import NS
from tests.live.load.serving import served

pytestmark = pytest.mark.slow

REQUESTS = {
    "ok": NamedRequest(path="/ok", contains="ok"),
    "none": NamedRequest(path="/ok", contains="no"),
    "other": NamedRequest(path="/ok", status=(404,)),
    "down": NamedRequest(path="/503"),
    "gone": NamedRequest(path="/gone"),
    "cut": NamedRequest(path="/cut"),
    "cut-stream": NamedRequest(path="/cut-stream", stream=True),
    "stream": NamedRequest(path="/sse", stream=True, contains="three"),
    "returns": NamedRequest(path="/returns", stream=True),
    "comments": NamedRequest(path="/comments", stream=True),
    "cut-packed": NamedRequest(path="/cut-packed"),
    "bad-packed": NamedRequest(path="/bad-packed"),
    "packed": NamedRequest(path="/packed", contains="well packed"),
    "big": NamedRequest(path="/big"),
    "silent": NamedRequest(path="/silent", timeout_s=0.3),
    "sent": NamedRequest(path="/echo", json={"a": "${WORD}"}, headers={"x-own": "${WORD}"}),
    "posted": NamedRequest(path="/echo", method="POST", contains="POST /echo"),
}


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with served() as url:
        yield url


def load(url: str, shape, requests=None, **given) -> LoadRun:
    requests = {"ok": REQUESTS["ok"]} if requests is None else requests
    target = LiveTarget(url=url, requests=requests, weights=dict.fromkeys(requests, 1))
    return run_live_load(target, shape, **given)


def left_behind() -> list[str]:
    return [
        " ".join(process.cmdline())[:80]
        for process in psutil.Process().children(recursive=True)
        if any("agent_perf.live.locust" in word for word in process.cmdline())
    ]


def test_both_ways_of_asking_agree(service, monkeypatch) -> None:
    """
    What is a good answer, and what a bad one is called, is the same whether we ask or Locust.
    """
    monkeypatch.setenv("WORD", "hunter2hunter2")

    async def each_asked() -> dict[str, str]:
        async with Asker(service) as asker:
            return {
                name: (await asker.ask(ready(name, one, {"WORD": "hunter2hunter2"}))).error
                for name, one in REQUESTS.items()
            }

    expected = asyncio.run(each_asked())
    found = {}
    run = load(service, Constant(rate_hz=40, for_s=4), REQUESTS)
    answered = {name for name in run.paths if not name.endswith("ttft")}
    found = Counter(run.errors)

    assert {name for name, error in expected.items() if not error} == answered
    assert {error for error in expected.values() if error} == set(found)
    assert run.latency.count == sum(found.values()) + sum(
        run.paths[name].count for name in answered
    )
    assert "hunter2" not in str(run)


@pytest.mark.parametrize("path", ["/endless-head", "/endless-line"])
def test_what_never_ends_is_ended(path) -> None:
    """
    Headers, or a line, without an end are cut off by size or by time, and the load ends.
    """
    endless = NamedRequest(path=path, stream=True, timeout_s=2)
    with served() as url:
        run = load(url, Constant(rate_hz=2, for_s=1), {"endless": endless})

    assert 2 == run.offered == sum(run.errors.values())
    assert set(run.errors) <= {"timeout", "too_long"}
    assert [] == left_behind()


def test_a_packed_answer_without_its_end_is_no_answer(service) -> None:
    """
    What was lost of a compressed body may be most of it.
    """
    run = load(service, Constant(rate_hz=2, for_s=1), {"cut": NamedRequest(path="/cut-packed")})

    assert {"network": 2} == dict(run.errors)


def test_known_delays(service) -> None:
    """
    No latency is shorter than the service's own delay, and half of them are little longer;
    the first event of a stream comes long before its end.
    """
    requests = {
        "slow": NamedRequest(path="/slow?ms=100"),
        "stream": NamedRequest(path="/sse", stream=True),
    }
    run = load(service, Constant(rate_hz=20, for_s=3), requests, workers=2)
    slow, stream, first = (run.paths[name] for name in ("slow", "stream", "ttft"))

    assert 60 == run.offered == run.latency.count == run.good
    assert 0.100 <= slow.p50_ns / NS < 0.160
    assert 0.150 <= stream.p50_ns / NS < 0.250
    assert 0.050 <= first.p50_ns / NS < 0.110
    assert stream.count == first.count
    assert 3 * stream.count == run.counts["stream_events"]
    assert 2 == len(run.live.worker_cpu_ratio)


def test_a_stall_is_not_hidden_by_who_waits_for_it(service) -> None:
    """
    The service stands still for one second. Requests that were to start meanwhile waited, and
    their latencies say so: of fifty, half waited longer than half a second.
    """
    requests = {"ok": NamedRequest(path="/ok"), "stall": NamedRequest(path="/stall?ms=1000")}
    target = LiveTarget(url=service, requests=requests, weights={"ok": 149, "stall": 1})
    # With this seed, one of the requests is the stall, in the middle.
    run = run_live_load(target, Constant(rate_hz=50, for_s=3), seed=48)
    waited = run.paths["ok"]
    late = sum(bucket.ended for bucket in run.timeline.buckets if bucket.latency.p50_ns > NS // 4)

    assert (150, 1) == (run.offered, run.paths["stall"].count)
    assert waited.p99_ns / NS > 0.8
    assert waited.p50_ns / NS < 0.25
    assert late >= 40


def test_users_who_wait(service) -> None:
    """
    Each has one request under way, and thinks in between.
    """
    requests = {"slow": NamedRequest(path="/slow?ms=100")}
    run = load(service, Closed(users=4, for_s=3), requests, workers=2, think_s=0.1)
    most = max(bucket.in_flight_max for bucket in run.timeline.buckets)

    assert 4 == most == run.users
    # Four users for 3 s, at 0.2 s a round at best.
    assert 30 <= run.offered <= 60


def test_what_would_be_too_much_at_once_is_dropped(service) -> None:
    """
    Two workers share the limit; together they never have more under way.
    """
    requests = {"slow": NamedRequest(path="/slow?ms=500")}
    run = load(
        service,
        Constant(rate_hz=40, for_s=2),
        requests,
        workers=2,
        limits=Limits(in_flight_max=6),
    )

    assert 80 == run.offered
    assert run.dropped > 20
    # A request counts from its intended start, a moment before it is under way.
    assert 8 >= max(bucket.in_flight_max for bucket in run.timeline.buckets)
    assert run.offered - run.dropped == run.latency.count


def test_a_service_that_dies_midway() -> None:
    """
    That is a result: what it answered is there, and the rest are errors of the network.
    """
    requests = {"ok": NamedRequest(path="/ok"), "die": NamedRequest(path="/die")}
    with served() as url:
        target = LiveTarget(url=url, requests=requests, weights={"ok": 60, "die": 1})
        run = run_live_load(target, Constant(rate_hz=50, for_s=4), seed=5)

    assert 200 == run.offered == run.latency.count
    assert run.good > 0
    assert {"network"} == set(run.errors)
    assert run.good + run.errors["network"] == 200


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        # It has just ended, and nobody has waited for it yet.
        return []


def test_a_worker_that_is_killed_makes_the_load_broken(service) -> None:
    """
    Nobody knows what it would have measured; what the other one did is kept.
    """

    def kill_one(progress: Progress) -> None:
        if progress.begun > 20:
            workers = [
                child
                for child in psutil.Process().children()
                if any("import worker" in word for word in _words(child))
            ]
            if len(workers) == 2:
                workers[0].kill()

    run = load(
        service, Constant(rate_hz=40, for_s=3), workers=2, progress=Progress(looked=kill_one)
    )

    assert run.good > 40
    assert "of 2 ended with -9" in run.live.problems[0]
    assert [] == left_behind()


def test_an_early_end_keeps_what_was_measured(service) -> None:
    """
    Requests under way are awaited; no process is left.
    """

    def enough(progress: Progress) -> None:
        if progress.begun >= 10 and not progress.stop:
            progress.stop = "enough"

    run = load(service, Constant(rate_hz=20, for_s=60), progress=Progress(looked=enough))

    assert 10 <= run.offered == run.latency.count < 200
    assert run.stopped.startswith("enough after ")
    assert [] == left_behind()


def test_a_backlog_is_not_sent_after_the_load(service) -> None:
    """
    One worker cannot send twenty thousand requests a second: when their time is over it stops,
    and says how many it did not send.
    """
    run = load(service, Constant(rate_hz=20_000, for_s=1), limits=Limits(in_flight_max=200))
    (problem,) = run.live.problems
    unsent = re.search(r"([\d,]+) were not sent before the load was over", problem)

    assert unsent is not None, problem
    assert 20_000 == run.offered + int(unsent[1].replace(",", ""))
    assert run.offered < 19_000
    assert [] == left_behind()
