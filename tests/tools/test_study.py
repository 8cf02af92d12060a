"""The referee of `tox -e study`: what is planted, how rounds reach our rule, and the page."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from agent_perf.records import Verdict
from agent_perf.stats import LOOKS
from tools.study.launches import BLOCK_CALLS, BLOCKS, Launch, Spread, duet_round
from tools.study.machine import FIELDS
from tools.study.ours import Outcome, Stream, judge_suite
from tools.study.page import table, write_section
from tools.study.samples import CLOCKS, HEADS, LAUNCHES, Samples, condensed
from tools.study.tally import Tally, joined
from tools.study.trials import disjoint, equal_suites, resampled
from tools.study.worker import draw_units
from tools.study.workloads import BASE_UNITS, WORKLOADS


def stream(ratio: float, rounds: int, noise: float = 0.01, seed: int = 1) -> Stream:
    """Rounds whose median and P95 are worse by *ratio*."""
    dice = np.random.default_rng(seed)
    values = np.ones((rounds, 2, 2))
    values[..., 1] = (1 + ratio) * np.exp(dice.normal(0, noise, (rounds, 2)))
    return Stream(clock="cpu", values=values, busy=np.zeros((rounds, 2)))


def samples(cycles: int = 2, change: float = 0.3) -> Samples:
    """Six pairs and three fans a cycle; each head but equal code is worse by *change*."""
    dice = np.random.default_rng(3)
    shape = (len(WORKLOADS), len(CLOCKS), 2, 2)
    pairs = np.exp(dice.normal(0, 0.01, (6 * cycles, *shape)))
    fans = np.exp(dice.normal(0, 0.01, (3 * cycles, len(HEADS), *shape)))
    fans[:, 1:, ..., 1] *= 1 + change
    return Samples(
        pairs=pairs.astype(np.float32),
        fans=fans.astype(np.float32),
        pair_busy=np.zeros((6 * cycles, len(WORKLOADS), 2), np.float32),
        fan_busy=np.zeros((3 * cycles, len(WORKLOADS), 2), np.float32),
        solos=np.ones((cycles, len(LAUNCHES), len(WORKLOADS), 100), np.float32),
        solo_calls=np.ones((cycles, len(LAUNCHES), len(WORKLOADS), 3), np.float32),
        at_s=np.arange(cycles, dtype=float),
        spent_s=np.array([30.0 * cycles, 40.0, 50.0]),
    )


def test_what_is_planted() -> None:
    """
    +20 % are 24 units instead of 20 in each call; a tail are twice the units in 8 of 100.
    """
    more, tail = draw_units(20, 0, 1), draw_units(0, 8, 1)
    drawn = [tail() for _ in range(20_000)]

    assert {24} == {more() for _ in range(100)}
    assert {BASE_UNITS, 2 * BASE_UNITS} == set(drawn)
    # Of 20,000 draws four standard deviations are .8 per cent.
    assert 0.072 < drawn.count(2 * BASE_UNITS) / len(drawn) < 0.088


def test_parts_of_units_are_refused() -> None:
    """
    What would not be whole units is no planted change.
    """
    with pytest.raises(SystemExit, match="whole units"):
        draw_units(7, 0, 1)


def test_a_real_round() -> None:
    """
    A round gives positive times of each call of each variant, and how long each part took.
    """
    spent_ns, machine = duet_round(("base", "+30"), random.Random(1))

    assert (2, 2, len(WORKLOADS), BLOCKS, BLOCK_CALLS) == spent_ns.shape
    assert (spent_ns > 0).all()
    assert (len(WORKLOADS), len(FIELDS)) == machine.shape
    assert (machine[:, 0] > 0).all()


def test_a_launch_that_ends_is_told() -> None:
    """
    A workload that there is not ends the launch, and collecting with it.
    """
    launch = Launch("base", Spread(hash_seed=1, core=0, seed=1))
    try:
        with pytest.raises(RuntimeError, match="ended with code 1"):
            launch.run("nonsense", 1)
    finally:
        launch.stop()


def test_condensed(tmp_path: Path) -> None:
    """
    Condensed samples have the ratio of the calls, in seconds, and come back from their file.
    """
    count = len(LAUNCHES)
    fans = np.full((3, 2, count, len(WORKLOADS), BLOCKS, BLOCK_CALLS), 1000, np.int32)
    fans[:, :, 1 + HEADS.index("+20")] = 1200
    np.savez(
        tmp_path / "quiet-0000.npz",
        pairs=fans[:, :, :2],
        pair_machine=np.tile([2.0, 1.0, 0.5, 2.0], (3, len(WORKLOADS), 1)),
        fans=fans,
        fan_machine=np.ones((3, len(WORKLOADS), 4)),
        solos=np.full((2, count, len(WORKLOADS), 1000), 2000, np.int32),
        spent_s=np.array([1.0, 2.0, 3.0]),
        at_s=7.0,
    )
    condensed(sorted(tmp_path.glob("quiet-*.npz"))).save("quiet", tmp_path)
    stored = Samples.load("quiet", tmp_path)
    ratios = stored.rounds("+20")[..., 1] / stored.rounds("+20")[..., 0]

    assert ratios == pytest.approx(1.2)
    assert stored.rounds("same")[..., 0] == pytest.approx(1e-6)
    assert 6 == len(stored.rounds("same"))
    assert (2e-6 == stored.solos).all()
    assert [0.5, 0.25] == stored.busy("same")[0, 0].tolist()
    assert 1.0 / (3 * len(WORKLOADS)) == pytest.approx(stored.round_s())


def test_our_rule_takes_fresh_rounds_for_a_confirmation() -> None:
    """
    What is worse at first and fine in the rounds after it is not told; worse in all, it is.
    """
    worse, fine = stream(0.4, 96), stream(0.0, 96)
    values = np.concatenate([worse.values[: LOOKS[0]], fine.values])
    mixed = Stream(clock="cpu", values=values, busy=np.zeros((len(values), 2)))
    outcomes = judge_suite([worse, fine, mixed])

    assert [True, False, False] == [one.regressed for one in outcomes]
    assert LOOKS[0] == outcomes[1].rounds
    assert all(outcomes[at].rounds >= 2 * LOOKS[0] for at in (0, 2))


def test_trials() -> None:
    """
    Equal code gives no alarm, +30 % is always told; disjoint rounds are used once.
    """
    found = samples()
    suites = equal_suites(found, "cpu", suites=2, seed=1)
    drawn = joined(resampled(found, "+30", "cpu", trials=3, seed=1))
    once = joined(disjoint(found, "same", "cpu"))

    assert (0, 2) == (suites.told, suites.trials)
    assert (3 * len(WORKLOADS),) * 2 == (drawn.told, drawn.trials)
    assert 0 == once.told
    # 18 rounds in either direction, at least LOOKS[0] for a verdict.
    assert 0 < once.trials <= 2 * len(WORKLOADS) * (18 // LOOKS[0])
    assert drawn.seconds > once.seconds > 0


def test_tallies_join() -> None:
    """
    Shares are of all trials, seconds weighted with them; without trials there is no share.
    """
    both = joined({"a": Tally(told=1, trials=1, seconds=4.0), "b": Tally(told=0, trials=3)})

    assert (0.25, 1.0) == (both.ratio, both.seconds)
    assert np.isnan(Tally(told=0, trials=0).ratio)


def test_an_outcome_with_a_regression_is_not_undecided() -> None:
    """
    One metric regressed is a regression, whatever the other came to.
    """
    one = Outcome(verdicts=(Verdict.REGRESSED, Verdict.UNDECIDED), rounds=1)
    other = Outcome(verdicts=(Verdict.UNCHANGED, Verdict.UNDECIDED), rounds=1)

    assert (True, False) == (one.regressed, one.undecided)
    assert (False, True) == (other.regressed, other.undecided)


def test_a_section_is_replaced_where_it_was(tmp_path: Path) -> None:
    """
    Writing a section again changes it alone.
    """
    page = tmp_path / "page.md"
    for title, text in (("A", "one"), ("B", table(("x", "y"), [("1", "2")])), ("A", "new")):
        write_section(title, text, page)
    text = page.read_text(encoding="utf-8")

    assert text.index("## A\n\nnew\n") < text.index("## B\n\n| x | y |\n| --- | --: |\n| 1 | 2 |\n")
    assert "one" not in text.split("## A")[1]
