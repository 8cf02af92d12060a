"""
Cache keys for calls: equal arguments, equal key, in every process and on every machine.

``hash(str(args))`` differs from process to process, and two lists of arguments can
print alike; msgpack bytes do neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

import msgspec

from agent_perf.errors import ConfigError

# Longer arguments are kept as a digest: a prompt of 20 KB is no key to carry around.
_PLAIN_BYTES_MAX: Final = 256
_DIGEST_BYTES: Final = 16
_OBJECT: Final = 1


def call_key(name: str, args: tuple[object, ...], kwargs: Mapping[str, object]) -> bytes:
    """
    Return the key of calling *name* with these arguments.

    Arguments are told apart by value, so dicts and lists will do; 1, 1.0, True and "1"
    are four keys. A class takes part with its name; an object that msgpack does not know,
    with its class and its attribute ``cache_key``.

    Example::

        call_key("shop.answer", ("Where is my order?",), {"locale": "en"})

    Raises:
        ConfigError: If an argument can be written by neither way.
    """
    try:
        key = _encode((name, args, kwargs))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(
            f"cannot make a cache key for {name}: {error}; pass key=, or give the argument's "
            "class a cache_key attribute"
        ) from error
    if len(key) > _PLAIN_BYTES_MAX:
        return blake2b(key, digest_size=_DIGEST_BYTES).digest()
    return key


def text_key(name: str, args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
    """Return the same as text, ``name:digest``, for stores whose keys people read."""
    return f"{name}:{blake2b(call_key(name, args, kwargs), digest_size=_DIGEST_BYTES).hexdigest()}"


def _describe(value: object) -> object:
    if isinstance(value, type):
        # As the first argument of a class method, or what an answer is to be parsed into.
        return _apart([value.__module__, value.__qualname__])
    identity = getattr(value, "cache_key", None)
    if identity is None:
        raise TypeError(f"an argument of type {type(value).__qualname__} has no value to compare")
    return _apart([type(value).__module__, type(value).__qualname__, identity])


def _apart(words: list[object]) -> msgspec.msgpack.Ext:
    """Return *words* as something that no list is equal to."""
    return msgspec.msgpack.Ext(_OBJECT, _encode(words))


_encode = msgspec.msgpack.Encoder(enc_hook=_describe, order="deterministic").encode
