"""
The text of the section "History" of docs/verdict-study.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tools.study.history.agreement import Agreement
from tools.study.history.archives import ARCHIVES
from tools.study.history.scores import REACH, Score, f1_difference
from tools.study.history.series import Collection
from tools.study.page import table

_RIVALS: Final = ("asv steps", "Otava", "PELT", "Perfherder")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """
    What the section tells.

    Attributes:
        ours: Name of our method.
        peers: Packages that were compared, with versions.
        real: Collections of real noise.
        made: Collections of made noise.
        scores: Name of method to name of collection to score.
        tuned: Names of those methods that are the best of their family on the tuning halves.
        times_ms: Name of method to milliseconds a series.
        agreements: Name of archive to name of method to agreement.
        pair_counts: Name of archive to its number of benchmarks on two machines.
    """

    ours: str
    peers: str
    real: Sequence[Collection]
    made: Sequence[Collection]
    scores: Mapping[str, Mapping[str, Score]]
    tuned: Sequence[str]
    times_ms: Mapping[str, float]
    agreements: Mapping[str, Mapping[str, Agreement]]
    pair_counts: Mapping[str, int]


def text_of(results: Results) -> str:
    """Return the section without its heading."""
    return "\n\n".join(
        [
            _INTRO,
            "### Real noise, planted changes",
            "F1, and the share of series without a change in which something was found.",
            _table(results, results.real),
            _shares(results),
            "### Made noise, planted changes",
            _table(results, results.made),
            "### Against each",
            _margins(results),
            "### Whole histories of two machines",
            _agreements(results),
            "### Sources",
            _sources(results),
        ]
    )


def _table(results: Results, collections: Sequence[Collection]) -> str:
    rows = [
        ["method", *(f"{one.name} ({len(one.series)})" for one in collections), "ms"],
    ]
    for name, row in results.scores.items():
        cells = [_cell(results, name, row[one.name], one.name) for one in collections]
        rows.append([_label(results, name), *cells, f"{results.times_ms[name]:.2f}"])
    return table(rows[0], rows[1:])


def _cell(results: Results, name: str, score: Score, collection: str) -> str:
    text = f"{score.f1:.3f}, {score.null_ratio:.1%}"
    best = max(row[collection].f1 for row in results.scores.values())
    return f"**{text}**" if score.f1 == best else text


def _label(results: Results, name: str) -> str:
    return f"{name} †" if name in results.tuned else name


def _shares(results: Results) -> str:
    """Precision, recall by size and error of place, over all collections of real noise."""
    sizes = sorted(
        {size for row in results.scores.values() for one in row.values() for size in one.by_ratio}
    )
    rows = [
        ["method", "precision", "recall", *(f"{size:.0%} found" for size in sizes), "off by"],
    ]
    for name, row in results.scores.items():
        scores = [row[one.name] for one in results.real]
        hits, false_alarms, misses = sum(one.counts.sum(axis=0) for one in scores)
        found = []
        for size in sizes:
            got = sum(one.by_ratio.get(size, (0, 0))[0] for one in scores)
            planted = sum(one.by_ratio.get(size, (0, 0))[1] for one in scores)
            found.append(f"{got / planted:.0%}")
        errors = [error for one in scores for error in one.errors]
        rows.append(
            [
                _label(results, name),
                f"{hits / max(1, hits + false_alarms):.3f}",
                f"{hits / (hits + misses):.3f}",
                *found,
                f"{sum(errors) / max(1, len(errors)):.2f}",
            ]
        )
    return (
        "All of these together; *off by* is the mean distance of what was found from its place, in "
        f"commits:\n\n{table(rows[0], rows[1:])}"
    )


def _margins(results: Results) -> str:
    names = [one.name for one in (*results.real, *results.made)]
    rows = [["against", "higher", "surely", "lower", "surely", "surely lower on", "time"]]
    ours = results.scores[results.ours]
    for rival, theirs in results.scores.items():
        if rival.startswith(_RIVALS):
            between = {name: f1_difference(ours[name], theirs[name]) for name in names}
            below = [name for name, (_, high) in between.items() if high < 0]
            rows.append(
                [
                    _label(results, rival),
                    f"{sum(ours[name].f1 > theirs[name].f1 for name in names)}",
                    f"{sum(low > 0 for low, _ in between.values())}",
                    f"{sum(ours[name].f1 < theirs[name].f1 for name in names)}",
                    f"{len(below)}",
                    ", ".join(below) or "none",
                    f"{results.times_ms[rival] / results.times_ms[results.ours]:.1f}×",
                ]
            )
    return (
        f"On how many of the {len(names)} collections the F1 of agent-perf is higher or lower, and "
        "surely so by a 95 % interval (series drawn again 2,000 times; windows of own noise are "
        f"used six times each, so that its intervals are too narrow):\n\n{table(rows[0], rows[1:])}"
    )


def _agreements(results: Results) -> str:
    parts = [_PAIRS]
    for archive, row in results.agreements.items():
        rows = [
            ["method", "found", "confirmed", "by chance", "beyond chance"],
        ]
        for name, one in row.items():
            share = one.confirmed / max(1, one.found)
            rows.append(
                [
                    _label(results, name),
                    f"{one.found:,}",
                    f"{one.confirmed:,} ({share:.0%})",
                    f"{one.by_chance:.0f}",
                    f"{one.confirmed - one.by_chance:.0f}",
                ]
            )
        parts.append(
            f"{archive}, {results.pair_counts[archive]} benchmarks:\n\n{table(rows[0], rows[1:])}"
        )
    return "\n\n".join(parts)


def _sources(results: Results) -> str:
    rows = [["source", "at", "licence"]]
    rows += [[one.repository, f"`{one.commit[:12]}`", one.licence] for one in ARCHIVES]
    return (
        "Clones of these hold the data; none of it is kept here. *Own noise* is kept, in "
        "`tests/tools/history/noise.npz`: `python -m tools.study.history.noise` collected it on "
        f"two shared cores, busy with other work.\n\n{table(rows[0], rows[1:])}\n\n"
        f"Peers: {results.peers}. Not told of: Mozilla's labelled alerts, "
        "whose repository was larger than could be copied; the few series in the tests of Otava, "
        "of its forerunner Hunter and of MongoDB's detector, labelled by what those find."
    )


_PAIRS: Final = f"""
Nothing planted, nothing chosen: some benchmarks were run by two machines. What one tells is
*confirmed* if the other tells it at the same time, within {REACH} commits. *By chance*: confirmed
when one history is turned against the other; the difference is real changes, found twice. Some
changes rightly show on one machine only.
""".strip()

_INTRO: Final = f"""
Made by `tox -e study -- history --data FOLDER`; *FOLDER* holds clones of the sources.

