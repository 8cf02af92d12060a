"""What a process took, as a record and as a file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_perf import codec
from agent_perf.errors import SampleError, StoreError
from agent_perf.records import ResourceRun, ResourceSeries


def series(name: str = "cpu", **given) -> ResourceSeries:
    known = {
        "mean": (0.5, None),
        "peak": (0.75, None),
        "sample_count": 9,
        "sample_mean": 0.5,
        "sample_p95": None,
        "sample_peak": 0.75,
        "total": 4.5 if name == "cpu" else None,
    }
    return ResourceSeries(name=name, **{**known, **given})


def recording(*of: ResourceSeries, **given) -> ResourceRun:
    known = {
        "name": "server",
        "started_s": 1.0,
        "interval_s": 0.5,
        "duration_s": 10.0,
        "tick_count": 21,
        "missed_count": 0,
        "bucket_s": 0.5,
        "sampler_cpu_s": 0.02,
        "cores": 2,
        "end": "stopped",
        "series": {one.name: one for one in of},
    }
    return ResourceRun(**{**known, **given})


def test_a_file_gives_the_recording_back() -> None:
    """
    Every field; a cut file is refused.
    """
    run = recording(series(), series("memory"), cpu_account_s=4.6, notes=("no disk",))
    content = codec.dump_resource_run(run)

    assert run == codec.load_resource_run(content, "it")
    with pytest.raises(StoreError, match="it is not a whole agent-perf file"):
        codec.load_resource_run(content[:-9], "it")
    with pytest.raises(StoreError, match="holds 'resource_run'; want an agent-perf 'run'"):
        codec.load_run(content, "it")


def test_the_systems_account_comes_before_the_ticks() -> None:
    """
    CPU seconds: exact at the end, else what the ticks saw. Memory: the larger of both, for
    a tick sees all processes together, and the system each at its worst moment.
    """
    memory = series("memory", sample_peak=100.0)

    assert 4.5 == recording(series()).cpu_s
    assert 4.6 == recording(series(), cpu_account_s=4.6).cpu_s
    assert recording().cpu_s is None
    assert 100.0 == recording(memory).memory_peak_bytes
    assert 150.0 == recording(memory, memory_high_bytes=150).memory_peak_bytes
    assert 100.0 == recording(memory, memory_high_bytes=50).memory_peak_bytes
    assert recording().memory_peak_bytes is None


def test_the_price_of_sampling_is_a_share_of_a_core() -> None:
    """
    Of the recording's length; of one without length, nothing.
    """
    assert 0.002 == recording().sampler_ratio
    assert 0.0 == recording(duration_s=0.0).sampler_ratio


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "cup"}, "resource 'cup'; want one of cpu"),
        ({"peak": (1.0,)}, "2 means and 1 peaks"),
        ({"sample_count": 0}, "0 samples"),
        ({"sample_mean": float("nan")}, "finite"),
        ({"total": -1.0}, "finite and >= 0"),
    ],
)
def test_a_series_that_cannot_be_is_refused(given, told) -> None:
    """
    The message names the resource and the value.
    """
    with pytest.raises(SampleError, match=told):
        replace(series(), **given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"interval_s": 0.0}, "sampled every 0.0 s"),
        ({"bucket_s": float("inf")}, "stretches of inf s"),
        ({"cores": 0}, "0 cores"),
        ({"series": {"memory": series("cpu")}}, "series 'cpu' stands under 'memory'"),
    ],
)
def test_a_recording_that_cannot_be_is_refused(given, told) -> None:
    """
    Likewise.
    """
    with pytest.raises(SampleError, match=told):
        replace(recording(), **given)
