"""
Finds the events of a stream while its pieces arrive.

Source: WHATWG, *HTML Living Standard*, "Server-sent events", sections 9.2.5 and 9.2.6.
"""

from __future__ import annotations

from typing import Final

_FIELD: Final = b"data"
_MARK: Final = b"\xef\xbb\xbf"
_BEGIN_BYTES: Final = len(_MARK) + len(_FIELD) + 1
"""So much of a line tells whether it is data: what else it holds is not kept."""


class EventStream:
    """
    Counts the events with data of one answer.

    Comments, names, ids and what was not ended by an empty line are none. Lines end with LF, CR
    LF or CR.

    Attributes:
        count: Events so far.
    """

    __slots__ = ("_after_return", "_begin", "_has_data", "_is_first_line", "count")

    def __init__(self) -> None:
        self.count = 0
        self._begin = b""
        self._has_data = self._after_return = False
        self._is_first_line = True

    def feed(self, piece: bytes) -> None:
        """Take what has arrived; the answer may be cut anywhere."""
        if self._after_return and piece.startswith(b"\n"):
            piece = piece[1:]
            self._after_return = False
        if not piece:
            return
        self._after_return = piece.endswith(b"\r")
        # Of bytes, these are just the three ends of lines that streams know.
        lines = (self._begin + piece).splitlines()
        self._begin = b"" if piece.endswith((b"\n", b"\r")) else lines.pop()[:_BEGIN_BYTES]
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_MARK)
        if not line:
            self.count += self._has_data
            self._has_data = False
        elif line.startswith(_FIELD) and line[len(_FIELD) : len(_FIELD) + 1] in {b"", b":"}:
            self._has_data = True
