"""
Builtin functions exchanged for a while, also where modules have imported them by name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import BuiltinFunctionType, ModuleType
from typing import Any, Final

_Place = tuple[ModuleType, str, Callable[..., Any], Callable[..., Any]]

_stand_ins: Final[dict[object, Callable[..., Any]]] = {}
_found: Final[list[_Place]] = []
_searched: Final[set[str]] = set()


def stand_in(original: Callable[..., Any], replacement: Callable[..., Any]) -> None:
    """
    Let *replacement* stand in for the builtin *original* while `exchanged` is open.

    It may stay behind in a module that is imported meanwhile, and other threads call it
    too: so off duty it must do what the original does. Call this at import.
    """
    _stand_ins[original] = replacement


@contextmanager
def exchanged() -> Iterator[None]:
    """Exchange all that have a stand-in while the body runs, save where that is defined."""
    with ExitStack() as stack:
        for module, name, original, replacement in _capturers():
            stack.callback(setattr, module, name, original)
            setattr(module, name, replacement)
        yield


def _capturers() -> list[_Place]:
    """
    Return every module variable that holds an original, with its replacement.

    A module is searched once, which takes some 10 µs.
    """
    for module_name in sys.modules.keys() - _searched:
        _searched.add(module_name)
        module: object = sys.modules[module_name]
        if not isinstance(module, ModuleType):
            continue
        for name, value in list(vars(module).items()):
            # Not isinstance: it asks lazy proxies for their class, and openai's then import
            # some 1,500 modules.
            if type(value) is not BuiltinFunctionType or value not in _stand_ins:
                continue
            if _stand_ins[value].__module__ != module_name:
                _found.append((module, name, value, _stand_ins[value]))
    return _found
