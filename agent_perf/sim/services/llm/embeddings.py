"""
Embeddings that are equal for equal texts, and nearly orthogonal for others.

Source: OpenAI API reference, "Create embeddings".
"""

from __future__ import annotations

import math
import struct
from base64 import b64encode
from functools import lru_cache
from hashlib import shake_256
from typing import Final

import msgspec

from agent_perf.sim.services.llm.conversation import BYTES_PER_TOKEN
from agent_perf.sim.services.llm.refusal import Refusal

_INPUTS_MAX: Final = 2048
_DIMENSIONS_MAX: Final = 3072
_SIZES: Final = {"text-embedding-3-large": 3072}
_SIZE: Final = 1536


class EmbeddingsRequest(msgspec.Struct, frozen=True):
    """What a client sends: texts, or the numbers of their tokens."""

    model: str = ""
    input: str | tuple[str | int | tuple[int, ...], ...] = ()
    dimensions: int | None = None
    encoding_format: str = "float"

    @property
    def texts(self) -> tuple[str | tuple[int, ...], ...]:
        """The inputs."""
        given = self.input
        if isinstance(given, str):
            return (given,)
        numbers = tuple(one for one in given if isinstance(one, int))
        return (numbers,) if numbers else tuple(one for one in given if not isinstance(one, int))

    @property
    def tokens(self) -> int:
        """The length of the inputs in tokens."""
        return sum(
            -(-len(one.encode()) // BYTES_PER_TOKEN) if isinstance(one, str) else len(one)
            for one in self.texts
        )


_decoder: Final = msgspec.json.Decoder(EmbeddingsRequest)


def parse_embeddings(content: bytes) -> EmbeddingsRequest:
    """
    Return the request in *content*.

    Raises:
        Refusal: If the API would not take it: status 400.
    """
    try:
        request = _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"Invalid request: {error}") from error
    if not request.model:
        raise Refusal(400, "you must provide a model parameter")
    texts = request.texts
    if not texts or not all(texts):
        raise Refusal(400, "'$.input' is invalid: it is empty, or has an empty text", param="input")
    if len(texts) > _INPUTS_MAX:
        raise Refusal(400, f"'$.input' is invalid: {len(texts)} texts; want at most {_INPUTS_MAX}")
    if not 1 <= _size(request) <= _DIMENSIONS_MAX:
        raise Refusal(
            400, f"dimensions={request.dimensions}; want 1 to {_DIMENSIONS_MAX}", param="dimensions"
        )
    if request.encoding_format not in {"float", "base64"}:
        raise Refusal(400, f"encoding_format={request.encoding_format!r}; want float or base64")
    return request


def embeddings(request: EmbeddingsRequest) -> bytes:
    """Return the body of the answer."""
    encode = _in_base64 if request.encoding_format == "base64" else _in_floats
    size = _size(request)
    vectors = [
        {"object": "embedding", "index": index, "embedding": encode(str(one), size)}
        for index, one in enumerate(request.texts)
    ]
    usage = {"prompt_tokens": request.tokens, "total_tokens": request.tokens}
    return msgspec.json.encode(
        {"object": "list", "data": vectors, "model": request.model, "usage": usage}
    )


def _size(request: EmbeddingsRequest) -> int:
    given = request.dimensions
    return _SIZES.get(request.model, _SIZE) if given is None else given


@lru_cache(maxsize=4096)
def _vector(content: str, size: int) -> tuple[float, ...]:
    # Corners of a cube on the unit sphere: signs from a hash; a square root is exact to the
    # last bit on every machine, other functions are not.
    side = 1 / math.sqrt(size)
    bits = int.from_bytes(shake_256(content.encode()).digest(-(-size // 8)), "big")
    return tuple(side if bits >> index & 1 else -side for index in range(size))


def _in_floats(content: str, size: int) -> list[float]:
    return list(_vector(content, size))


@lru_cache(maxsize=4096)
def _in_base64(content: str, size: int) -> str:
    return b64encode(struct.pack(f"<{size}f", *_vector(content, size))).decode()
