import pytest

from agent_perf.stats import Direction, direction


@pytest.mark.parametrize(
    ("metric", "way"),
    [
        ("latency.p95", Direction.LESS_IS_BETTER),
        ("latency.hit.p50", Direction.LESS_IS_BETTER),
        ("work.redis_misses", Direction.LESS_IS_BETTER),
        ("cpu.median", Direction.LESS_IS_BETTER),
        ("something.new", Direction.LESS_IS_BETTER),
        ("success_ratio", Direction.MORE_IS_BETTER),
        ("throughput", Direction.MORE_IS_BETTER),
        ("work.redis_hits", Direction.MORE_IS_BETTER),
        ("work.llm_tokens_cached", Direction.MORE_IS_BETTER),
        ("work.events", Direction.NO_FEWER),
    ],
)
def test_ways(metric: str, way: Direction) -> None:
    """
    Costs should fall, successes rise, and delivered work not fall.
    """
    assert way is direction(metric)
