from hypothesis import given
from hypothesis import strategies as st

from agent_perf.measure.critical_path import OperationTotals, critical_ns
from agent_perf.records import OperationTotal


def test_parallel_operation_that_ends_first_is_not_waited_for() -> None:
    """Of two at the same time only the one that ends last is on the path."""
    spans = [("slow", 0, 10, ""), ("fast", 0, 4, "")]

    assert [10, 0] == critical_ns(spans, 10)


def test_operations_in_a_row_all_count() -> None:
    """One after the other, each is on the path with all its length; gaps are nobody's."""
    spans = [("a", 0, 3, ""), ("b", 5, 9, "")]

    assert [3, 4] == critical_ns(spans, 12)


def test_inner_operation_hides_the_outer_that_wraps_it() -> None:
    """A span inside another that ends at the same time takes the path over."""
    spans = [("outer", 0, 10, ""), ("inner", 2, 10, "")]

    assert [0, 8] == critical_ns(spans, 10)


def test_what_ends_after_the_request_was_not_waited_for() -> None:
    """Work left in the background is off the path."""
    assert [0] == critical_ns([("flush", 0, 50, "")], 10)


spans_strategy = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50)).map(
        lambda pair: ("op", min(pair), max(pair), "")
    ),
    max_size=12,
)


@given(spans=spans_strategy, end_ns=st.integers(0, 60))
def test_path_is_no_longer_than_the_request(spans, end_ns) -> None:
    """Path pieces do not overlap, so they add up to the request's length at most."""
    critical = critical_ns(spans, end_ns)

    assert sum(critical) <= end_ns
    assert all(0 <= part <= s[2] - s[1] for part, s in zip(critical, spans, strict=True))


def test_totals_add_up_over_requests() -> None:
    """Totals are sums by operation, in alphabetical order."""
    totals = OperationTotals()
    totals.add([("b", 0, 3, "x"), ("a", 3, 5, "")], 5)
    totals.add([("b", 0, 4, "y")], 4)

    expected = {
        "a": OperationTotal(count=1, busy_ns=2, critical_ns=2),
        "b": OperationTotal(count=2, busy_ns=7, critical_ns=7),
    }
    assert expected == totals.result()
    assert ["a", "b"] == list(totals.result())
