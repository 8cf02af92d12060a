"""
Trials of other tools' rules, each on what the tool itself would have measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from tools.study.peers import Peer
from tools.study.samples import LAUNCHES, Samples
from tools.study.tally import Tally
from tools.study.workloads import WORKLOADS

EARLIER_S: Final = 300.0
"""How much earlier a stored baseline was measured, at least."""


def peer_tally(peer: Peer, samples: Samples, head: str) -> dict[str, Tally]:
    """
    Return workload to a peer's verdicts, on launches by themselves.

    A side's launches are of as many cycles in a row as the peer wants processes; both sides
    of the same ones, or of ones EARLIER_S apart. Trials of more than one process overlap.
    Equal code is judged in both directions.
    """
    sides = [("base", head)] if head != "same" else [("base", "same"), ("same", "base")]
    source = samples.solos if peer.sees == "samples" else samples.solo_calls
    found = {}
    for at, workload in enumerate(WORKLOADS):
        told = trials = 0
        for before, after in _windows(samples, peer):
            for base, changed in sides:
                trials += 1
                told += peer.rule(
                    source[before, LAUNCHES.index(base), at],
                    source[after, LAUNCHES.index(changed), at],
                )
        found[workload] = Tally(told=told, trials=trials, seconds=_peer_s(peer, samples, at))
    return found


def _windows(samples: Samples, peer: Peer) -> Iterator[tuple[slice, slice]]:
    cycles = len(samples.at_s)
    for begin in range(cycles - peer.launches + 1):
        head = slice(begin, begin + peer.launches)
        if not peer.earlier:
            yield head, head
            continue
        first_s = samples.at_s[begin]
        old = np.flatnonzero(samples.at_s <= first_s - EARLIER_S)
        if len(old) >= peer.launches:
            end = int(old[-1]) + 1
            yield slice(end - peer.launches, end), head


def _peer_s(peer: Peer, samples: Samples, workload: int) -> float:
    """Return the real seconds that *peer* measures both sides, its share of starts included."""
    cycles, launches, workloads, kept = samples.solos.shape
    calls = kept * 10
    call_s = float(samples.solo_calls[..., workload, 0].mean())
    # Discarded calls took as long as the others; the rest of the time went into starts.
    measured_s = float(samples.solo_calls[..., 0].sum()) * (calls + 400)
    start_s = max(0.0, float(samples.spent_s[2]) - measured_s) / (cycles * launches * workloads)
    return 2 * peer.launches * (start_s + call_s * (peer.calls + peer.warm_up_calls))
