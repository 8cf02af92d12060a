from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import Part
from agent_perf.components.backend.parts import check_parts
from agent_perf.errors import ConfigError


def parts(**needs: tuple[str, ...]) -> dict[str, Part]:
    return {name: Part(name=name, needs=needed) for name, needed in needs.items()}


def test_an_unknown_need_is_named() -> None:
    """
    The message has the part, what it needs, and what there is.
    """
    with pytest.raises(ConfigError, match=r"'cache' needs 'redsi'.*\['cache', 'redis'\]"):
        check_parts(parts(cache=("redsi",), redis=()))


def test_a_cycle_is_told_as_a_way_around() -> None:
    """
    The message has the parts in the order in which they need each other.
    """
    with pytest.raises(ConfigError, match="b -> c -> d -> b"):
        check_parts(parts(a=("b",), b=("c",), c=("e", "d"), d=("b",), e=()))
    with pytest.raises(ConfigError, match="a -> a"):
        check_parts(parts(a=("a",)))


def test_what_is_critical_needs_only_what_is() -> None:
    """
    A critical part that waits for one that may never come is a contradiction.
    """
    both = {
        "cache": Part(name="cache", critical=False),
        "agent": Part(name="agent", needs=("cache",)),
    }
    with pytest.raises(ConfigError, match="'agent' is critical and needs 'cache'"):
        check_parts(both)


@given(st.lists(st.lists(st.integers(0, 7), max_size=3, unique=True), min_size=8, max_size=8))
def test_cycles_are_found_if_and_only_if_there_are(needs: list[list[int]]) -> None:
    """
    It agrees with taking away, as long as one can, parts that need nothing any more.
    """
    left = {number: set(needed) for number, needed in enumerate(needs)}
    while free := [number for number, needed in left.items() if not needed & left.keys()]:
        for number in free:
            del left[number]
    declared = parts(**{str(n): tuple(map(str, needed)) for n, needed in enumerate(needs)})

    if not left:
        check_parts(declared)
        return
    with pytest.raises(ConfigError, match="need each other: ") as raised:
        check_parts(declared)
    cycle = str(raised.value).split(": ")[1].split(";")[0].split(" -> ")
    assert cycle[0] == cycle[-1]
    assert all(
        needed in declared[name].needs for name, needed in zip(cycle, cycle[1:], strict=False)
    )


@pytest.mark.parametrize("limit_s", [0, -1, float("inf"), float("nan")])
def test_every_part_has_a_limit(limit_s: float) -> None:
    """
    A start or stop without end would hold up everything.
    """
    with pytest.raises(ConfigError, match="'redis'"):
        Part(name="redis", timeout_s=limit_s)
    with pytest.raises(ConfigError, match="'redis'"):
        Part(name="redis", warm_timeout_s=limit_s)
