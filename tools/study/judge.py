"""
Judge the stored samples by all rules, and write the sampled part of docs/verdict-study.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy.stats import binomtest

from tools.study.collect import CONDITIONS
from tools.study.page import PAGE, table, write_section
from tools.study.peer_trials import peer_tally
from tools.study.peers import PEERS
from tools.study.samples import FOLDER, HEADS, LAUNCHES, Samples
from tools.study.tally import Tally, joined
from tools.study.trials import SUITE, disjoint, equal_suites, resampled
from tools.study.workloads import TAIL_WORKLOADS, WORKLOADS

_TITLES: Final = {"quiet": "Sampled, quiet machine", "noisy": "Sampled, noisy neighbour"}
_COLUMNS: Final = ("A/A", f"suites of {SUITE}", *HEADS[1:], "s at A/A", "s at +20")

ByHead = Mapping[str, Mapping[str, Tally]]
"""Head and workload to tally."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    A rule with all that was found of it.

    Attributes:
        name: As in the table.
        tallies: By head and workload.
        suites: Of equal code; None if they follow from single verdicts.
    """

    name: str
    tallies: ByHead
    suites: Tally | None = None

    @property
    def false_alarms(self) -> Tally:
        """All verdicts on equal code."""
        return joined(self.tallies["same"])

    @property
    def suite_ratio(self) -> float:
        """Share of suites of equal code with an alarm."""
        if self.suites is not None:
            return self.suites.ratio
        return 1 - (1 - self.false_alarms.ratio) ** SUITE

    def found(self, head: str) -> Tally:
        """Verdicts on *head* over all workloads in which it can be seen."""
        names = TAIL_WORKLOADS if head == "tail" else WORKLOADS
        return joined({name: self.tallies[head][name] for name in names})

    def beats(self, other: Row) -> bool:
        """Whether it alarms less often and finds +20 % more often, in no more time."""
        return (
            self.suite_ratio < other.suite_ratio
            and self.found("+20").ratio > other.found("+20").ratio
            and self.false_alarms.seconds <= other.false_alarms.seconds
        )


def main(arguments: Sequence[str]) -> None:
    """Judge the conditions that there are samples of."""
    parser = argparse.ArgumentParser(prog="python -m tools.study judge", description=__doc__)
    parser.add_argument("--samples", type=Path, default=FOLDER)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--suites", type=int, default=2_000)
    parser.add_argument("--trials", type=int, default=400, help="drawn per workload and change")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    for condition in CONDITIONS:
        if not (options.samples / f"{condition}.npz").exists():
            print(f"{condition}: no samples in {options.samples}")
            continue
        samples = Samples.load(condition, options.samples)
        rows = [
            *_our_rows(samples, options.suites, options.trials, options.seed),
            *_peer_rows(samples),
        ]
        text = section(samples, rows)
        write_section(_TITLES[condition], text, options.page)
        print(f"# {condition}\n\n{text}\n", flush=True)


def section(samples: Samples, rows: Sequence[Row]) -> str:
    """Return the text of one condition: what was measured, the rules, ours by workload."""
    ours = rows[0]
    better = [row.name for row in rows if row.suites is None and row.beats(ours)]
    suites = ours.suites
    assert suites is not None
    alarms = (
        f"Equal code had an alarm in {_share(suites)} suites of {SUITE} benchmarks with two "
        f"metrics each, at {suites.seconds:.0f} s a suite. Better in both columns in no more "
        f"time: {', '.join(better) or 'no method'}."
    )
    truth = (
        "True change of the median time of a call, in per cent: CPU time interleaved / wall "
        "time by itself."
    )
    return "\n\n".join(
        [
            _measured(samples),
            alarms,
            table(("rule", *_COLUMNS), [_cells(row) for row in rows]),
            "By workload, agent-perf on the CPU clock, rounds drawn anew: told (undecided), in %.",
            table(("workload", *HEADS), _by_workload(rows)),
            truth,
            table(("workload", *HEADS), _truth(samples)),
        ]
    )


def _our_rows(samples: Samples, suites: int, trials: int, seed: int) -> list[Row]:
    rows = []
    for clock in ("cpu", "wall"):
        found = equal_suites(samples, clock, suites=suites, seed=seed)
        for name, tallies in (
            (
                "rounds drawn anew",
                {h: resampled(samples, h, clock, trials=trials, seed=seed) for h in HEADS},
            ),
            ("each round used once", {h: disjoint(samples, h, clock) for h in HEADS}),
        ):
            title = f"agent-perf, {clock} median and P95, {name}"
            rows.append(Row(name=title, tallies=tallies, suites=found))
    return rows


def _peer_rows(samples: Samples) -> list[Row]:
    rows = [
        Row(name=name, tallies={head: peer_tally(peer, samples, head) for head in HEADS})
        for name, peer in PEERS.items()
    ]
    # A short collection holds no baseline from minutes before.
    return [row for row in rows if row.false_alarms.trials]


def _cells(row: Row) -> list[str]:
    suites = f"{row.suite_ratio * 100:.3g} %"
    return [
        row.name,
        _share(row.false_alarms),
        suites if row.suites else f"≈ {suites}",
        *(_short(row.found(head)) for head in HEADS[1:]),
        f"{row.false_alarms.seconds:.2g}",
        f"{row.found('+20').seconds:.2g}",
    ]


def _share(tally: Tally) -> str:
    """Return a share with its exact interval of 95 % (Clopper and Pearson, 1934)."""
    if not tally.trials:
        return "–"
    low, high = binomtest(tally.told, tally.trials).proportion_ci(method="exact")
    return f"{tally.ratio * 100:.3g} % ({low * 100:.2g} to {high * 100:.2g}) of {tally.trials:,}"


def _short(tally: Tally) -> str:
    return f"{tally.ratio * 100:.3g} % of {tally.trials:,}" if tally.trials else "–"


def _by_workload(rows: Sequence[Row]) -> list[list[str]]:
    ours = rows[0].tallies
    return [
        [
            workload,
            *(
                f"{one.ratio * 100:.3g} ({one.undecided / max(1, one.trials) * 100:.2g})"
                for one in (ours[head][workload] for head in HEADS)
            ),
        ]
        for workload in WORKLOADS
    ]


def _truth(samples: Samples) -> list[list[str]]:
    rows = []
    for at, workload in enumerate(WORKLOADS):
        cells = []
        for head in HEADS:
            sides = samples.rounds(head)[:, at, 0, 0]
            fan = np.median(sides[:, 1] / sides[:, 0]) - 1
            alone = samples.solo_calls[:, :, at, 2]
            solo = np.median(alone[:, LAUNCHES.index(head)]) / np.median(alone[:, 0]) - 1
            cells.append(f"{fan * 100:+.1f} / {solo * 100:+.1f}")
        rows.append([workload, *cells])
    return rows


def _measured(samples: Samples) -> str:
    equal = samples.rounds("same").astype(float)
    noise = np.log(equal[..., 1] / equal[..., 0])
    # 1.4826 times the median deviation is the standard deviation of a normal distribution.
    spread = 1.4826 * np.median(np.abs(noise - np.median(noise, axis=0)), axis=(0, 1)) * 100
    return (
        f"{len(samples.at_s)} cycles, {samples.spent_s.sum() / 60:.0f} minutes: "
        f"{len(equal):,} rounds of equal code and {len(samples.fans):,} of every "
        f"change, of {len(WORKLOADS)} workloads; {len(samples.solos):,} launches of everything "
        f"by itself. Noise of a round's log ratio: CPU median {spread[0, 0]:.1f} %, CPU P95 "
        f"{spread[0, 1]:.1f} %, wall median {spread[1, 0]:.1f} %, wall P95 {spread[1, 1]:.1f} %. "
        f"A round of a benchmark takes {samples.round_s() * 1e3:.0f} ms; some task waited for a "
        f"CPU in {float(samples.pair_busy[..., 0].mean()) * 100:.0f} % of the time."
    )
