from __future__ import annotations

import sys
from dataclasses import dataclass

from agent_perf.components.cache.footprint import deep_bytes


def test_containers_count_with_what_they_hold() -> None:
    """
    A dict counts with its keys and values, nested ones included, each object once.
    """
    text = "x" * 1000
    value = {"a": [text, text], "b": (text,)}
    parts = [value, "a", value["a"], text, "b", value["b"]]

    assert sum(map(sys.getsizeof, parts)) == deep_bytes(value)


def test_instances_count_with_their_attributes() -> None:
    """
    What attributes hold counts, whether they are in slots or in a dict.
    """

    @dataclass
    class Loose:
        text: str

    @dataclass(slots=True)
    class Tight:
        text: str

    text = "x" * 1000

    assert sys.getsizeof(text) + 48 <= deep_bytes(Loose(text)) < 1400
    assert sys.getsizeof(text) < deep_bytes(Tight(text)) < 1200


def test_cycles_end() -> None:
    """
    A list that holds itself has a size.
    """
    ring: list[object] = []
    ring.append(ring)

    assert sys.getsizeof(ring) == deep_bytes(ring)


def test_classes_and_functions_are_free() -> None:
    """
    What belongs to the program is not counted as the value's.
    """
    assert sys.getsizeof([0]) + sys.getsizeof(int) == deep_bytes([int])
