import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.suite.blocks import round_medians

CALL_S = st.floats(1e-6, 1e-3)


def test_equal_blocks_give_their_median() -> None:
    """Where the machine's speed does not change, the medians come out as they went in."""
    base, head = round_medians([[1.0, 1.0, 4.0]] * 3, [[2.0, 2.0, 2.0]] * 3)

    assert pytest.approx((1.0, 2.0)) == (base, head)


@given(
    blocks=st.lists(st.lists(CALL_S, min_size=3, max_size=3), min_size=1, max_size=8),
    ratio=st.floats(0.5, 2),
    drift=st.lists(st.floats(0.2, 5), min_size=8, max_size=8),
)
def test_drift_does_not_change_the_ratio(blocks, ratio, drift) -> None:
    """A machine that is slower during some pairs of blocks leaves head / base as it was."""
    base = [[call * d for call in block] for block, d in zip(blocks, drift, strict=False)]
    head = [[call * ratio for call in block] for block in base]

    base_s, head_s = round_medians(base, head)

    assert pytest.approx(ratio) == head_s / base_s
