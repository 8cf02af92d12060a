"""Latency tables: quantile functions in integers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.sim import U53, LatencyTable, constant_table, default_tables, tables_digest


def test_a_table_is_interpolated_between_its_points() -> None:
    """
    Worked by hand: a quarter of the way from 100 to 200 ns is 125 ns.
    """
    table = LatencyTable(name="t", grid=(0, U53 // 2, U53), value_ns=(100, 200, 1_000))

    assert [100, 125, 200, 600, 999] == [
        table.at(u53) for u53 in (0, U53 // 8, U53 // 2, U53 * 3 // 4, U53 - 1)
    ]


@given(
    values=st.lists(st.integers(0, 10**12), min_size=2, max_size=9),
    points=st.lists(st.integers(0, U53 - 1), min_size=2, max_size=2),
)
def test_a_table_ascends_within_its_bounds(values: list[int], points: list[int]) -> None:
    """
    A higher probability never has a lower latency, and none leaves the table's range.
    """
    count = len(values) - 1
    value_ns = tuple(sorted(values))
    table = LatencyTable(
        name="t", grid=tuple(U53 * i // count for i in range(count + 1)), value_ns=value_ns
    )
    low, high = (table.at(u53) for u53 in sorted(points))

    assert value_ns[0] <= low <= high <= value_ns[-1]


@pytest.mark.parametrize(
    ("grid", "value_ns", "words"),
    [
        ((0, U53), (1,), "1 values"),
        ((0,), (1,), "1 grid points"),
        ((1, U53), (1, 2), "from 0"),
        ((0, U53 - 1), (1, 2), f"to {U53}"),
        ((0, 5, 5, U53), (1, 2, 3, 4), "must ascend"),
        ((0, U53), (2, 1), "must ascend"),
        ((0, U53), (-1, 1), "-1 ns"),
    ],
)
def test_a_malformed_table_is_refused(
    grid: tuple[int, ...], value_ns: tuple[int, ...], words: str
) -> None:
    """
    A table that is no quantile function is an error that names it and what is wrong.
    """
    with pytest.raises(ConfigError, match=f"latency table 'odd'.*{words}"):
        LatencyTable(name="odd", grid=grid, value_ns=value_ns)


def test_a_constant_is_always_itself() -> None:
    """
    A constant latency of 0.4 ms is 400,000 ns at every probability.
    """
    table = constant_table("redis.trip", 0.0004)

    assert {400_000} == {table.at(u53) for u53 in (0, 1, U53 // 3, U53 - 1)}


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_a_senseless_constant_is_refused(seconds: float) -> None:
    """
    Negative, infinite and undefined latencies are errors that name the value.
    """
    with pytest.raises(ConfigError, match=f"'x' is {seconds} s"):
        constant_table("x", seconds)


def test_the_default_tables_are_pinned() -> None:
    """
    The committed tables are these integers: a change moves every result of every user.

    After a deliberate change, pin the new digest here, and say so in the changelog.
    """
    pinned = "e4924cbac2541bfad286d3ad2c4b9ca9df4fdb5bbc38641279689c32d94104fb"

    assert pinned == tables_digest(default_tables())


def test_the_digest_tells_any_change() -> None:
    """
    One ns, one grid point, one name more or less is another digest; the order is not.
    """
    base = LatencyTable(name="a", grid=(0, U53), value_ns=(1, 2))
    variants = [
        {},
        {"a": base},
        {"b": base},
        {"a": base, "b": base},
        {"a": LatencyTable(name="a", grid=(0, U53), value_ns=(1, 3))},
        {"a": LatencyTable(name="a", grid=(0, 1, U53), value_ns=(1, 1, 2))},
    ]
    digests = [tables_digest(tables) for tables in variants]

    assert len(variants) == len(set(digests))
    assert digests[3] == tables_digest({"b": base, "a": base})


def test_every_default_table_has_sensible_values() -> None:
    """
    Medians of all default tables lie between a microsecond and ten seconds.
    """
    medians = {name: table.at(U53 // 2) for name, table in default_tables().items()}

    assert medians
    assert {} == {name: ns for name, ns in medians.items() if not 10**3 <= ns <= 10**10}
