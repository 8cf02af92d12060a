"""
The line of a program that did something, as people want to see it.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from types import FrameType
from typing import Final

_PACKAGE: Final = Path(__file__).parents[2]
_UNDER_TEST: Final = f"{_PACKAGE}/components/"
_STDLIB: Final = sysconfig.get_paths()["stdlib"]


def calling_place() -> str:
    """
    Return the nearest caller that is the program's own, as ``file:line in name``.

    If there is none on the stack, the nearest library's; empty if there is neither.
    """
    frame: FrameType | None = sys._getframe(1)
    library = ""
    while frame is not None:
        path = frame.f_code.co_filename
        if "site-packages" in path or "dist-packages" in path:
            library = library or _place(frame)
        elif path.startswith(_UNDER_TEST) or not path.startswith((f"{_PACKAGE}/", _STDLIB, "<")):
            return _place(frame)
        frame = frame.f_back
    return library


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
