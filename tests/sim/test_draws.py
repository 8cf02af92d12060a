"""Keyed draws: a number depends on its key, and on nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.sim import U53, Draws, constant_table, request_scope

Seeds = st.integers(-(2**70), 2**70)


def _draw(seed: int, request_id: int, *operations: str) -> list[int]:
    draws = Draws(seed)
    with request_scope(request_id):
        return [draws.u53(operation) for operation in operations]


def test_the_generator_is_the_published_one() -> None:
    """
    The mixing function is SplitMix64's; these numbers are pinned: they move all results.
    """
    from agent_perf.sim.draws import _mix

    # The first outputs of java.util.SplittableRandom seeded with 0, its increments added.
    golden = 0x9E3779B97F4A7C15
    assert [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F] == [
        _mix(golden * i & (2**64 - 1)) for i in (1, 2, 3)
    ]
    assert [81_638_029_398_627, 8_551_672_233_313_687] == _draw(1, 7, "redis.trip", "redis.trip")


@given(seed=Seeds, request_id=st.integers(-1, 2**40), extra=st.lists(st.sampled_from("abc")))
def test_draws_for_one_operation_do_not_move_anothers(
    seed: int, request_id: int, extra: list[str]
) -> None:
    """
    Whatever else is drawn before, the n-th draw for an operation is the same number.
    """
    expected = _draw(seed, request_id, "redis.trip", "redis.trip")
    assert (
        expected
        == _draw(seed, request_id, *extra, "redis.trip", *extra, "redis.trip")[
            len(extra) :: len(extra) + 1
        ]
    )


def test_draws_of_one_request_do_not_move_anothers() -> None:
    """
    Requests may be interleaved in any order: each draws its own numbers.
    """
    draws = Draws(3)
    expected = [_draw(3, request_id, "x", "x") for request_id in (1, 2)]
    with request_scope(1):
        first = draws.u53("x")
        with request_scope(2):
            second = [draws.u53("x"), draws.u53("x")]
        rest = draws.u53("x")

    assert expected == [[first, rest], second]


def test_seed_request_operation_and_ordinal_all_matter() -> None:
    """
    Ten thousand different keys draw ten thousand different numbers.
    """
    seen = {
        number
        for seed in range(10)
        for request_id in range(10)
        for operation in "abcdefghij"
        for number in _draw(seed, request_id, *[operation] * 10)
    }

    assert 10_000 == len(seen)


def test_draws_are_uniform() -> None:
    """
    The chi-squared statistic of 100,000 draws in 100 bins stays below its 99.9 % point.

    149.4 is that point for 99 degrees of freedom; the draws are fixed, so is the result.
    """
    draws = Draws(11)
    bins = [0] * 100
    for request_id in range(10_000):
        with request_scope(request_id):
            for _ in range(10):
                bins[draws.u53("x") * 100 // U53] += 1

    assert sum((count - 1_000) ** 2 / 1_000 for count in bins) < 149.4


@pytest.mark.parametrize("neighbour", ["ordinal", "request", "operation", "seed"])
def test_neighbours_are_independent(neighbour: str) -> None:
    """
    A draw tells nothing of the next one, be that of the same request or of a key beside it.

    40,000 pairs in 10 by 10 bins stay below the same point of chi-squared.
    """
    draws, other = Draws(11), Draws(12)
    bins = [0] * 100
    for request_id in range(4_000):
        with request_scope(request_id):
            row = [draws.u53("x") for _ in range(11)]
        with request_scope(request_id + (neighbour == "request")):
            beside = (other if neighbour == "seed" else draws).u53
            names = ["y" if neighbour == "operation" else "x"] * 10
            column = row[1:] if neighbour == "ordinal" else [beside(name) for name in names]
        for one, next_one in zip(row, column, strict=False):
            bins[one * 10 // U53 * 10 + next_one * 10 // U53] += 1

    assert 40_000 == sum(bins)
    assert sum((count - 400) ** 2 / 400 for count in bins) < 149.4


@given(seed=Seeds, counts=st.lists(st.integers(0, 7), max_size=9))
def test_runs_of_latencies_are_the_single_ones_added_up(seed: int, counts: list[int]) -> None:
    """
    `ns_of_runs` takes the very draws that `ns` would have taken, and leaves off where it would.
    """
    draws = Draws(seed)
    with request_scope(4):
        draws.ns("llm.token")
        expected = [sum(draws.ns("llm.token") for _ in range(count)) for count in counts]
        after = draws.ns("llm.token")
    with request_scope(4):
        draws.ns("llm.token")
        assert expected == draws.ns_of_runs("llm.token", counts)
        assert after == draws.ns("llm.token")


@given(seed=Seeds, low=st.integers(-100, 100), width=st.integers(0, 100))
def test_integers_lie_within_their_bounds(seed: int, low: int, width: int) -> None:
    """
    `integer` draws from low to high, both included.
    """
    draws = Draws(seed)
    with request_scope(0):
        assert all(low <= draws.integer("x", low, low + width) <= low + width for _ in range(5))


def test_integers_reach_both_bounds() -> None:
    """
    Of a hundred throws of a die, all six faces come up.
    """
    draws = Draws(0)
    with request_scope(0):
        assert {1, 2, 3, 4, 5, 6} == {draws.integer("die", 1, 6) for _ in range(100)}


@pytest.mark.parametrize(("ratio", "expected"), [(0.0, 0), (1.0, 1_000)])
def test_certain_chances_are_certain(ratio: float, expected: int) -> None:
    """
    A share of nothing never happens; a share of one always does.
    """
    draws = Draws(0)
    with request_scope(0):
        assert expected == sum(draws.chance("x", ratio) for _ in range(1_000))


def test_a_chance_happens_as_often_as_it_says() -> None:
    """
    A quarter of ten thousand draws, within three standard deviations.
    """
    draws = Draws(5)
    with request_scope(0):
        assert abs(sum(draws.chance("x", 0.25) for _ in range(10_000)) - 2_500) < 130


def test_latencies_come_from_the_operations_table() -> None:
    """
    `ns` interpolates the table named as the operation, or another one; own tables win.
    """
    draws = Draws(0, {"mine": constant_table("mine", 0.25)})
    with request_scope(0):
        assert 250_000_000 == draws.ns("mine")
        assert 250_000_000 == draws.ns("other", "mine")
        expected = draws.tables["redis.trip"].at(draws.u53_for("redis.trip", 0))
        assert expected == draws.ns("redis.trip")


def test_an_unknown_table_is_named_with_the_known_ones() -> None:
    """
    A misspelt operation is an error that lists what there is.
    """
    with pytest.raises(ConfigError, match=r"'redis\.tripp'.*'redis\.trip'"):
        Draws(0).ns("redis.tripp")
    with pytest.raises(ConfigError, match=r"'llm\.tokenn'"):
        Draws(0).ns_of_runs("llm.tokenn", [1])


def test_looking_ahead_takes_nothing() -> None:
    """
    `u53_for` tells a request's first draw without moving the request's counter.
    """
    draws = Draws(2)
    with request_scope(9):
        ahead = draws.u53_for("x", 9)
        assert ahead == draws.u53_for("x", 9) == draws.u53("x")
        assert ahead != draws.u53("x")
