"""The report on a load that a running service was under."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import agent_perf.report
from agent_perf import codec
from agent_perf.cli.load_text import load_lines, target_lines
from agent_perf.gate import exit_code, find_bottlenecks, judge_load
from agent_perf.records import (
    LiveLoad,
    LoadRun,
    Outcome,
    ResourceRun,
    ResourceSeries,
    Tier,
    Timeline,
)
from agent_perf.report import build_load_view, render
from tests.report import loads

_SCHEMA = Path(agent_perf.report.__file__).parent / "schema/load-1.json"

TAKEN = ResourceRun(
    name="server",
    started_s=0.0,
    interval_s=0.5,
    duration_s=2.0,
    tick_count=4,
    missed_count=0,
    bucket_s=0.5,
    series={
        "cpu": ResourceSeries(
            name="cpu",
            mean=(0.1, 0.9, None, 0.2),
            peak=(0.1, 0.9, None, 0.2),
            sample_count=4,
            sample_mean=0.4,
            sample_p95=None,
            sample_peak=0.9,
            total=0.8,
        )
    },
    sampler_cpu_s=0.01,
    cores=2,
    end="stopped",
)


def live(**given: object) -> LoadRun:
    """Return a load on a service, with the figures of a simulated one."""
    known: dict[str, object] = {
        "url": "http://127.0.0.1:8000",
        "generator": "Locust 2.47.0",
        "workers": 2,
        "worker_cpu_ratio": (0.5, 0.75),
        "load_average": 1.5,
        "late_count": 3,
        "late_ns_p95": 2_000_000,
        "late_ns_max": 30_000_000,
        "resources": TAKEN,
    }
    facts = LiveLoad(**{**known, **given})  # type: ignore[arg-type]
    return replace(loads.full_run(), tier=Tier.LIVE, commit="", live=facts)


def test_the_document_is_as_its_schema_says() -> None:
    """
    With the server's series and without, and stored and read again it is the same.
    """
    validator = jsonschema.Draft202012Validator(json.loads(_SCHEMA.read_text()))
    for run in (live(), live(resources=None, load_average=None, worker_cpu_ratio=())):
        view = build_load_view(run, judge_load(run), find_bottlenecks(run))
        document = json.loads(render(view, "json"))

        assert [] == list(validator.iter_errors(document))
        assert run == codec.load_load_run(codec.dump_load_run(run), "it")


@pytest.mark.parametrize("format_", ["html", "md"])
def test_real_time_is_told(format_: str) -> None:
    """
    Who sent it and how late, what the server took; and nothing is called exact or virtual.
    """
    run = live()
    page = render(build_load_view(run, judge_load(run)), format_)

    for words in ("Locust 2.47.0", "What the server took", "3 requests were sent late", "30 ms"):
        assert words in page.replace("\u00a0", " ")
    assert "virtual" not in page.lower()
    assert "Exact:" not in page


def test_a_generator_that_did_not_keep_up_is_no_measurement() -> None:
    """
    Whatever its targets say: BROKEN, exit code 3, and the reason in every place.
    """
    problem = "the generator did not keep up: 9 of 10 requests were sent late"
    run = replace(live(problems=(problem,)), targets={"latency.p95": 1e-6})
    decision = judge_load(run)
    page = render(build_load_view(run, decision), "html")

    assert Outcome.BROKEN is decision.outcome
    assert 3 == exit_code(decision, "pass")
    assert (f"BROKEN desk.ask {problem}",) == decision.lines
    assert "the load was not what was asked for" in page


def test_what_the_server_took_may_have_targets() -> None:
    """
    A peak that is passed fails the load, as a latency does.
    """
    longer = replace(TAKEN, series={"cpu": replace(TAKEN.series["cpu"], sample_count=20)})
    kept, missed, untold = (
        judge_load(replace(live(resources=taken), targets={"resources.cpu_share.peak": limit}))
        for taken, limit in ((longer, 0.5), (longer, 0.4), (TAKEN, 0.4))
    )

    assert Outcome.PASS is kept.outcome
    assert Outcome.FAIL is missed.outcome
    assert 0.45 == missed.targets[0].observed
    assert Outcome.UNDECIDED is untold.outcome
    assert "4 ticks in 2 s" in untold.targets[0].text


def test_a_terminal_is_told_as_well() -> None:
    """
    The service, who sent, how late, and the server, each on a line.
    """
    lines = list(load_lines(live()))

    assert "  service   http://127.0.0.1:8000" in lines
    assert "  sent by   Locust 2.47.0, 2 workers, busiest at 75 % of a core" in lines
    assert any("3 requests were sent late, the latest by 30 ms" in line for line in lines)
    assert any(line.startswith("  server    CPU 40 %, at most 90 %") for line in lines)


def test_a_service_is_told_in_words_of_its_own() -> None:
    """
    Times to the first event and shares of the CPU have names, and nothing is said of the inside.
    """
    paths = {name: loads.full_run().latency for name in ("chat.ttft", "ttft", "chat")}
    wanted = {"latency.ttft.p95": 1.0, "latency.chat.ttft.p50": 1.0, "resources.cpu_share.p95": 0.8}
    run = replace(live(), paths=paths, targets=wanted)
    page = render(build_load_view(run, judge_load(run)), "html").replace("\u00a0", " ")

    for words in (
        "P95 time to the first event (latency.ttft.p95)",
        "P50 time to the first event of chat",
        "P95 share of the CPU",
        "chat, first event",
        "first event of streams",
        "Sampled 4 times in 2 s; that took",
        "In none of them: lateness of up to 1 ms. load.late: from the intended start",
    ):
        assert words in page
    for words in ("semaphore", "CPU time charged", "It: "):
        assert words not in page


def test_an_experiment_is_not_told_as_a_scenario() -> None:
    """
    No seeded tables and no draws: what was asked is a service, and something was broken.
    """
    run = replace(
        loads.faulty_run(), scenarios={"chaos.redis-goes": 1}, tier=Tier.LIVE, exemplars=()
    )
    page = render(build_load_view(run, judge_load(run)), "html")

    assert "while what the service stands on was broken" in page
    assert "Acknowledged, in doubt, lost." in page
    for words in ("seeded tables", "draws of seed", "virtual"):
        assert words not in page.lower()


def test_when_a_target_was_missed_follows_its_verdict() -> None:
    """
    One that is missed is not missed twice in a line; one that is kept says so first.
    """
    run = loads.full_run()
    lines = "\n".join(target_lines(judge_load(run)))
    kept = "\n".join(target_lines(judge_load(replace(run, targets={"latency.p50": 0.9}))))
    brief = "\n".join(target_lines(judge_load(loads.faulty_run())))

    assert " missed, from 1 s to " in lines
    assert kept.endswith("kept")
    assert " kept; missed from 4 s to 6 s " in brief


def test_bars_fit_a_terminal() -> None:
    """
    At 80 columns no row of the timeline is longer, in a pipe each bucket has its own bar.
    """
    run = replace(loads.full_run(), timeline=_sixty_buckets())
    narrow, piped = (
        [line for line in load_lines(run, width) if "up to" in line] for width in (80, None)
    )

    assert len(narrow) == len(piped) > 2
    assert max(map(len, narrow)) <= 80 < max(map(len, piped))


def _sixty_buckets() -> Timeline:
    buckets = loads.full_run().timeline.buckets
    return Timeline(bucket_ns=100_000_000, buckets=(buckets * 60)[:60])


def test_what_was_broken_is_told_at_once() -> None:
    """
    In the first lines, as far as it began.
    """
    run = loads.faulty_run()
    first, second = run.fault_windows
    late = replace(run, fault_windows=(first, replace(second, start_ns=run.duration_ns)))

    assert "Broken meanwhile: redis outage and second outage." in _lines_of(run)
    assert "Broken meanwhile: redis outage." in _lines_of(late)
    assert "Broken" not in _lines_of(live())


def _lines_of(run: LoadRun) -> str:
    return " ".join(build_load_view(run, judge_load(run)).band.lines)
