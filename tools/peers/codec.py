"""Values to bytes and back: serialisers, and what makes their output shorter."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from typing import Any

import msgspec
import orjson
import zstandard

from agent_perf.components import Serializer, Zstd, train_dictionary
from tools.peers.contest import OURS, Contest, Contestant

Value = dict[str, Any]


def _value(number: int, fields: int = 24) -> Value:
    return {
        f"field-{n:02d}": {"id": number * 7919 + n, "text": f"{number * n * 104729:x} of the order"}
        for n in range(fields)
    }


_VALUE = _value(4_242)
_DICTIONARY = train_dictionary(map(_value, range(2_000)))
_PLAIN = msgspec.msgpack.encode(_VALUE)

_LZ4 = Serializer(Value)
_ZSTD = Serializer(Value, compressor=Zstd())
_WITH_DICTIONARY = Serializer(Value, compressor=Zstd(dictionary=_DICTIONARY))
_UNPACKED = Serializer(Value, compress_bytes_min=len(_PLAIN))
_SIZES = {
    "msgpack": len(_UNPACKED.dumps(_VALUE)),
    "json": len(json.dumps(_VALUE)),
    "orjson": len(orjson.dumps(_VALUE)),
    "pickle": len(pickle.dumps(_VALUE)),
    "msgpack + lz4": len(_LZ4.dumps(_VALUE)),
    "msgpack + zlib": len(zlib.compress(_PLAIN)),
    "msgpack + zstd": len(_ZSTD.dumps(_VALUE)),
    "msgpack + zstd + dictionary": len(_WITH_DICTIONARY.dumps(_VALUE)),
}
TITLE = "Codec"
INTRO = f"""
A nested dict of 24 fields. Ours is Serializer: tag byte, bounds, and the value checked against its
type when read. Versions: msgspec {version("msgspec")}, orjson {version("orjson")}, zstandard
{version("zstandard")}, lz4 {version("lz4")}. Bytes written:
{", ".join(f"{name} {size:,}" for name, size in _SIZES.items())}. The dictionary has
{len(_DICTIONARY):,} bytes, trained on 2,000 values like this one.
"""


async def contests() -> AsyncIterator[Contest]:
    """Yield both ways, without compression and with it."""
    fast = zstandard.ZstdCompressor(level=1).compress
    slow = zstandard.ZstdDecompressor().decompress
    decode = msgspec.msgpack.Decoder(Value).decode
    encode = msgspec.msgpack.Encoder().encode
    untagged, unchecked = "no tag, no bounds", "no tag, no bounds, no type"
    plain = {
        OURS: (_UNPACKED.dumps, _UNPACKED.loads),
        "json": (json.dumps, json.loads),
        "orjson": (orjson.dumps, orjson.loads),
        "pickle": (pickle.dumps, pickle.loads),
        "msgspec": (encode, decode),
    }
    packed = {
        OURS: (_LZ4.dumps, _LZ4.loads),
        "zlib": (lambda v: zlib.compress(encode(v)), lambda d: decode(zlib.decompress(d))),
        "zstandard": (lambda v: fast(encode(v)), lambda d: decode(slow(d))),
        f"{OURS}, zstd": (_ZSTD.dumps, _ZSTD.loads),
        f"{OURS}, zstd + dictionary": (_WITH_DICTIONARY.dumps, _WITH_DICTIONARY.loads),
    }
    for title, codecs, unequal in (
        ("plain", plain, {"msgspec": untagged, "orjson": unchecked}),
        (
            "compressed",
            packed,
            {name: "smaller; see above" for name in packed if name not in {OURS, "zlib"}},
        ),
    ):
        written = {name: dumps(_VALUE) for name, (dumps, _) in codecs.items()}
        for name, (_, loads) in codecs.items():
            assert loads(written[name]) == _VALUE, name
        yield Contest(
            title=f"write, {title}",
            contestants={name: _calls(dumps, _VALUE) for name, (dumps, _) in codecs.items()},
            calls=500,
            unequal=unequal,
        )
        yield Contest(
            title=f"read, {title}",
            contestants={n: _calls(loads, written[n]) for n, (_, loads) in codecs.items()},
            calls=500,
            unequal=unequal,
        )


def _calls(function: Callable[[Any], object], argument: object) -> Contestant:
    def run(calls: int) -> None:
        for _ in range(calls):
            function(argument)

    return run
