"""From the blocks of a round to its statistics."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.suite.blocks import round_statistics

CALL_S = st.floats(1e-6, 1e-3)


def test_equal_blocks_give_their_own_statistics() -> None:
    """Where the machine's speed does not change, the values come out as they went in."""
    found = round_statistics([[1.0, 1.0, 4.0]] * 3, [[2.0, 2.0, 2.0]] * 3)

    assert {"median", "mean"} == set(found)
    assert pytest.approx((1.0, 2.0)) == found["median"]
    assert pytest.approx((2.0, 2.0)) == found["mean"]


def test_p95_is_the_call_of_its_rank() -> None:
    """Of 40 calls it is the 38th: two are slower."""
    base = [[1.0, 1.0, 1.0, 1.0]] * 10
    head = [[1.0, 1.0, 1.0, 1.0]] * 7 + [[1.0, 1.0, 1.0, 3.0]] * 3

    assert pytest.approx((1.0, 3.0)) == round_statistics(base, head)["p95"]
    assert pytest.approx((1.0, 1.0)) == round_statistics(base, head)["median"]


@pytest.mark.parametrize(("calls", "known"), [(19, False), (20, True)])
def test_p95_of_fewer_than_20_calls_is_refused(calls, known) -> None:
    """Of 19 calls it would be the slowest call under another name."""
    blocks = [[1.0]] * calls

    assert known is ("p95" in round_statistics(blocks, blocks))


@given(
    blocks=st.lists(st.lists(CALL_S, min_size=5, max_size=5), min_size=1, max_size=8),
    ratio=st.floats(0.5, 2),
    drift=st.lists(st.floats(0.2, 5), min_size=8, max_size=8),
)
def test_drift_does_not_change_the_ratio(blocks, ratio, drift) -> None:
    """A machine that is slower during some pairs of blocks leaves head / base as it was."""
    base = [[call * d for call in block] for block, d in zip(blocks, drift, strict=False)]
    head = [[call * ratio for call in block] for block in base]

    for base_s, head_s in round_statistics(base, head).values():
        assert pytest.approx(ratio) == head_s / base_s


@given(blocks=st.lists(st.lists(CALL_S, min_size=5, max_size=5), min_size=2, max_size=16))
def test_swapping_the_sides_swaps_the_statistics(blocks) -> None:
    """Nothing in them knows which side is which."""
    half = len(blocks) // 2
    base, head = blocks[:half], blocks[half : 2 * half]

    forth, back = round_statistics(base, head), round_statistics(head, base)

    assert {name: pair[::-1] for name, pair in forth.items()} == back
