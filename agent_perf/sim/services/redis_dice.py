"""
What a simulated Redis picks at random: by keyed draws, like all chance in a simulation.

fakeredis asks the module `random`: there, one pick more in one request would change all
later ones, and what the program itself draws.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

RANDOM: Final = "redis.random"

# They pick something, or may run a script that does.
_CHANCY: Final = frozenset(
    {"EVAL", "EVALSHA", "EVALSHA_RO", "EVAL_RO", "FCALL", "FCALL_RO", "HRANDFIELD", "RANDOMKEY"}
    | {"SPOP", "SRANDMEMBER", "TOPK.ADD", "TOPK.INCRBY", "VADD", "VRANDMEMBER", "ZRANDMEMBER"}
)


def is_chancy(name: str, queued: Collection[str]) -> bool:
    """Return whether the command *name* may pick; an EXEC does what was *queued* before it."""
    return name in _CHANCY or (name == "EXEC" and not _CHANCY.isdisjoint(queued))


@contextmanager
def dice(draw: Callable[[str], int] | None) -> Iterator[None]:
    """Seed the module `random` with one *draw* while the body runs; None leaves it alone."""
    if draw is None:
        yield
        return
    state = random.getstate()
    random.seed(draw(RANDOM))
    try:
        yield
    finally:
        random.setstate(state)
