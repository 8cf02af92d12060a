"""
Decoders of JSON that threads may ask for at once.
"""

from __future__ import annotations

import threading
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

_lock: Final = threading.Lock()
_made: Final[dict[object, msgspec.json.Decoder[Any]]] = {}


def decoder_of(kind: type[T]) -> msgspec.json.Decoder[T]:
    """
    Return the decoder of *kind*, a type that msgspec knows; any thread may use it.

    ``msgspec.json.decode(data, type=kind)`` in several threads kills the process now and then:
    what msgspec 0.22 learns of a class it puts on the class before it has learned all of it,
    and a second thread that comes meanwhile reads through a null pointer. So one thread learns
    at a time.
    """
    with _lock:
        if kind not in _made:
            _made[kind] = msgspec.json.Decoder(kind)
        return _made[kind]
