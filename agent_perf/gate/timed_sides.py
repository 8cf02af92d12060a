"""
Files that other tools wrote for base and head: whether they may be compared, and what to doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from agent_perf.errors import UsageError
from agent_perf.gate.lines import harmless, one_line
from agent_perf.records import Timing, TimingFile

NO_BASE: Final = "no base"
"""What the base is called where there is none."""

_PLURALS: Final = {"process": "processes", "run": "runs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedSides:
    """
    What was measured of base and head: one for each process or run, in any order.

    Attributes:
        base: Empty if the head is held to its targets alone.
        head: At least one.
        names: How the report calls base and head; empty for the commit, or the first file.
        any_machine: Whether machines that differ are compared all the same.
    """

    base: tuple[TimingFile, ...]
    head: tuple[TimingFile, ...]
    names: tuple[str, str] = ("", "")
    any_machine: bool = False

    def __post_init__(self) -> None:
        if not self.head:
            raise UsageError("no file of the head; want at least one")
        files = (*self.base, *self.head)
        _check_tools(files)
        _check_sources(self)
        if not self.any_machine:
            _check_machines(files)

    @property
    def labels(self) -> tuple[str, str]:
        """What base and head are called."""
        return self.names[0] or _label(self.base), self.names[1] or _label(self.head)

    @property
    def round_word(self) -> str:
        """What each of the files is: ``process`` or ``run``."""
        return self.head[0].round_word

    @property
    def took_turns(self) -> bool | None:
        """Whether no pair was timed before the one before it was through; None if unknown."""
        times = [[one.at_s for one in in_order(files)] for files in (self.base, self.head)]
        pairs = list(zip(*times, strict=False))
        if any(None in pair for pair in pairs):
            return None if len(pairs) > 1 else True
        known = [[at_s for at_s in pair if at_s is not None] for pair in pairs]
        return all(max(before) <= min(after) for before, after in pairwise(known))


def in_order(files: Sequence[TimingFile]) -> list[TimingFile]:
    """Return *files* by the time at which they were written; as they are if one has none."""
    if any(file.at_s is None for file in files):
        return list(files)
    return sorted(files, key=lambda file: file.at_s or 0.0)


def _label(files: Sequence[TimingFile]) -> str:
    if not files:
        return NO_BASE
    commits = {file.commit for file in files}
    if len(commits) == 1 and files[0].commit:
        return files[0].commit
    sources = dict.fromkeys(file.source for file in files)
    rest = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
    return f"{files[0].source}{rest}"


def doubts(sides: TimedSides) -> Iterator[str]:
    """Yield what is worth knowing of *sides* before their comparison is believed."""
    yield from _notes(sides)
    if not sides.base:
        yield (
            f"there is no base: {counted(len(sides.head), sides.round_word)} of the head, held to "
            "targets by the median; whether it became worse is not judged"
        )
        yield from _withheld(sides.head)
        return
    if len(sides.base) != len(sides.head):
        yield (
            f"{counted(len(sides.base), sides.round_word)} of the base and {len(sides.head)} of "
            f"the head: of either the first {min(len(sides.base), len(sides.head))} are compared"
        )
    if sides.took_turns is False:
        yield (
            "base and head were not timed in turns: a change of the machine in between looks "
            "like a change of the code"
        )
    if sides.took_turns is None:
        yield (
            f"{sides.head[0].tool.partition(' ')[0]} does not tell when: if base and head did "
            "not take turns, a change of the machine in between looks like a change of the code"
        )
    for side, files in (("base", sides.base), ("head", sides.head)):
        if len({file.commit for file in files}) > 1:
            yield f"the files of the {side} are of several commits"
        if any(file.is_dirty for file in files):
            yield f"the {side} was timed with uncommitted changes"
    if len(set(sides.labels)) == 1:
        yield f"base and head are of one commit, {sides.labels[0]}"
    yield from _differences(sides)


def _differences(sides: TimedSides) -> Iterator[str]:
    base, head = _first_timings(sides.base), _first_timings(sides.head)
    for name in sorted(base.keys() - head.keys()):
        yield f"{harmless(name)} is timed on the base only"
    for name, timing in head.items():
        old = base.get(name)
        settings = old.settings if old else timing.settings
        for key, value in timing.settings.items():
            if settings.get(key) != value:
                yield f"{harmless(name)}: {key} is {settings.get(key)} on the base, {value} here"
    yield from _withheld(sides.head)


def _notes(sides: TimedSides) -> Iterator[str]:
    for side, files in (("base", sides.base), ("head", sides.head)):
        for note in dict.fromkeys(note for file in files for note in file.notes):
            yield f"{side}: {one_line(note)}"


def _withheld(files: Sequence[TimingFile]) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for name, timing in _first_timings(files).items():
        for metric, reason in timing.withheld.items():
            reasons.setdefault(f"{metric} is not judged: {reason}", []).append(name)
    for reason, names in reasons.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"{harmless(names[0])}{more}: {reason}"


def counted(count: int, word: str) -> str:
    """Return so many processes or runs in words."""
    return f"{count} {word if count == 1 else _PLURALS[word]}"


def _check_tools(files: Sequence[TimingFile]) -> None:
    first = files[0]
    for file in files[1:]:
        if file.tool.partition(" ")[0] != first.tool.partition(" ")[0]:
            raise UsageError(
                f"{first.source} is of {first.tool} and {file.source} of {file.tool}: what they "
                "measure differs; name files of one tool"
            )


def _check_sources(sides: TimedSides) -> None:
    """Refuse what is there twice, under whatever name."""
    seen: list[tuple[str, list[object]]] = []
    for files in (sides.base, sides.head):
        by_source: dict[str, list[object]] = {}
        for file in files:
            if file.timings:
                by_source.setdefault(file.source, []).append((file.at_s, file.timings))
        for source, held in by_source.items():
            for other, its in seen:
                if held == its:
                    raise UsageError(
                        f"{other} and {source} hold the same times; a {sides.round_word} counts "
                        "once: leave one out"
                    )
            seen.append((source, held))


def _check_machines(files: Sequence[TimingFile]) -> None:
    first = files[0]
    for file in files[1:]:
        different = [
            f"{name} {first.machine.get(name, 'unknown')} and {file.machine.get(name, 'unknown')}"
            for name in sorted({*first.machine, *file.machine})
            if first.machine.get(name) != file.machine.get(name)
        ]
        if different:
            raise UsageError(
                f"{first.source} and {file.source} are not comparable: {', '.join(different)}; "
                "time both sides on one machine, or say --any-machine"
            )


def _first_timings(files: Sequence[TimingFile]) -> Mapping[str, Timing]:
    found: dict[str, Timing] = {}
    for file in files:
        for timing in file.timings:
            found.setdefault(timing.benchmark, timing)
    return found
