"""
Saying no: what a simulation may not do, where the code tried, and the way out.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from types import FrameType
from typing import Final, Literal, NoReturn

from agent_perf.errors import RealWorldAccess

_OWN: Final = str(Path(__file__).parent)
_LOOP: Final = str(Path(__file__).parent / "loop.py")
_STDLIB: Final = sysconfig.get_paths()["stdlib"]


class Refusals:
    """
    What was refused during one simulation.

    Libraries catch what they do not expect and carry on. The first refusal is kept, so
    that the simulation fails even if somebody swallowed it.
    """

    __slots__ = ("first",)

    def __init__(self) -> None:
        self.first: RealWorldAccess | None = None

    def refuse(self, what: str, way_out: str) -> NoReturn:
        """Raise RealWorldAccess: *what* was tried, from where, and what to do instead."""
        error = RealWorldAccess(f"{what} in a simulation, at {call_site()}; {way_out}")
        if self.first is None:
            self.first = error
        raise error

    def require_none(self) -> None:
        """Raise the first refusal, if there was one."""
        if self.first is not None:
            raise self.first


def call_site() -> str:
    """
    Return the nearest caller that is neither ours nor Python's own, as ``file:line in name``.

    If that is an installed library, the nearest caller that is not follows.
    """
    frame: FrameType | None = sys._getframe(1)
    library = ""
    while frame is not None:
        path = frame.f_code.co_filename
        if path == _LOOP:
            # What called the loop knows nothing of the step that is running.
            break
        match whose(path):
            case "library":
                library = library or _place(frame)
            case "user":
                return f"{_place(frame)}, through {library}" if library else _place(frame)
        frame = frame.f_back
    return library or "an unknown place"


def whose(path: str, own: str = _OWN) -> Literal["own", "library", "python", "user"]:
    """Return whose code the file *path* is; the simulator's is below *own*, wherever installed."""
    if path.startswith(own):
        return "own"
    if "site-packages" in path or "dist-packages" in path:
        return "library"
    return "python" if path.startswith((_STDLIB, "<")) else "user"


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
