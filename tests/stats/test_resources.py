"""What a recording of resources comes to."""

from __future__ import annotations

import pytest

from agent_perf.errors import SampleError
from agent_perf.records import Evidence, Verdict
from agent_perf.stats import judge_duets, missing_because, resource_duets, resource_metrics
from agent_perf.units import MIB
from tests.records.test_resources import recording, series


def metrics(run) -> dict[str, float]:
    return {metric.name: metric.value for metric in resource_metrics(run)}


def test_each_resource_has_its_numbers() -> None:
    """
    Totals of what is used up, statistics of what is held; shares are of all cores and of
    the whole pool. All of it is sampled.
    """
    cpu = series(sample_p95=0.7, sample_count=25)
    pool = series("db_connections", sample_mean=10.0, sample_p95=20.0, sample_peak=30.0)
    disk = series("disk_written", total=5.0)
    memory = series("memory", sample_mean=1.0, sample_p95=2.0, sample_peak=3.0)
    run = recording(cpu, pool, disk, memory, cpu_account_s=4.6, db_pool_size=50)
    expected = {
        "resources.cpu": 4.6,
        "resources.cpu_share.mean": 0.25,
        "resources.cpu_share.p95": 0.35,
        "resources.cpu_share.peak": 0.375,
        "resources.db_connections.mean": 10.0,
        "resources.db_connections.p95": 20.0,
        "resources.db_connections.peak": 30.0,
        "resources.db_pool_share.mean": 0.2,
        "resources.db_pool_share.p95": 0.4,
        "resources.db_pool_share.peak": 0.6,
        "resources.disk_written": 5.0,
        "memory.mean": 1.0,
        "memory.p95": 2.0,
        "memory.peak": 3.0,
    }

    assert expected == metrics(run)
    assert {Evidence.SAMPLED} == {metric.evidence for metric in resource_metrics(run)}


def test_cpu_is_per_request_where_requests_are_known() -> None:
    """
    So that runs of other lengths compare.
    """
    assert 0.046 == metrics(recording(cpu_account_s=4.6, requests=100))["resources.cpu"]


def test_too_few_ticks_give_no_level_and_say_so() -> None:
    """
    What five ticks saw is a level; a P95 wants twenty. The system's own account needs none.
    """
    few = recording(
        series(sample_count=4), tick_count=5, duration_s=2.0, cpu_account_s=0.5, memory_high_bytes=9
    )
    five = recording(series(sample_count=5), tick_count=6)

    assert {"resources.cpu", "memory.peak"} == set(metrics(few))
    assert {"resources.cpu", "resources.cpu_share.mean", "resources.cpu_share.peak"} == set(
        metrics(five)
    )
    assert missing_because(five, "resources.cpu_share.p95") == (
        "6 ticks in 10 s, and resources.cpu_share.p95 wants 20; record for longer, or at a "
        "shorter interval"
    )


def test_why_a_metric_is_missing() -> None:
    """
    The recording's own note if it has one; a pool's share needs the pool's size.
    """
    run = recording(series(), notes=("disk_read, disk_written: not measured, macOS",))

    assert "disk_read, disk_written: not measured, macOS" == missing_because(
        run, "resources.disk_written"
    )
    assert "--db-pool" in missing_because(run, "resources.db_pool_share.p95")
    assert "there is cpu" in missing_because(run, "resources.files.peak")


def test_recordings_pair_by_their_order() -> None:
    """
    The first with the first: two recordings a side are two rounds of each metric.
    """
    base = [recording(cpu_account_s=value) for value in (1.0, 1.1)]
    head = [recording(cpu_account_s=value) for value in (1.2, 1.3)]
    (duet,) = resource_duets(base, head)

    assert ("server", "resources.cpu", "s") == (duet.benchmark, duet.metric, duet.unit)
    assert ((1.0, 1.1), (1.2, 1.3)) == (duet.base, duet.head)


def test_a_trifle_counts_as_a_grain() -> None:
    """
    From nothing to 10 KiB is no change; to 30 MiB it is thirtyfold. What no recording has
    otherwise has nothing to tell.
    """

    def written(amount: float):
        return recording(series("disk_written", total=amount))

    assert () == resource_duets([written(0.0)] * 2, [written(10_240.0)] * 2)
    (duet,) = resource_duets([written(0.0)] * 2, [written(30.0 * MIB)] * 2)
    assert ((MIB, MIB), (30.0 * MIB, 30.0 * MIB)) == (duet.base, duet.head)


def test_a_metric_that_one_recording_lacks_is_left_out() -> None:
    """
    A round without a value is no round.
    """
    whole, half = recording(series(), cpu_account_s=1.0), recording(cpu_account_s=2.0)

    assert {"resources.cpu"} == {duet.metric for duet in resource_duets([whole], [half])}


def test_a_recording_of_nothing_among_others_is_undecided() -> None:
    """
    CPU time of zero, once, is a clock's step: the metric stays, and is not judged.
    """
    base = [recording(cpu_account_s=value) for value in (0.0, 0.1, 0.1, 0.1)]
    head = [recording(cpu_account_s=0.1)] * 4
    (duet,) = resource_duets(base, head)
    (told,) = judge_duets([duet], [0.2]).comparisons

    assert (Verdict.UNDECIDED, True) == (told.verdict, "base gave 0.0 in round 1" in told.reason)
    assert () == resource_duets([recording(cpu_account_s=0.0)], [recording(cpu_account_s=0.0)])


def test_recordings_that_do_not_pair_are_refused() -> None:
    """
    Three against two, or a server against a worker.
    """
    with pytest.raises(SampleError, match="1 recordings of base and 0 of head"):
        resource_duets([recording()], [])
    with pytest.raises(SampleError, match="of server, worker"):
        resource_duets([recording()], [recording(name="worker")])
