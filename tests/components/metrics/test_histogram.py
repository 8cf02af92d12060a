from __future__ import annotations

import math
import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components.metrics import Histogram, HistogramSnapshot
from agent_perf.components.metrics.histogram import ERROR_RATIO, LARGEST, SMALLEST
from agent_perf.errors import ConfigError

QUANTILES = (0.01, 0.07, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)

values = st.one_of(
    st.floats(0, LARGEST),
    st.floats(SMALLEST, 100.0),
    st.sampled_from([0.0, -0.0, 0.05, 0.25, 1.0, math.nextafter(0.05, 1), SMALLEST, LARGEST]),
)


def filled(observed: list[float], bounds: tuple[float, ...] = ()) -> HistogramSnapshot:
    histogram = Histogram(bounds=bounds)
    for value in observed:
        histogram.observe(value)
    return histogram.snapshot()


def true_quantile(observed: list[float], per_mille: int) -> float | None:
    """The smallest value that per_mille thousandths of all are not above; None for the last."""
    ordered = sorted(observed)
    for index, value in enumerate(ordered):
        if (index + 1) * 1000 >= per_mille * len(ordered):
            return value if index + 1 < len(ordered) or per_mille == 1000 else None
    return None


@given(st.lists(values, max_size=1500))
def test_quantiles_are_those_of_all_values(observed: list[float]) -> None:
    """
    Every quantile is within ERROR_RATIO of the value at its rank, as sorting finds it.
    """
    snapshot = filled(observed)

    for q in QUANTILES:
        expected, found = true_quantile(observed, round(q * 1000)), snapshot.quantile(q)
        assert (expected is None) == (found is None)
        if expected is not None and found is not None:
            assert abs(found - expected) <= max(expected * ERROR_RATIO * 1.000001, SMALLEST)


def test_ranks_worked_by_hand() -> None:
    """
    Of 1 to 100 the P95 is 95 and not the 96 of int(100 * .95), and the P7 is 7, though
    0.07 as a float is more than 7/100.
    """
    snapshot = filled([float(value) for value in range(1, 101)])

    for value, q in ((95, 0.95), (7, 0.07), (50, 0.5), (99, 0.99)):
        assert value == pytest.approx(snapshot.quantile(q), rel=ERROR_RATIO)
    assert 100.0 == snapshot.quantile(1.0)


@pytest.mark.parametrize(("q", "enough"), [(0.5, 2), (0.9, 10), (0.95, 20), (0.99, 100)])
def test_too_few_values_have_no_tail(q: float, enough: int) -> None:
    """
    A P95 of 19 values would be their maximum, and is None; of 20 values it is the 19th.
    """
    ones = [1.0] * (enough - 2)

    assert filled([*ones, 9.0]).quantile(q) is None
    assert filled([*ones, 1.0, 9.0]).quantile(q) == pytest.approx(1.0, rel=ERROR_RATIO)


def test_nothing_observed_is_nothing() -> None:
    """
    Without values there is no quantile and no mean, and no error either.
    """
    empty = Histogram().snapshot()

    assert (None, None, None, 0) == (
        empty.quantile(0.5),
        empty.quantile(1),
        empty.mean,
        empty.count,
    )
    assert ((math.inf, 0),) == empty.cumulative()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1e-12, LARGEST * 1.01])
def test_impossible_values_are_counted_apart(value: float) -> None:
    """
    What no duration can be raises nothing, moves nothing, and is counted as rejected.
    """
    snapshot = filled([1.0, value, 2.0])

    assert (2, 1, 3.0, 2.0) == (snapshot.count, snapshot.rejected, snapshot.sum, snapshot.max)


def test_what_is_no_number_is_a_mistake_of_the_caller() -> None:
    """
    A text or None raises where it is observed, and is not kept for later.
    """
    histogram = Histogram()

    with pytest.raises(TypeError):
        histogram.observe("0.1")  # type: ignore[arg-type]
    assert 0 == histogram.snapshot().count


@given(st.lists(values, max_size=1500))
def test_bounds_are_counted_exactly(observed: list[float]) -> None:
    """
    Cumulative counts at the bounds are those of comparing each value, a value that equals
    a bound and its neighbours included; the last is the count.
    """
    bounds = (0.05, 0.25, 1.0, 3.0, 1e9)

    assert (
        tuple((bound, sum(value <= bound for value in observed)) for bound in (*bounds, math.inf))
        == filled(observed, bounds).cumulative()
    )