Each series is quiet by a rule that knows no detector: medians of blocks of 40 and of 20 commits,
and of the first and last 10 and 5, lie within 2 % of the whole or within what the scatter explains.
Into every other one 1 or 2 changes (1 to 5 into the longer made ones) of 5 to 30 % are planted, up
and down, at least 15 commits apart. A change found within {REACH} commits of a planted one is that
one. Real windows have 200 commits, made ones 300.

The rule of quiet was changed once after results had been seen. With medians of blocks of 40 alone,
F1 of agent-perf was .960, .915 and .783 on numpy-bench, scipy-bench and django-asv, and it found
something in 10.5, 16.5 and 20.4 % of the series without a planted change (Perfherder's rule: 11.5,
6.5 and 1.3 %). Most that were looked at in scipy-bench step visibly near an end; several in
django-asv are noise of several modes, and so false alarms. Today's rule leaves out both kinds. Of
own noise the P95 of wall time is left out, which moved a hundredfold, and each window is used six
times: of the first 22 planted changes agent-perf's F1 was .714, asv's .769.

Settings marked † have the best mean F1 of their method on half of the benchmarks of numpy-bench and
on made series with other seeds, among those that `tools/study/history/methods.py` lists; the others
are those that users of the method are told. While agent-perf's own constants were chosen, series of
all of numpy-bench and of django-asv were looked at; scipy-bench, empymod-bench, kedro and own
noise were not. PELT is given the logarithms, in units of their noise, and a smallest change; its l1
is too slow to be tuned. Times are CPU time a series, taken in turns in one run, the median.
""".strip()
