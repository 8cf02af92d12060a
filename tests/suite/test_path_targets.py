"""Targets of the kinds of path, and that the scenarios we ship keep to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.errors import ConfigError
from agent_perf.stats import summarize
from agent_perf.suite import PATH_TARGETS, load_catalog, scenario
from tests.stats.example import make_run

ROOT = Path(__file__).parents[2]
# Promises of its own: of a hit that is stale.
OWN = {"cache.stale"}


def test_a_kind_gives_its_targets() -> None:
    """
    A scenario may name the kind of its path in place of numbers.
    """

    @scenario("shop.search", targets="cache.get")
    async def search(world):
        yield None

    assert {"latency.p95": 0.020} == search.targets


def test_an_unknown_kind_is_named() -> None:
    """
    A kind with a slip in it is refused, with the right one.
    """
    with pytest.raises(
        ConfigError, match=r"'cache.gte' is no kind of path; did you mean 'cache.get'"
    ):

        @scenario("shop.search", targets="cache.gte")
        async def search(world):
            yield None


def test_kinds_name_real_metrics() -> None:
    """
    Every target is a metric that a run of a hundred requests has.
    """
    known = {metric.name for metric in summarize(make_run())}

    assert {name for table in PATH_TARGETS.values() for name in table} <= known


@pytest.mark.slow
def test_shipped_scenarios_keep_to_the_table() -> None:
    """
    What a scenario of ours promises is the promise of a kind of path, but for a few.
    """
    tables = [dict(table) for table in PATH_TARGETS.values()]
    scenarios = load_catalog("benchmarks", ROOT).scenarios

    assert OWN == {one.name for one in scenarios if one.targets and dict(one.targets) not in tables}
