"""
Doors of rooms whose files are imported only when a name of theirs is first used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def open_door(
    room: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """
    Return the ``__getattr__`` and ``__dir__`` of the package *room*.

    Args:
        room: Its ``__name__``.
        names: File in it, without ``.py``, to the names that it exports.

    Example::

        __getattr__, __dir__ = open_door(__name__, {"memory": ("MemoryCache",)})
    """
    home = {name: file for file, exported in names.items() for name in exported}

    def get(name: str) -> object:
        if name not in home:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        value: object = getattr(import_module(f"{room}.{home[name]}"), name)
        # The next look-up does not come here again.
        setattr(sys.modules[room], name, value)
        return value

    return get, lambda: sorted(home)
