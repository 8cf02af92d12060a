"""
What is known of one commit while workers come and go: nothing is told twice, or lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from agent_perf.records import Failure
from agent_perf.suite import Event

LOSSES_MAX: Final = 3
"""Workers that may be lost while one benchmark runs. Machines are lost by chance, three times
over they are not."""


class Account:
    """
    Events of one commit, from as many tries as it takes.

    Args:
        commit: 40 hex digits.
        package: The benchmark package; stands for what happens before a benchmark runs.
    """

    def __init__(self, commit: str, package: str) -> None:
        self._commit = commit
        self._package = package
        self._found: tuple[str, ...] | None = None
        self._ended: set[str] = set()
        self._kinds: set[str] = set()
        self._lost: dict[str, list[str]] = {}
        self._running = package
        self.is_settled = False

    @property
    def ended(self) -> tuple[str, ...]:
        """Benchmarks that need not run again."""
        return tuple(sorted(self._ended))

    def take(self, event: Event) -> Iterator[Event]:
        """Yield *event*, if it is news."""
        match event.kind:
            case "found":
                if self._found is None:
                    self._found = event.names
                    yield event
            case "kept":
                yield from self._once(event.names[0].rsplit("-py", 1)[0], event)
            case "run" | "failed":
                self._running = self._package
                yield from self._once(event.names[0], event)
            case "started":
                self._running = event.names[0]
                yield event
            case "imports" | "commands":
                if event.kind not in self._kinds:
                    self._kinds.add(event.kind)
                    yield event

    def move(self) -> None:
        """It goes on elsewhere, which is nobody's fault here."""
        self._running = self._package

    def finish(self) -> None:
        """A worker has come to the end: nothing is left."""
        self.is_settled = True

    def lose(self, worker: str) -> Iterator[Event]:
        """
        Yield what is to be told of *worker*'s being lost: nothing, until it is one too many.
        """
        name, self._running = self._running, self._package
        self._lost.setdefault(name, []).append(worker)
        lost = self._lost[name]
        if len(lost) < LOSSES_MAX:
            return
        failure = Failure(
            benchmark=name,
            commit=self._commit,
            category="crashed",
            message=f"{len(lost)} workers were lost while it ran: {', '.join(lost)}",
        )
        owed = [name]
        if name == self._package:
            self.is_settled = True
            owed = [one for one in self._found or (name,) if one not in self._ended]
        for one in owed:
            told = replace(failure, benchmark=one)
            yield from self._once(one, Event(kind="failed", names=(one,), failure=told))

    def _once(self, name: str, event: Event) -> Iterator[Event]:
        if name not in self._ended:
            self._ended.add(name)
            yield event