@given(st.lists(st.lists(values, max_size=700), max_size=4))
def test_merged_is_as_if_observed_by_one(parts: list[list[float]]) -> None:
    """
    Histograms of several workers merge into the one that would have seen everything.
    """
    bounds = (0.05, 1.0)
    merged = Histogram(bounds=bounds)
    for part in parts:
        merged.merge(filled(part, bounds))

    whole = filled([value for part in parts for value in part], bounds)
    got = merged.snapshot()
    assert (whole.cells, whole.counts, whole.below, whole.count, whole.max) == (
        got.cells,
        got.counts,
        got.below,
        got.count,
        got.max,
    )
    assert whole.sum == pytest.approx(got.sum, rel=1e-9)


def test_a_histogram_merges_with_itself_and_not_with_a_stranger() -> None:
    """
    Merging with itself doubles everything; other bounds are refused with both named.
    """
    histogram = Histogram(bounds=(1.0,))
    histogram.observe(0.5)
    histogram.observe(-1)
    histogram.merge(histogram)

    snapshot = histogram.snapshot()
    assert (2, 2, 1.0) == (snapshot.count, snapshot.rejected, snapshot.sum)
    with pytest.raises(ConfigError, match=r"\(2.0,\).*\(1.0,\)"):
        histogram.merge(Histogram(bounds=(2.0,)))


def test_a_snapshot_stays_as_it_is() -> None:
    """
    What is observed later is in later snapshots only.
    """
    histogram = Histogram(bounds=(1.0,))
    histogram.observe(0.5)
    before = histogram.snapshot()
    histogram.observe(0.5)

    assert (1, ((1.0, 1), (math.inf, 1))) == (before.count, before.cumulative())
    assert 2 == histogram.snapshot().count


def test_several_quantiles_at_once_are_those_of_each() -> None:
    """
    Asked for together they are what they are one by one, in the order asked.
    """
    snapshot = filled([float(value) for value in range(1, 51)])

    assert tuple(map(snapshot.quantile, (0.9, 0.5, 0.99, 1.0))) == snapshot.quantiles(
        0.9, 0.5, 0.99, 1.0
    )


def test_an_idle_histogram_is_read_for_nothing() -> None:
    """
    As long as nothing came the snapshot is the same object; a rejected value is news.
    """
    histogram = Histogram()
    histogram.observe(1.0)
    first = histogram.snapshot()

    assert first is histogram.snapshot()
    histogram.observe(-1.0)
    assert 1 == histogram.snapshot().rejected


def test_memory_is_bounded() -> None:
    """
    A hundred thousand values over all that is possible leave at most 90 * 128 + 1 cells,
    and never more than a block of them waits to be counted.
    """
    histogram, draw = Histogram(), random.Random(1)
    for _ in range(100_000):
        histogram.observe(2.0 ** draw.uniform(-40, 60))
        assert len(histogram._buffer) < 512

    assert 100_000 == histogram.snapshot().count
    assert len(histogram.snapshot().cells) <= 90 * 128 + 2


def test_threads_lose_nothing() -> None:
    """
    What four threads observe, while a fifth reads, is all there in the end.
    """
    histogram, each = Histogram(bounds=(0.5,)), 20_000
    done = threading.Event()

    def observe(value: float) -> None:
        for _ in range(each):
            histogram.observe(value)
        for _ in range(100):
            histogram.observe(0.0)

    def read() -> None:
        last = 0
        while not done.is_set():
            count = histogram.snapshot().count
            assert count >= last
            last = count

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=observe, args=(value,)) for value in (0.1, 0.2, 0.7, 0.8)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()

    snapshot = histogram.snapshot()
    assert 4 * (each + 100) == snapshot.count
    assert ((0.5, 2 * each + 400), (math.inf, snapshot.count)) == snapshot.cumulative()


@pytest.mark.parametrize(
    "bounds",
    [(1.0, 0.5), (1.0, 1.0), (1.0, 1.005), (0.0,), (-1.0,), (math.nan,), (math.inf,), (1e-10,)],
)
def test_bad_bounds_are_refused(bounds: tuple[float, ...]) -> None:
    """
    Bounds out of order, too close to tell apart, or out of range are refused.
    """
    with pytest.raises(ConfigError, match="bounds"):
        Histogram(bounds=bounds)


@pytest.mark.parametrize("q", [0.0, -0.1, 1.1, 95, math.nan])
def test_bad_quantiles_are_refused(q: float) -> None:
    """
    A quantile is a share, not a percentage.
    """
    with pytest.raises(ConfigError, match=r"0\.95"):
        Histogram().quantile(q)
