"""
What the code under load logs and prints: told once, with how often, instead of each time.
"""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Final

from agent_perf.scrubbing import harmless

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_KINDS_MAX: Final = 20
_FIRST_BYTES_MAX: Final = 160


class _Tally(logging.Handler):
    """
    Counts warnings and worse by their template; the arguments of each would have no end.

    Of a template's lines the first counts: asyncio's others name a task.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.counts: Counter[tuple[str, str, str]] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Count one record."""
        text = str(record.msg).partition("\n")[0]
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            text += f" ({type(error).__name__}: {error})"
        kind = (record.levelname, record.name, text)
        if kind in self.counts or len(self.counts) < _KINDS_MAX:
            self.counts[kind] += 1


class _Printed(io.RawIOBase):
    """
    Counts lines, and keeps the first that says something.
    """

    def __init__(self) -> None:
        super().__init__()
        self.line_count = 0
        self._begin = b""
        self._is_whole = False

    @property
    def first_line(self) -> str:
        return self._begin.decode(errors="replace").strip()

    def writable(self) -> bool:
        """Return True: nothing is refused."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Count the lines in *data*."""
        text = bytes(data)
        self.line_count += text.count(b"\n")
        if not self._is_whole:
            self._begin = (self._begin + text).lstrip()[:_FIRST_BYTES_MAX]
            self._begin, end, _ = self._begin.partition(b"\n")
            self._is_whole = bool(end) or len(self._begin) == _FIRST_BYTES_MAX
        return len(text)


@contextmanager
def tallied_logs(lines: list[str]) -> Iterator[None]:
    """
    Run the body, and add to *lines* what it logged and how much it printed.

    At most 20 messages, most often first. What it prints does not get to standard output, which
    is for the answer.
    """
    tally, root, printed = _Tally(), logging.getLogger(), _Printed()
    # Never closed: a handler made in the body may hold it, and write later.
    sink = io.TextIOWrapper(io.BufferedWriter(printed), encoding="utf-8", write_through=True)
    root.addHandler(tally)
    try:
        with redirect_stdout(sink):
            yield
    finally:
        root.removeHandler(tally)
        sink.flush()
        if printed.line_count:
            lines.append(
                f"{printed.line_count:,} lines printed, the first: {harmless(printed.first_line)}"
            )
        lines += [
            f"{count:,} x {level} {name}: {harmless(template)}"
            for (level, name, template), count in tally.counts.most_common()
        ]
