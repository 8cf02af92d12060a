"""Files of other tools before the gate: what may be compared, and what is made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent_perf.errors import NothingMeasuredError, UsageError
from agent_perf.gate import (
    PROCESSES_ADVISED,
    TimedSides,
    judge_timings,
    make_policy,
    timed_duets,
)
from agent_perf.records import Decision, Outcome, Timing, TimingFile, Verdict

MACHINE = {"system": "Linux", "Python": "CPython 3.11"}
# Noise of a per cent: of fixed values, so that the verdict is the same each time.
NOISE = (1.0, 1.008, 0.991, 1.004, 0.996, 1.01, 0.99, 1.002, 0.999, 1.006, 0.994, 1.003)
DEFAULT = make_policy({}, {})
NAME = "tests/test_a.py::test_get[lru]"


def file(side: str, index: int, by: float = 1.0, **changes: Any) -> TimingFile:
    """The file of one process: base and head take turns, a minute each."""
    timing = Timing(
        benchmark=NAME, metrics={"wall.median": 1e-6 * by * NOISE[index % 12]}, call_count=50
    )
    return replace(
        TimingFile(
            source=f"{side}-{index}.json",
            tool="pytest-benchmark 5.3.1",
            at_s=120.0 * index + (60.0 if side == "head" else 0.0),
            machine=MACHINE,
            commit={"base": "b", "head": "d"}[side] * 40,
            is_dirty=False,
            timings=(timing,),
        ),
        **changes,
    )


def sides(count: int = PROCESSES_ADVISED, by: float = 1.0) -> TimedSides:
    return TimedSides(
        base=tuple(file("base", index) for index in range(count)),
        # Half a turn on, so that base and head do not have the same noise.
        head=tuple(
            replace(file("head", index), timings=file("head", index + 5, by).timings)
            for index in range(count)
        ),
    )


def decide(timed: TimedSides, **policy: Any) -> Decision:
    rules = make_policy(policy.get("limits", {}), policy.get("targets", {}))
    return judge_timings(timed, timed_duets(timed, rules), rules)


@pytest.mark.parametrize(
    ("by", "outcome"), [(1.0, Outcome.PASS), (1.5, Outcome.FAIL), (0.5, Outcome.PASS)]
)
def test_many_processes_in_turns_are_judged(by: float, outcome: Outcome) -> None:
    """
    Ten processes a side tell equal code from code half as fast again, and twice as fast.
    """
    decision = decide(sides(by=by))

    assert outcome is decision.outcome
    assert () == decision.warnings
    assert ("b" * 40, "d" * 40) == (decision.base, decision.head)


def test_the_later_processes_confirm() -> None:
    """
    Once the first processes call it regressed, the later ones are fresh rounds; where nothing
    is suspected, all are judged together.
    """
    (slow,) = timed_duets(sides(11, by=1.5), DEFAULT)
    (same,) = timed_duets(sides(11), DEFAULT)

    assert slow.confirmation is not None
    assert (4, 7) == (len(slow.base), len(slow.confirmation.base))
    assert same.confirmation is None
    assert 11 == len(same.base)
    assert 50 == same.calls_per_round


def test_what_is_not_confirmed_has_not_regressed() -> None:
    """
    Slow in the first four processes alone is no regression.
    """
    slow, same = sides(by=1.5), sides()
    decision = decide(replace(same, head=(*slow.head[:4], *same.head[4:])))

    assert Outcome.FAIL is not decision.outcome
    assert decision.comparisons[0].confirmation is not None


def test_pairs_are_made_by_time() -> None:
    """
    In whichever order files are named, the first of the base is paired with the first of
    the head: a shell puts base-10 before base-2.
    """
    timed = sides()
    shuffled = replace(timed, base=timed.base[::-1], head=timed.head[3:] + timed.head[:3])

    assert timed_duets(timed, DEFAULT) == timed_duets(shuffled, DEFAULT)
    assert decide(timed) == decide(shuffled)


@pytest.mark.parametrize("count", [1, 3])
def test_few_processes_are_undecided(count: int) -> None:
    """
    However many calls they hold, a few processes tell nothing of how processes differ; the
    reason says what to do.
    """
    decision = decide(sides(count, by=3.0))
    (one,) = decision.comparisons

    assert Outcome.UNDECIDED is decision.outcome
    assert Verdict.UNDECIDED is one.verdict
    assert f"time {PROCESSES_ADVISED} a side, in turns" in one.reason
    assert one.base is not None
    assert one.head is not None
    assert one.change_ratio == one.head / one.base - 1


def test_sides_one_after_the_other_are_doubted() -> None:
    """
    Base in the morning and head in the evening are compared, with a word of doubt.
    """
    timed = sides()
    late = replace(timed, head=tuple(replace(one, at_s=one.at_s + 36_000) for one in timed.head))

    assert any("not timed in turns" in word for word in decide(late).warnings)
    assert not any("not timed in turns" in word for word in decide(timed).warnings)


def test_unequal_counts_are_told() -> None:
    """
    What has no counterpart is left out, and that is said.
    """
    timed = sides()
    decision = decide(replace(timed, head=timed.head[:6]))

    assert (
        "10 processes of the base and 6 of the head: of either the first 6 are compared"
    ) in decision.warnings
    assert 6 == decision.comparisons[0].sample_count


def test_other_machines_are_refused() -> None:
    """
    Times of different machines do not compare, within a side neither, unless asked for.
    """
    other = file("head", 1, machine=MACHINE | {"Python": "CPython 3.12"})
    files = {"base": (file("base", 0),), "head": (file("head", 0), other)}

    with pytest.raises(UsageError, match=r"base-0.json and head-1.json .* CPython 3.11 and CPy"):
        TimedSides(**files)
    TimedSides(**files, any_machine=True)


def test_one_process_counts_once() -> None:
    """
    The same file twice, under whatever name, is no second process.
    """
    twice = (file("base", 0), replace(file("base", 0), source="copy.json"))

    with pytest.raises(UsageError, match=r"base-0.json and copy.json hold the same times"):
        TimedSides(base=twice, head=(file("head", 0),))
    with pytest.raises(UsageError, match="no file of the head"):
        TimedSides(base=(file("base", 0),), head=())


def test_what_one_side_has_is_new_or_missing() -> None:
    """
    A benchmark of the head alone is new, one of the base alone is missing and warned of.
    """
    timed = sides()
    more = {"base": "test_old", "head": "test_b"}
    base, head = (
        tuple(
            replace(one, timings=(*one.timings, replace(one.timings[0], benchmark=more[side])))
            for one in getattr(timed, side)
        )
        for side in more
    )
    decision = decide(TimedSides(base=base, head=head))

    assert {NAME: Verdict.UNCHANGED, "test_old": Verdict.MISSING, "test_b": Verdict.NEW} == {
        one.benchmark: one.verdict for one in decision.comparisons
    }
    assert "test_old is timed on the base only" in decision.warnings


def test_nothing_in_common_is_no_pass() -> None:
    """
    Where each side has names of its own there is nothing to judge, and that is an error.
    """
    timed = sides()
    renamed = tuple(
        replace(one, timings=(replace(one.timings[0], benchmark="b"),)) for one in timed.head
    )

    with pytest.raises(UsageError, match=r"no benchmark in common: .*lru.* in base-0.json, b in"):
        decide(replace(timed, head=renamed))


def test_other_settings_are_told() -> None:
    """
    Base without garbage collections and head with them: compared, and said.
    """
    timed = sides()
    base, head = (
        tuple(
            replace(one, timings=(replace(one.timings[0], settings={"disable_gc": word}),))
            for one in files
        )
        for word, files in (("True", timed.base), ("False", timed.head))
    )

    assert f"{NAME}: disable_gc is True on the base, False here" in (
        decide(TimedSides(base=base, head=head)).warnings
    )


def test_limits_and_targets_hold() -> None:
    """
    The project's limits and targets are those of any sampled metric; brackets in a name are
    no pattern.
    """
    fast = decide(sides(), targets={NAME: {"wall.median": "900ns"}})
    free = decide(sides(by=1.5), limits={f"{NAME}:wall.*": "off"})

    assert Outcome.FAIL is fast.outcome
    assert "limit=900ns" in fast.lines[0]
    assert Outcome.PASS is free.outcome


def test_no_benchmark_is_no_pass() -> None:
    """
    A head without any benchmark was not measured.
    """
    timed = sides()
    empty = replace(timed, head=tuple(replace(one, timings=()) for one in timed.head))

    with pytest.raises(NothingMeasuredError, match="--benchmark-disable"):
        decide(empty)
