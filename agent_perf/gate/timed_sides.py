"""
Files that other tools wrote for base and head: whether they may be compared, and what to doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent_perf.errors import UsageError
from agent_perf.gate.lines import harmless
from agent_perf.records import Timing, TimingFile


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedSides:
    """
    The files of base and head: one for each process, in any order.

    Attributes:
        base: At least one.
        head: At least one.
        names: How the report calls base and head; empty for the commit, or the first file.
        any_machine: Whether machines that differ are compared all the same.
    """

    base: tuple[TimingFile, ...]
    head: tuple[TimingFile, ...]
    names: tuple[str, str] = ("", "")
    any_machine: bool = False

    def __post_init__(self) -> None:
        if not self.base or not self.head:
            raise UsageError(
                f"{len(self.base)} files of the base and {len(self.head)} of the head; want at "
                "least one of each"
            )
        files = (*self.base, *self.head)
        for index, file in enumerate(files):
            for other in files[:index]:
                if (file.at_s, file.timings) == (other.at_s, other.timings) and file.timings:
                    raise UsageError(
                        f"{file.source} and {other.source} hold the same times; a process counts "
                        "once: leave one out"
                    )
        if not self.any_machine:
            _check_machines(files)

    @property
    def labels(self) -> tuple[str, str]:
        """What base and head are called."""
        return self.names[0] or _label(self.base), self.names[1] or _label(self.head)

    @property
    def took_turns(self) -> bool:
        """Whether no pair was timed before the one before it was through."""
        pairs = list(zip(*map(in_order, (self.base, self.head)), strict=False))
        return all(
            max(one.at_s for one in before) <= min(one.at_s for one in after)
            for before, after in pairwise(pairs)
        )


def in_order(files: Sequence[TimingFile]) -> list[TimingFile]:
    """Return *files* by the time at which they were written."""
    return sorted(files, key=lambda file: file.at_s)


def _label(files: Sequence[TimingFile]) -> str:
    commits = {file.commit for file in files}
    if len(commits) == 1 and files[0].commit:
        return files[0].commit
    rest = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{files[0].source}{rest}"


def doubts(sides: TimedSides) -> Iterator[str]:
    """Yield what is worth knowing of *sides* before their comparison is believed."""
    if len(sides.base) != len(sides.head):
        yield (
            f"{len(sides.base)} files of the base and {len(sides.head)} of the head: of either "
            f"the first {min(len(sides.base), len(sides.head))} are compared"
        )
    if not sides.took_turns:
        yield (
            "base and head were not timed in turns: a change of the machine in between looks "
            "like a change of the code"
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
    reasons: dict[str, list[str]] = {}
    for name, timing in head.items():
        for metric, reason in timing.withheld.items():
            reasons.setdefault(f"{metric} is not judged: {reason}", []).append(name)
    for reason, names in reasons.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"{harmless(names[0])}{more}: {reason}"


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
