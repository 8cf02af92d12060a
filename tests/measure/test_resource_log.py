"""Series of readings, in bounded memory."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.measure.process_tree import Reading
from agent_perf.measure.resource_log import ResourceLog
from agent_perf.measure.timeline import BUCKETS_MAX


def log_of(*looks: tuple[float, dict[str, float], dict[str, float]], interval_s: float = 1.0):
    log = ResourceLog(interval_s)
    for at_s, counters, levels in looks:
        log.add(at_s, Reading(counters=dict(counters), levels=dict(levels)))
    return log


def test_a_counter_is_rates_and_a_total_since_the_first_look() -> None:
    """
    CPU seconds used before the recording do not count; a rate is used seconds per second.
    """
    log = log_of((0.0, {"cpu": 7.0}, {}), (1.0, {"cpu": 7.5}, {}), (2.0, {"cpu": 9.5}, {}))
    cpu = log.series()["cpu"]

    assert (0.5, 2.0) == cpu.mean
    assert (0.5, 2.0) == cpu.peak
    assert 2.5 == cpu.total
    assert (2, 1.25, 2.0) == (cpu.sample_count, cpu.sample_mean, cpu.sample_peak)


def test_what_a_new_process_used_before_the_first_look_counts() -> None:
    """
    In its totals; interfaces are older than it.
    """
    log = ResourceLog(1.0, from_start=True)
    log.add(0.0, Reading(counters={"cpu": 0.25, "network_sent": 900.0}))
    log.add(1.0, Reading(counters={"cpu": 0.75, "network_sent": 950.0}))
    series = log.series()

    assert (0.75, 50.0) == (series["cpu"].total, series["network_sent"].total)
    assert (0.5,) == series["cpu"].mean


def test_a_level_is_weighted_by_how_long_it_was_held() -> None:
    """
    A tick that came late stands for the longer time; the very first look only for itself.
    """
    log = log_of(
        (0.0, {}, {"memory": 900.0}), (1.0, {}, {"memory": 100.0}), (4.0, {}, {"memory": 200.0})
    )
    memory = log.series()["memory"]

    assert (100 * 1 + 200 * 3) / 4 == memory.sample_mean
    assert 900.0 == memory.sample_peak
    assert memory.total is None


def test_a_stretch_without_a_tick_is_a_gap() -> None:
    """
    What was missed is not made up.
    """
    log = log_of((0.0, {}, {"files": 3.0}), (1.0, {}, {"files": 3.0}), (5.0, {}, {"files": 4.0}))

    assert (3.0, None, None, 4.0) == log.series()["files"].mean


def test_a_tick_that_comes_a_little_late_stays_in_its_stretch() -> None:
    """
    Ticks are never early, and a little late: stretches have one each all the same.
    """
    log = log_of(*((0.1 * i + 0.004, {}, {"threads": float(i)}) for i in range(6)), interval_s=0.1)

    assert (1.0, 2.0, 3.0, 4.0, 5.0) == log.series()["threads"].mean


def test_a_clock_that_does_not_advance_gives_no_rate() -> None:
    """
    No time has passed, or less than none: nothing is divided by it, and what was used
    meanwhile belongs to the next tick.
    """
    log = log_of(
        (0.0, {"cpu": 0.0}, {}),
        (1.0, {"cpu": 1.0}, {}),
        (1.0, {"cpu": 2.0}, {}),
        (0.5, {"cpu": 2.5}, {}),
        (2.0, {"cpu": 3.0}, {}),
    )
    cpu = log.series()["cpu"]

    assert (1.0, 2.0) == cpu.mean
    assert 3.0 == cpu.total


def test_a_sum_that_falls_for_a_moment_is_not_counted_twice() -> None:
    """
    Between a child's end and its parent's wait its seconds are in no account.
    """
    log = log_of(*((float(i), {"cpu": s}, {}) for i, s in enumerate((0.0, 2.0, 1.5, 2.0, 3.0))))

    assert 3.0 == log.series()["cpu"].total
    assert (2.0, 0.0, 0.0, 1.0) == log.series()["cpu"].mean


def test_memory_does_not_grow_with_the_ticks() -> None:
    """
    Stretches merge in pairs; means, peaks, totals and counts are as before.
    """
    ticks = 3 * BUCKETS_MAX
    log = log_of(*((float(i), {"cpu": i / 2}, {"memory": 50.0}) for i in range(ticks + 1)))
    series = log.series()

    assert 4.0 == log.bucket_s
    assert ticks // 4 == len(series["cpu"].mean)
    assert {0.5} == set(series["cpu"].mean)
    assert (ticks, ticks / 2) == (series["cpu"].sample_count, series["cpu"].total)
    assert 50.0 == series["memory"].sample_mean == series["memory"].sample_p95


@pytest.mark.parametrize(("ticks", "expected"), [(19, None), (20, 19.0), (100, 95.0)])
def test_a_p95_wants_twenty_samples(ticks, expected) -> None:
    """
    Its nearest rank, exact for small counts; below 20 it would be the maximum.
    """
    log = ResourceLog(1.0)
    for index in range(1, ticks + 1):
        log.add(float(index), Reading(levels={"files": float(index)}))

    assert expected == log.series()["files"].sample_p95


def test_cpu_shares_keep_their_fractions() -> None:
    """
    Histograms hold integers; a share of a core is told in millionths.
    """
    log = log_of(*((float(i), {"cpu": i * 0.25}, {}) for i in range(30)))

    assert 0.25 == pytest.approx(log.series()["cpu"].sample_p95, rel=2**-8)


@given(
    steps=st.lists(st.tuples(st.floats(0.01, 5.0), st.floats(0.0, 10.0)), min_size=1, max_size=60)
)
def test_nothing_that_was_used_is_lost(steps) -> None:
    """
    Whatever the ticks' distances, the total is the counter's growth, and the mean rate is
    the total over the time.
    """
    at_s = used = 0.0
    log = ResourceLog(0.05)
    log.add(0.0, Reading(counters={"cpu": 0.0}))
    for step_s, more in steps:
        at_s, used = at_s + step_s, used + more
        log.add(at_s, Reading(counters={"cpu": used}))
    cpu = log.series()["cpu"]

    assert math.isclose(used, cpu.total or 0.0, rel_tol=1e-9, abs_tol=1e-9)
    assert math.isclose(used / at_s, cpu.sample_mean, rel_tol=1e-9, abs_tol=1e-9)
    assert len(cpu.mean) <= BUCKETS_MAX


def test_what_never_changed_has_no_p95_below_its_mean() -> None:
    """
    Though the cell of the histogram that counts it begins below it.
    """
    held = 72_278_016.0
    memory = log_of(*((float(i), {}, {"memory": held}) for i in range(30))).series()["memory"]

    assert held == memory.sample_mean == memory.sample_p95 == memory.sample_peak
