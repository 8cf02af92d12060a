"""The picture of a load."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from agent_perf.records import (
    Bucket,
    Environment,
    FaultWindow,
    LatencySummary,
    LoadRun,
    Tier,
    Timeline,
)
from agent_perf.report import draw_load
from agent_perf.units import NS

_SVG = "{http://www.w3.org/2000/svg}"


def _bucket(ended: int, p95_s: float, failed: int = 0) -> Bucket:
    latency = LatencySummary(
        count=ended, p50_ns=round(p95_s * NS / 2), p95_ns=round(p95_s * NS), max_ns=10 * NS
    )
    errors = {"timeout": failed} if failed else {}
    return Bucket(started=20, ended=ended, good=ended - failed, errors=errors, latency=latency)


def _run(
    *buckets: Bucket, windows: tuple[FaultWindow, ...] = (), scenario: str = "shop"
) -> LoadRun:
    return LoadRun(
        scenarios={scenario: 1},
        shape="poisson 2/s for 40 s",
        users=5,
        seed=1,
        tier=Tier.STUB,
        commit="worktree",
        environment=Environment(python="3.11", harness="a", scenario="b"),
        duration_ns=len(buckets) * 10 * NS,
        offered=80,
        dropped=0,
        good=78,
        good_within_ns=NS,
        errors={},
        latency=LatencySummary(count=80, p50_ns=10**7, p95_ns=10**8),
        paths={},
        counts={},
        operations={},
        timeline=Timeline(bucket_ns=10 * NS, buckets=buckets),
        exemplars=(),
        trace_digest="",
        fault_windows=windows,
    )


def _window(name: str, begin_s: int, end_s: int) -> FaultWindow:
    return FaultWindow(
        name=name, service="redis", kind="outage", start_ns=begin_s * NS, end_ns=end_s * NS
    )


def _drawn(run: LoadRun, style: str) -> list[ET.Element]:
    root = ET.fromstring(draw_load(run))
    return [one for one in root.iter() if one.get("class") == style]


CALM = tuple(_bucket(20, 0.1) for _ in range(4))


def test_fault_windows_are_shaded_where_they_were() -> None:
    """A window from a quarter to the half of the run covers that part of the plot."""
    (shade,) = _drawn(_run(*CALM, windows=(_window("redis outage", 10, 20),)), "shade")
    offered = _drawn(_run(*CALM), "offered")[0].get("d") or ""
    # The middles of the first and the last bucket: an eighth from either edge.
    xs = [float(x) for x in re.findall(r"[ML]([\d.]+)", offered)]
    width = (xs[-1] - xs[0]) / 0.75
    left = xs[0] - width / 8

    assert pytest.approx(left + width / 4, abs=0.2) == float(shade.get("x") or 0)
    assert pytest.approx(width / 4, abs=0.2) == float(shade.get("width") or 0)


def test_every_window_is_numbered_and_named() -> None:
    """Nine windows have nine numbers, and nine lines in the key with their times."""
    windows = tuple(_window(f"outage {i}", 4 * i, 4 * i + 2) for i in range(9))
    run = _run(*CALM, windows=windows)
    svg = draw_load(run)

    assert [str(i + 1) for i in range(9)] == [one.text for one in _drawn(run, "number")]
    assert all(f"{i + 1} outage {i}, 0:{4 * i:02}–0:{4 * i + 2:02}" in svg for i in range(9))


def test_a_minute_has_sixty_seconds() -> None:
    """An instant just below a minute is told as the minute that it is rounded to."""
    just_below = replace(_window("outage", 0, 60), end_ns=60 * NS - 30_000_000)

    assert "1 outage, 0:00–1:00<" in draw_load(_run(*CALM, windows=(just_below,)))


def test_failures_are_drawn_where_they_happened() -> None:
    """Only the bucket with failures rises above the floor of the third plot."""
    run = _run(*CALM[:2], _bucket(20, 3.0, failed=5), CALM[3])
    path = _drawn(run, "failed")[0].get("d") or ""
    floor = re.match(r"M[\d.]+ ([\d.]+)", path)
    assert floor is not None
    heights = [float(floor[1]) - float(y) for y in re.findall(r"V([\d.]+)H", path)]

    assert [False, False, True, False] == [height > 1 for height in heights]


def test_a_gap_without_answers_interrupts_the_latencies() -> None:
    """Where nothing ended, no latency is made up: the line begins anew."""
    empty = replace(_bucket(0, 0.0), good=0)
    path = _drawn(_run(CALM[0], empty, CALM[2], CALM[3]), "p95")[0].get("d") or ""

    assert 2 == path.count("M")


@pytest.mark.parametrize("buckets", [(), CALM[:1], (_bucket(0, 0.0),)])
def test_short_runs_are_drawn_too(buckets: tuple[Bucket, ...]) -> None:
    """A run of one bucket, of none, or without an answer, is a valid picture."""
    root = ET.fromstring(draw_load(_run(*buckets)))

    assert f"{_SVG}svg" == root.tag


def test_hostile_names_are_text() -> None:
    """What a scenario or a fault is called can add no element."""
    hostile = '</text><script>alert("1")</script>'
    run = _run(*CALM, windows=(_window(hostile, 1, 2),), scenario=hostile)
    tags = {one.tag for one in ET.fromstring(draw_load(run)).iter()}

    assert f"{_SVG}script" not in tags
    assert "<script" not in draw_load(run)


def test_equal_runs_are_equal_pictures() -> None:
    """The picture depends on the run alone."""
    assert draw_load(_run(*CALM)) == draw_load(_run(*CALM))
