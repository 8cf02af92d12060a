"""
Randomness that a program asks of the machine, made reproducible while a simulation runs.

Ids from `uuid.uuid4` and `secrets` go into keys, paths and bodies: with the machine's own
entropy no two runs would be equal. Nothing in a simulation is worth guarding.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import shake_256
from importlib import import_module
from threading import get_ident
from typing import Any

from agent_perf.sim.captured import stand_in
from agent_perf.sim.request import running_request

_KEY = "os.urandom"


class _Source:
    """Whom it serves: nobody, or the thread of one simulation with a seed."""

    def __init__(self) -> None:
        self.thread_id: int | None = None
        self.seed = 0


_source = _Source()
_real_urandom = os.urandom
_real_seed = random.Random.seed


@contextmanager
def seeded_entropy(seed: int) -> Iterator[None]:
    """
    Let this thread's `os.urandom`, and `random` and numpy's global generators, depend on *seed*.

    Like all draws, bytes are a function of (seed, request, ordinal): one id more in one
    request changes none in another.
    """
    with ExitStack() as stack:
        stack.callback(setattr, _source, "thread_id", None)
        _source.thread_id, _source.seed = get_ident(), seed
        stack.callback(setattr, random.Random, "seed", _real_seed)
        random.Random.seed = _seed  # type: ignore[method-assign]
        stack.callback(random.setstate, random.getstate())
        random.seed(seed)
        if "numpy" in sys.modules:
            # numpy itself imports it when it is first asked for, and seeds it then.
            numpy_random: Any = import_module("numpy.random")
            stack.callback(numpy_random.set_state, numpy_random.get_state())
            numpy_random.seed(seed % 2**32)
        yield


def _urandom(size: int, /) -> bytes:
    if _source.thread_id != get_ident():
        return _real_urandom(size)
    state = running_request()
    ordinal = state.ordinals.get(_KEY, 0)
    state.ordinals[_KEY] = ordinal + 1
    return shake_256(f"{_source.seed}:{state.request_id}:{ordinal}".encode()).digest(size)


def _seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    # Without a seed, C code would ask the machine.
    if a is None and _source.thread_id == get_ident():
        a = int.from_bytes(_urandom(32))
    _real_seed(self, a, version)


stand_in(_real_urandom, _urandom)
