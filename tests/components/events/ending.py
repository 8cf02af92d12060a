"""What ends a batcher, and what it leaves."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent_perf.components import (
    Event,
    EventFile,
)


def names(events: Sequence[Event]) -> list[str]:
    return [event.name for event in events]


class Crash(BaseException):
    """The end of the process."""


def saved(kept: EventFile) -> list[Event]:
    """Return what is in the file, and leave it there."""
    found: list[Event] = []
    with pytest.raises(Crash), kept.replay() as events:
        found += events
        raise Crash
    return found
