"""Who measures what in a round."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent_perf.suite.lanes import Item, share_out

KINDS = st.sampled_from(["cpu", "wall", "memory"])
ITEMS = st.lists(
    st.builds(Item, name=st.text("abc.", min_size=1, max_size=6), kind=KINDS, module=KINDS),
    min_size=1,
    max_size=20,
    unique_by=lambda item: item.name,
)


def cpu(name: str) -> Item:
    """Return a timing in file *name*'s first letter."""
    return Item(name=name, kind="cpu", module=name[0])


@given(items=ITEMS, costs=st.lists(st.floats(0, 3), min_size=20), lane_count=st.integers(1, 3))
def test_each_item_is_in_one_group(items, costs, lane_count) -> None:
    """Nothing is lost or measured twice, no lane or group is empty, memory has its own groups."""
    cost_s = {item.name: cost for item, cost in zip(items, costs, strict=False)}

    lanes = share_out(items, cost_s, start_s=0.5, lane_count=lane_count)

    groups = [group for lane in lanes for group in lane]
    assert 1 <= len(lanes) <= lane_count
    assert all(lanes)
    assert all(groups)
    assert sorted(item.name for group in groups for item in group) == sorted(
        item.name for item in items
    )
    for group in groups:
        sized = [item for item in group if item.kind == "memory"]
        assert not sized or (len(sized) == len(group) and len({item.module for item in sized}) == 1)


def test_lanes_take_about_as_long() -> None:
    """Four files of equal cost: two each, so that no file is imported twice."""
    items = [cpu(name) for name in ("a1", "a2", "b1", "b2", "c1", "c2", "d1", "d2")]

    lanes = share_out(items, {item.name: 1.0 for item in items}, start_s=1.0, lane_count=2)

    assert [["a1", "a2", "b1", "b2"], ["c1", "c2", "d1", "d2"]] == [
        [item.name for group in lane for item in group] for lane in lanes
    ]


def test_little_to_do_stays_in_one_lane() -> None:
    """A second import of 1 s would spare half of 0.6 s."""
    items = [cpu("a"), cpu("b"), cpu("c")]

    lanes = share_out(items, {"a": 0.3, "b": 0.2, "c": 0.1}, start_s=1.0, lane_count=2)

    assert (((items[2], items[1], items[0]),),) == lanes
