"""
What the code under load logs: told once per message, with how often, instead of each time.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_KINDS_MAX: Final = 20


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


@contextmanager
def tallied_logs(lines: list[str]) -> Iterator[None]:
    """Run the body, and add to *lines* what it logged: at most 20 messages, most often first."""
    tally, root = _Tally(), logging.getLogger()
    root.addHandler(tally)
    try:
        yield
    finally:
        root.removeHandler(tally)
        lines += [
            f"{count:,} x {level} {name}: {template}"
            for (level, name, template), count in tally.counts.most_common()
        ]
