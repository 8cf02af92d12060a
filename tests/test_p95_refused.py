"""P95 of fewer than 20 samples would be their maximum: no door gives one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent_perf.errors import TooFewSamplesError
from agent_perf.intake.load_metrics import LoadMetrics
from agent_perf.records import Run
from agent_perf.stats import nearest_rank, paired_shift, samples_needed, summarize
from agent_perf.suite.blocks import round_statistics
from tests.runs import make_run

FEW, ENOUGH = 19, 20


def quantile(count: int) -> bool:
    try:
        nearest_rank(range(count), "0.95")
    except TooFewSamplesError:
        return False
    return True


def of_count(count: int) -> Run:
    return make_run(latency_ns=(10_000_000,) * count, path=("",) * count)


def summary(count: int) -> bool:
    return "latency.p95" in {metric.name for metric in summarize(of_count(count))}


def shift(count: int) -> bool:
    return paired_shift(of_count(count), of_count(count)).p95_ns is not None


def round_(count: int) -> bool:
    blocks = [[1.0 + index / 100] for index in range(count)]
    return "p95" in round_statistics(blocks, blocks)


def foreign(count: int) -> bool:
    found = LoadMetrics()
    found.add_quantiles("latency", {"p95": 0.1}, count, lacking="")
    return "latency.p95" in found.of


@pytest.mark.parametrize("gives_one", [quantile, summary, shift, round_, foreign])
def test_nineteen_samples_have_no_p95_and_twenty_have(gives_one: Callable[[int], bool]) -> None:
    """Quantiles, runs, paired requests, rounds of calls and foreign files alike."""
    assert 20 == samples_needed("0.95")
    assert not gives_one(FEW)
    assert gives_one(ENOUGH)
