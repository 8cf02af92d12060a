from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import lz4.block
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import Serializer, SerializerError
from agent_perf.errors import ConfigError

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@dataclass
class Answer:
    text: str
    tokens: int = 0


@given(plain, st.integers(0, 64))
def test_round_trip(value: object, compress_bytes_min: int) -> None:
    """
    What was written is read, with or without compression.
    """
    serializer = Serializer(object, compress_bytes_min=compress_bytes_min)

    assert value == serializer.loads(serializer.dumps(value))


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused_or_read(data: bytes) -> None:
    """
    Whatever bytes there are, they are read as a value of the type, or refused with our error.
    """
    serializer = Serializer(dict[str, int], bytes_max=10_000, compress_bytes_min=0)
    try:
        value = serializer.loads(data)
    except SerializerError:
        return

    assert value is None or all(isinstance(number, int) for number in value.values())


def test_compresses_above_one_kib() -> None:
    """
    Up to 1 KiB values are written plainly, above it compressed; what lz4 would make
    longer stays plain.
    """
    serializer = Serializer(bytes)
    # Two bytes of msgpack head for 8-bit, three for 16-bit lengths.
    at_limit, above = serializer.dumps(b"x" * 1021), serializer.dumps(b"x" * 1022)
    noise = b"".join(blake2b(bytes([index])).digest() for index in range(50))
    loud = serializer.dumps(noise)

    assert (1, 1025) == (at_limit[0], len(at_limit))
    assert 2 == above[0]
    assert len(above) < 100
    assert noise == serializer.loads(loud)
    assert 1 == loud[0]


def test_types_are_kept_and_checked() -> None:
    """
    A dataclass comes back as one; bytes of another type are refused.
    """
    serializer = Serializer(Answer)
    stored = serializer.dumps(Answer(text="hello", tokens=3))

    assert Answer(text="hello", tokens=3) == serializer.loads(stored)
    with pytest.raises(SerializerError, match="another type"):
        Serializer(int).loads(stored)


def test_none_is_a_value() -> None:
    """
    None can be stored whatever the type.
    """
    serializer = Serializer(int)

    assert None is serializer.loads(serializer.dumps(None))


@pytest.mark.parametrize("data", [b"\x80\x04N.", b"\x00", b"\x10abc", b"{}", b"Z"])
def test_unknown_tags_are_refused(data: bytes) -> None:
    """
    A pickle, JSON, or the tag of a later version is refused by its first byte.
    """
    with pytest.raises(SerializerError, match="unknown tag"):
        Serializer(object).loads(data)


def test_empty_is_refused() -> None:
    """
    An empty value was not written by us.
    """
    with pytest.raises(SerializerError, match="empty"):
        Serializer(object).loads(b"")


def test_a_bomb_is_refused_before_it_unfolds() -> None:
    """
    Four kilobytes that claim, or hold, a megabyte are refused at a bound of 100 KB.
    """
    serializer = Serializer(bytes, bytes_max=100_000)
    bomb = b"\x02" + lz4.block.compress(msgspec.msgpack.encode(bytes(1_000_000)))
    liar = b"\x02" + (4_000_000_000).to_bytes(4, "little") + b"x"

    assert len(bomb) < 5_000
    for data in (bomb, liar, b"\x01" + bytes(100_001)):
        with pytest.raises(SerializerError, match="bound"):
            serializer.loads(data)


@pytest.mark.parametrize("value", [object(), "\ud800", 2**70])
def test_what_cannot_be_written_is_an_error(value: object) -> None:
    """
    A value that msgpack cannot hold is an error of ours that names its type.
    """
    with pytest.raises(SerializerError, match=type(value).__name__):
        Serializer(object).dumps(value)


def test_what_could_not_be_read_is_not_written() -> None:
    """
    The bound holds for writers too.
    """
    with pytest.raises(SerializerError, match="bound"):
        Serializer(bytes, bytes_max=2_000).dumps(bytes(2_001))


def test_bounds_are_checked() -> None:
    """
    A bound below the compression limit would let values be written that are never read.
    """
    with pytest.raises(ConfigError, match="compress_bytes_min"):
        Serializer(object, bytes_max=100)
