"""Codecs: what they write they read, and what others wrote they refuse."""

from __future__ import annotations

import threading

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import Lz4, Serializer, SerializerError, Zstd, train_dictionary
from agent_perf.errors import ConfigError
from tests.components.store.test_serializer import plain


def sample(number: int) -> dict[str, str]:
    return {f"field-{n}": f"{number * n * 7919:x} of the order, as usual" for n in range(20)}


DICTIONARY = train_dictionary(map(sample, range(300)), size_bytes=4096)
OTHER = train_dictionary(({"other": [n, n * n, str(n) * 9]} for n in range(500)), size_bytes=2048)
COMPRESSORS = {
    "lz4": Lz4,
    "zstd": Zstd,
    "zstd-9": lambda: Zstd(level=9),
    "dictionary": lambda: Zstd(dictionary=DICTIONARY),
}


@pytest.mark.parametrize("name", COMPRESSORS)
@settings(max_examples=100)
@given(value=plain, compress_bytes_min=st.integers(0, 64))
def test_round_trip(name: str, value: object, compress_bytes_min: int) -> None:
    """
    What was written is read, whatever it was compressed with.
    """
    serializer = Serializer(
        object, compress_bytes_min=compress_bytes_min, compressor=COMPRESSORS[name]()
    )

    assert value == serializer.loads(serializer.dumps(value))


@pytest.mark.parametrize("name", COMPRESSORS)
@settings(max_examples=100)
@given(data=st.data())
def test_damage_is_refused_or_another_value(name: str, data: st.DataObject) -> None:
    """
    Bytes changed, cut, added or made up give SerializerError or some value: nothing else.
    """
    serializer = Serializer(object, compress_bytes_min=0, compressor=COMPRESSORS[name]())
    stored = bytearray(serializer.dumps(data.draw(plain)) + data.draw(st.binary(max_size=3)))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(stored) - 1))
        stored[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(stored)))

    for poison in (bytes(stored), bytes(stored[:cut]), data.draw(st.binary(max_size=40))):
        try:
            serializer.loads(poison)
        except SerializerError:
            continue


@pytest.mark.parametrize("name", COMPRESSORS)
def test_every_truncation_is_refused(name: str) -> None:
    """
    A value that was cut anywhere is an error, never another value.
    """
    serializer = Serializer(dict[str, str], compress_bytes_min=0, compressor=COMPRESSORS[name]())
    stored = serializer.dumps(sample(7))

    for length in range(len(stored)):
        with pytest.raises(SerializerError):
            serializer.loads(stored[:length])


def test_a_dictionary_pays() -> None:
    """
    With a dictionary of their like small values take less than two thirds of what lz4 makes of them.
    """
    sizes = {
        name: len(Serializer(object, compress_bytes_min=0, compressor=make()).dumps(sample(4242)))
        for name, make in COMPRESSORS.items()
    }

    assert sizes["dictionary"] * 3 < sizes["lz4"] * 2
    assert sizes["dictionary"] < sizes["zstd"]


def test_older_tags_stay_readable() -> None:
    """
    Who writes with zstd and a new dictionary still reads plain, lz4, zstd, and older ones.
    """
    reader = Serializer(dict[str, str], compressor=Zstd(dictionary=OTHER, older=[DICTIONARY]))

    for make in COMPRESSORS.values():
        for compress_bytes_min in (0, 10_000):
            writer = Serializer(
                dict[str, str], compress_bytes_min=compress_bytes_min, compressor=make()
            )
            assert sample(3) == reader.loads(writer.dumps(sample(3)))


def test_an_unknown_dictionary_is_refused() -> None:
    """
    A value written with another dictionary is refused by its identity, and so is zstd by who
    was not given it: both are told the way out.
    """
    stored = Serializer(object, compress_bytes_min=0, compressor=Zstd(dictionary=OTHER)).dumps(
        sample(1)
    )

    assert 4 == stored[0]
    with pytest.raises(SerializerError, match=r"unknown dictionary [0-9a-f]{8}.*older"):
        Serializer(object, compressor=Zstd(dictionary=DICTIONARY)).loads(stored)
    with pytest.raises(SerializerError, match="compressor=Zstd"):
        Serializer(object).loads(stored)


def test_zstd_bombs_are_refused_before_they_unfold() -> None:
    """
    A frame that claims too much, lies, or does not say how much it holds is refused.
    """
    serializer = Serializer(bytes, bytes_max=100_000, compressor=Zstd())
    plain_bytes = msgspec.msgpack.encode(bytes(1_000_000))
    bomb = zstandard.ZstdCompressor().compress(plain_bytes)
    mute = zstandard.ZstdCompressor(write_content_size=False).compress(plain_bytes)
    honest = bytearray(zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(bytes(5_000))))
    # In this frame the content's length is two bytes behind magic number and header.
    assert 5_003 - 256 == int.from_bytes(honest[5:7], "little")
    honest[5:7] = (10).to_bytes(2, "little")

    for frame in (bomb, mute):
        with pytest.raises(SerializerError, match="bound"):
            serializer.loads(b"\x03" + frame)
    with pytest.raises(SerializerError, match="damaged"):
        serializer.loads(b"\x03" + bytes(honest))


def test_threads_do_not_share_contexts() -> None:
    """
    One serializer may be used by several threads at once.
    """
    serializer = Serializer(
        dict[str, str], compress_bytes_min=0, compressor=Zstd(dictionary=DICTIONARY)
    )
    wrong: list[int] = []

    def work(start: int) -> None:
        numbers = range(start, start + 200)
        wrong.extend(
            n for n in numbers if serializer.loads(serializer.dumps(sample(n))) != sample(n)
        )

    threads = [threading.Thread(target=work, args=(n * 1000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == wrong


def test_training_is_checked() -> None:
    """
    Too few samples, a dictionary too small and a level that
    does not exist are errors that say what to change.
    """
    for samples, size_bytes in (([1] * 9, 4096), ([1] * 100, 100)):
        with pytest.raises(ConfigError):
            train_dictionary(samples, size_bytes=size_bytes)
    for level in (0, 23):
        with pytest.raises(ConfigError, match="level"):
            Zstd(level=level)
