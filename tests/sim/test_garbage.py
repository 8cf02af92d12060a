"""Garbage is collected at reproducible moments."""

import asyncio
import gc
import weakref
from typing import Any

import pytest

from agent_perf.sim import SimLoop, simulate


@pytest.mark.parametrize("end", [None, ValueError, KeyboardInterrupt])
def test_garbage_collection_is_as_before_afterwards(end: type[BaseException] | None) -> None:
    """
    Automatic collection is off during a simulation only, and nothing stays frozen.
    """
    before = gc.get_freeze_count()

    async def main(loop: SimLoop) -> None:
        assert not gc.isenabled()
        assert gc.get_freeze_count() > before
        if end is not None:
            raise end

    if end is None:
        simulate(main)
    else:
        with pytest.raises(end):
            simulate(main)

    assert gc.isenabled()
    assert gc.get_freeze_count() <= before


def test_a_switched_off_collector_stays_off() -> None:
    """
    Who has switched collection off gets neither collections nor a collector back.
    """

    class Node:
        pass

    async def main(loop: SimLoop) -> bool:
        node: Any = Node()
        node.itself = node
        reference = weakref.ref(node)
        del node
        for _ in range(30_000):
            await asyncio.sleep(0.001)
        return reference() is None

    gc.disable()
    try:
        collected = simulate(main)
        assert not gc.isenabled()
    finally:
        gc.enable()

    assert not collected
    assert simulate(main)


def test_finalizers_run_at_the_same_step_in_every_run() -> None:
    """
    Garbage is collected at fixed steps, whatever the process allocated before.
    """

    class Node:
        pass

    def finalized_at(junk: int) -> list[int]:
        kept = [[] for _ in range(junk)]  # type: ignore[var-annotated]
        seen: list[int] = []

        async def main(loop: SimLoop) -> list[int]:
            for _ in range(20_000):
                node: Any = Node()
                node.itself = node
                weakref.finalize(node, lambda: seen.append(loop.now_ns))
                await asyncio.sleep(0.001)
            # What is left will be collected some time after the simulation.
            return list(seen)

        result = simulate(main)
        assert junk == len(kept)
        return result

    first = finalized_at(0)

    assert len(first) > 10_000
    assert first == finalized_at(500) == finalized_at(12_345)
