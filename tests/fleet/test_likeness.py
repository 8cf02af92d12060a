"""Whether a worker would come to the same bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_perf.fleet.likeness import Installation, differences, installation

HERE = Installation(python="CPython 3.11", code="0" * 64, packages={"redis": "5.0", "httpx": "1"})


def test_equal_installations_do_not_differ() -> None:
    """This process is like itself, and knows what it is made of."""
    mine = installation()

    assert "" == differences(mine, mine)
    assert {"msgspec", "numpy", "redis"} <= mine.packages.keys()


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (replace(HERE, python="CPython 3.12"), "CPython 3.12 instead of CPython 3.11"),
        (replace(HERE, code="1" * 64), "another agent-perf (code 11111111 instead of 00000000)"),
        (replace(HERE, packages={"redis": "6.0", "httpx": "1"}), "redis 6.0 instead of 5.0"),
        (replace(HERE, packages={"redis": "5.0"}), "httpx missing instead of 1"),
        (replace(HERE, packages={**HERE.packages, "ujson": "2"}), "ujson 2 instead of none"),
    ],
)
def test_whatever_could_move_a_result_is_told(there, told) -> None:
    """Python, our own code, and each package by its name."""
    assert told == differences(HERE, there)


def test_many_differences_are_summed_up() -> None:
    """Three packages are named, the others counted."""
    there = replace(HERE, packages={f"p{index}": "1" for index in range(10)})

    assert differences(HERE, there).endswith("9 more packages")
