"""
The whole of the history part of the study, in one run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from tools.study.history.agreement import Agreement, Pair, agreement, read_pairs
from tools.study.history.archives import ARCHIVES
from tools.study.history.collection import TELL_SEED, made_collections, real_collections
from tools.study.history.evaluation import Findings, best_settings, scores_of, times_ms, versions
from tools.study.history.methods import CANDIDATES, METHODS, OURS, Method
from tools.study.history.page import Results, text_of
from tools.study.page import write_section

_TIMED: Final = 3
_PAIRED: Final = ("numpy-bench", "scipy-bench")
_PAIR_COMMITS_MIN: Final = 80
_SLOW: Final = "PELT"
"""Hundreds of milliseconds a series; left out where nothing is planted."""


def run(data: Path, count: int, page: Path) -> None:
    """
    Tune, tell, time, and write the section into *page*.

    Args:
        data: Folder with clones.
        count: Series in a collection of real noise; one of made noise a quarter.
        page: Markdown; only its section History is written.
    """
    real, made = real_collections(data, count), made_collections(count // 4)
    findings = Findings(data / "found.json")
    print("Tuning:")
    tuning = [one for one in (*real, *made) if one.tune]
    best = best_settings((*METHODS, *CANDIDATES), tuning, findings)
    extra = [method for method in best.values() if not method.recommended]
    methods = (*METHODS, *extra)
    real, made = (tuple(one for one in kind if not one.tune) for kind in (real, made))
    print("Telling:")
    scores = scores_of(methods, (*real, *made), findings)
    pairs = {
        archive.name: _drawn(read_pairs(archive, data, _PAIR_COMMITS_MIN), count)
        for archive in ARCHIVES
        if archive.name in _PAIRED
    }
    agreements = {name: _agreements(methods, some, findings) for name, some in pairs.items()}
    timed = [one for group in (*real, *made) for one in group.series[:_TIMED]]
    results = Results(
        ours=OURS,
        peers=versions(),
        real=real,
        made=made,
        scores=scores,
        tuned=[method.name for method in best.values()],
        times_ms=times_ms(methods, timed),
        agreements=agreements,
        pair_counts={name: len(some) for name, some in pairs.items()},
    )
    write_section("History", text_of(results), page)


def _drawn(pairs: tuple[Pair, ...], count: int) -> list[Pair]:
    order = np.random.default_rng(TELL_SEED).permutation(len(pairs))[:count]
    return [pairs[index] for index in order]


def _agreements(
    methods: tuple[Method, ...], pairs: list[Pair], findings: Findings
) -> dict[str, Agreement]:
    found = {}
    for method in methods:
        if not method.name.startswith(_SLOW):
            here = findings.of(method, [pair.here for pair in pairs])
            there = findings.of(method, [pair.there for pair in pairs])
            found[method.name] = agreement(pairs, list(zip(here, there, strict=True)))
            findings.save()
    return found
