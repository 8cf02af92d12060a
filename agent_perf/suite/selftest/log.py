"""
The log of one run, step by step: hashed all along, kept only where it is asked for.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from agent_perf.sim import BACKGROUND_ID, step_name
from agent_perf.sim.request import request_of
from agent_perf.suite.selftest.places import calling_place

STRETCH: Final = 256
"""Entries from one checkpoint to the next: a run of 20,000 steps has some hundred."""

_ADDRESS: Final = re.compile(r"\b0x[0-9a-f]{6,16}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    A step, or something that is taken down within one.

    Attributes:
        index: Position in the log, from 0.
        at_ns: Virtual time.
        kind: ``step``, ``event``, or ``asked`` for the machine's own state: a clock, entropy.
        text: What it was, with its place in the code.
        request_id: Which request was running.
        place: The program's line that did it; empty for a step, whose text tells.
    """

    index: int
    at_ns: int
    kind: str
    text: str
    request_id: int = BACKGROUND_ID
    place: str = ""


class StepLog:
    """
    A probe that hashes what happens, and keeps a stretch of it.

    Args:
        keep: First index to keep, and the index to stop at.

    Attributes:
        checkpoints: The chained hash after each full stretch, and after the last entry.
        entries: What was kept.
    """

    def __init__(self, keep: tuple[int, int] = (0, 0)) -> None:
        self._keep_from, self._keep_to = keep
        self._hash = blake2b(digest_size=8)
        self._pending: list[str] = []
        self._count = 0
        self._step: asyncio.Handle | None = None
        self._now_ns = 0
        self.checkpoints: list[str] = []
        self.entries: list[Entry] = []

    def step(self, now_ns: int, handle: asyncio.Handle) -> None:
        """Take down a step."""
        self._step, self._now_ns = handle, now_ns
        self._add("step", now_ns, step_name(handle))

    def event(self, now_ns: int, *event: object) -> None:
        """Take down what the step under way did."""
        self._add("event", now_ns, " ".join(map(str, event)))

    def ask(self, text: str, place: str) -> None:
        """Keep that the step under way asked for the machine's own state; it is not hashed."""
        # What the harness asks for has no place in the program.
        if place and self._keeping:
            self._keep("asked", self._now_ns, text, place)

    def close(self) -> None:
        """Make the last checkpoint."""
        if self._pending:
            self._checkpoint()

    @property
    def count(self) -> int:
        """Entries so far."""
        return self._count

    def _add(self, kind: str, now_ns: int, text: str) -> None:
        if "0x" in text:
            # An address in a name tells nothing of the order of things.
            text = _ADDRESS.sub("0x...", text)
        if self._keeping:
            self._keep(kind, now_ns, text, calling_place() if kind == "event" else "")
        self._count += 1
        self._pending.append(f"{now_ns} {text}")
        if len(self._pending) == STRETCH:
            self._checkpoint()

    @property
    def _keeping(self) -> bool:
        return self._keep_from <= self._count < self._keep_to

    def _keep(self, kind: str, now_ns: int, text: str, place: str) -> None:
        entry = Entry(
            index=self._count,
            at_ns=now_ns,
            kind=kind,
            text=text,
            request_id=BACKGROUND_ID if self._step is None else request_of(self._step),
            place=place,
        )
        self.entries.append(entry)

    def _checkpoint(self) -> None:
        self._hash.update("\n".join(self._pending).encode("utf-8", "backslashreplace"))
        self._pending.clear()
        self.checkpoints.append(self._hash.hexdigest())
