"""Sets that keep the order of insertion."""

import gc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.sim.ordered import OrderedSet, OrderedWeakSet

Numbers = st.lists(st.integers(0, 9), max_size=8)

# Each returns the set that it comes to: a new one, or the first, changed in place.
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "|": lambda a, b: a | b,
    "-": lambda a, b: a - b,
    "&": lambda a, b: a & b,
    "^": lambda a, b: a ^ b,
    "union": lambda a, b: a.union(b),
    "difference": lambda a, b: a.difference(b),
    "intersection": lambda a, b: a.intersection(b),
    "symmetric_difference": lambda a, b: a.symmetric_difference(b),
    "copy": lambda a, b: a.copy(),
    "update": lambda a, b: (a.update(b), a)[1],
    "difference_update": lambda a, b: (a.difference_update(b), a)[1],
    "intersection_update": lambda a, b: (a.intersection_update(b), a)[1],
    "symmetric_difference_update": lambda a, b: (a.symmetric_difference_update(b), a)[1],
    "clear": lambda a, b: (a.clear(), a)[1],
}


def _in_place(name: str, a: Any, b: Any) -> Any:
    alias = a
    if name == "|=":
        a |= b
    elif name == "-=":
        a -= b
    elif name == "&=":
        a &= b
    else:
        a ^= b
    assert alias is a
    return a


for _name in ("|=", "-=", "&=", "^="):
    OPERATIONS[_name] = lambda a, b, name=_name: _in_place(name, a, b)


def _expected_order(left: list[int], right: list[int], members: set[int]) -> list[int]:
    return [item for item in dict.fromkeys(left + right) if item in members]


@pytest.mark.parametrize("name", OPERATIONS)
@given(left=Numbers, right=Numbers)
def test_operations_are_those_of_a_set_in_order(
    name: str, left: list[int], right: list[int]
) -> None:
    """
    Members are a plain set's; they come in our order, then in that of the other's.
    """
    members = OPERATIONS[name](set(left), set(right))
    ours = OPERATIONS[name](OrderedSet(left), OrderedSet(right))

    assert members == ours
    assert _expected_order(left, right, members) == list(ours)
    assert len(members) == len(ours)
    assert type(ours) is OrderedSet


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "discard", "remove", "pop"]), st.integers(0, 5))
    )
)
def test_single_steps_agree_with_a_dict(steps: list[tuple[str, int]]) -> None:
    """
    Adding and removing one by one does what it does to the keys of a dict.
    """
    ours: OrderedSet[int] = OrderedSet()
    reference: dict[int, None] = {}
    for verb, item in steps:
        if verb == "add":
            ours.add(item)
            reference.setdefault(item)
        elif verb == "discard":
            ours.discard(item)
            reference.pop(item, None)
        elif verb == "pop" and reference:
            assert next(iter(reference)) == ours.pop()
            del reference[next(iter(reference))]
        elif verb == "remove" and item in reference:
            ours.remove(item)
            del reference[item]
        else:
            with pytest.raises(KeyError):
                ours.remove(99) if verb == "remove" else OrderedSet[int]().pop()

    assert list(reference) == list(ours)
    assert set(reference) == ours


def test_a_plain_set_can_be_reduced_by_an_ordered_one_in_place() -> None:
    """
    ``pending -= done`` changes the plain set itself, which others may hold.
    """
    pending = {1, 2, 3}
    alias = pending
    pending -= OrderedSet([2])

    assert {1, 3} == alias


def test_other_operands_are_refused() -> None:
    """
    As with plain sets, operators want sets; methods take any iterable.
    """
    with pytest.raises(TypeError):
        OrderedSet([1]) | [2]  # type: ignore[operator]

    assert [1, 2] == list(OrderedSet([1]).union([2]))


def test_the_repr_shows_the_order() -> None:
    """
    What is printed is in the order of insertion.
    """
    assert "OrderedSet([3, 1, 2])" == repr(OrderedSet([3, 1, 2]))


class _Thing:
    pass


def test_a_weak_set_forgets_in_order() -> None:
    """
    Objects come in the order of insertion, and go when nobody else holds them.
    """
    things = [_Thing() for _ in range(5)]
    ours = OrderedWeakSet()
    for thing in things:
        ours.add(thing)
    ours.discard(things[3])
    ours.discard(_Thing())
    del things[1]
    del thing
    gc.collect()

    assert [things[0], things[1], things[3]] == list(ours)
    assert 3 == len(ours)
    ours.clear()
    assert 0 == len(ours)
