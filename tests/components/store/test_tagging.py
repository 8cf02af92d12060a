from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import SerializerError
from agent_perf.components.store.tagging import is_alive, unwrap, wrap

generations = st.dictionaries(st.text(), st.binary(max_size=16), max_size=5)


@given(st.binary(), generations)
def test_round_trip(data: bytes, then: dict[str, bytes]) -> None:
    """
    Data and generations come back as they were wrapped; data must not begin like a tag.
    """
    data = b"\x01" + data

    assert (data, then) == unwrap(wrap(data, then))


@given(generations, generations)
def test_alive_if_nothing_has_changed(then: dict[str, bytes], now: dict[str, bytes]) -> None:
    """
    An entry is alive if and only if each of its tags is still of the same generation.
    """
    assert is_alive(then, then | {"another": None})
    assert is_alive(then, now) == (then.items() <= now.items())


def test_a_lost_generation_is_death() -> None:
    """
    If Redis has evicted a tag's generation its entries are misses, not survivors.
    """
    assert not is_alive({"tag": b"1"}, {})
    assert not is_alive({"tag": b"1"}, {"tag": None})


def test_untagged_entries_cost_nothing() -> None:
    """
    Without tags the stored bytes are the serializer's.
    """
    assert b"\x01data" == wrap(b"\x01data", {})


@pytest.mark.parametrize("stored", [b"\x10", b"\x10\x00\x05abc", b"\x10\x00\x01\xc1"])
def test_damage_is_refused(stored: bytes) -> None:
    """
    A head that is cut or is no map is refused with our error.
    """
    with pytest.raises(SerializerError, match="damaged"):
        unwrap(stored)


def test_too_many_tags_are_refused() -> None:
    """
    Tags that do not fit in the head are an error when they are written.
    """
    with pytest.raises(SerializerError, match="use fewer"):
        wrap(b"", {f"tag-{index}": bytes(16) for index in range(3000)})
