"""The log-linear histogram."""

from hypothesis import given
from hypothesis import strategies as st

from agent_perf.measure import ERROR_RATIO, LatencyHistogram, exact_summary
from agent_perf.measure.histogram import cell_of, middle_of

latencies = st.lists(st.integers(0, 10**13), min_size=1, max_size=200)


def histogram_of(values: list[int]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(value=st.integers(0, 1 << 62))
def test_a_cell_holds_its_value_within_the_stated_error(value: int) -> None:
    """
    The middle of a value's cell differs from it by at most 2^-8 of it.
    """
    assert abs(middle_of(cell_of(value)) - value) <= ERROR_RATIO * value


@given(values=st.lists(st.integers(0, 1 << 62), min_size=2, max_size=2))
def test_cells_ascend_with_their_values(values: list[int]) -> None:
    """
    A larger value never falls into a smaller cell.
    """
    low, high = sorted(values)

    assert cell_of(low) <= cell_of(high)


@given(values=latencies)
def test_quantiles_are_the_exact_ones_within_the_error(values: list[int]) -> None:
    """
    Each quantile is the nearest rank of all values, within 2^-8; largest and sum are exact.
    """
    about, exact = histogram_of(values).summary(), exact_summary(values)

    assert (exact.count, exact.max_ns, exact.sum_ns) == (about.count, about.max_ns, about.sum_ns)
    for name in ("p50_ns", "p95_ns", "p99_ns", "p999_ns"):
        true = getattr(exact, name)
        assert abs(getattr(about, name) - true) <= ERROR_RATIO * true


@given(first=latencies, second=latencies)
def test_merging_is_adding_everything(first: list[int], second: list[int]) -> None:
    """
    Two histograms merged are the histogram of both lists.
    """
    merged = histogram_of(first)
    merged.merge(histogram_of(second))

    assert histogram_of(first + second).summary() == merged.summary()


def test_exact_nearest_ranks_by_hand() -> None:
    """
    Of 1 to 1000 the P50 is 500, the P95 950, the P99 990, the P99.9 999; of one value itself.
    """
    summary = exact_summary(range(1, 1001))

    assert (500, 950, 990, 999, 1000) == (
        summary.p50_ns,
        summary.p95_ns,
        summary.p99_ns,
        summary.p999_ns,
        summary.max_ns,
    )
    assert 7 == exact_summary([7]).p50_ns == histogram_of([7]).summary().p999_ns
    assert 0 == exact_summary([]).count == LatencyHistogram().summary().max_ns
