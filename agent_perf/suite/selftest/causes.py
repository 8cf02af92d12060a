"""
Tells why a benchmark diverges: by changing one thing at a time, and by what it asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from agent_perf.suite.selftest.bisection import Divergence
from agent_perf.suite.selftest.probing import Prober
from agent_perf.suite.selftest.surroundings import PLAIN, Surroundings
from agent_perf.suite.selftest.worker import Report

_FACTORS: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    # Addresses before the hash seed: another seed shifts addresses, too.
    (
        "address",
        ("junk_seed",),
        (
            "something follows addresses: id(), or the order of a set of objects with the default "
            "hash; sort by a name or a number of your own"
        ),
    ),
    (
        "garbage",
        ("gc_threshold",),
        (
            "something follows garbage collection: a __del__ or a weak reference's callback; close "
            "what you open"
        ),
    ),
    (
        "hash seed",
        ("hash_seed",),
        "something follows the order of a set of strings, which PYTHONHASHSEED changes; sort it",
    ),
    (
        "environment",
        ("zone", "locale", "foreign"),
        "something reads the environment: TZ, the locale, the current folder, a variable",
    ),
)
_JUNK_TRIES: Final = 2
_SQL_ASKS: Final = re.compile(
    r"CURRENT_TIME|CURRENT_DATE|'now'|\bNOW\(|\bRANDOM(BLOB)?\(", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """
    A likely cause.

    Attributes:
        factor: ``process``, ``address``, ``garbage``, ``hash seed``, ``environment`` or
            ``unknown``.
        text: For people: what it is, how that is known, and the way out.
    """

    factor: str
    text: str


def find_cause(
    prober: Prober, benchmark: str, divergence: Divergence | None, around: Surroundings
) -> Cause:
    """
    Return why *benchmark* differs between PLAIN surroundings and *around*.

    In PLAIN surroundings twice, it differs if it asks the machine for something. Else one
    thing at a time is changed as in *around*: what alone makes it differ is the cause.
    """
    plain, again = prober.both((PLAIN, PLAIN), benchmark)
    if not plain.same_as(again):
        fixed = replace(PLAIN, fixed_addresses=True)
        one, other = prober.both((fixed, fixed), benchmark)
        # The system chooses addresses anew for each process, unless it is asked not to.
        return _cause("address") if one.same_as(other) else _asked(divergence)
    for factor, fields, _ in _FACTORS:
        change = {name: getattr(around, name) for name in fields}
        tries = _JUNK_TRIES if factor == "address" else 1
        for number in range(tries):
            if factor == "address":
                change = {"junk_seed": around.junk_seed + 1_000 * number}
            if _differs(prober, benchmark, plain, replace(PLAIN, **change)):
                return _cause(factor)
    return Cause(
        factor="unknown",
        text="no single thing that was changed makes it diverge, and in equal surroundings it "
        "does not: several together, or rare chance; try again with --times",
    )


def _cause(factor: str) -> Cause:
    text = next(text for name, _, text in _FACTORS if name == factor)
    return Cause(factor=factor, text=f"diverges with nothing else changed: {text}")


def _differs(prober: Prober, benchmark: str, plain: Report, around: Surroundings) -> bool:
    return not prober.one(around, benchmark).same_as(plain)


def _asked(divergence: Divergence | None) -> Cause:
    how = "diverges in equal surroundings, from process to process"
    if divergence is not None and divergence.asked:
        asked = divergence.asked[-1]
        place = f"{asked.text} at {asked.place}"
        return Cause(
            factor="process",
            text=f"{how}: the last it asked the machine for was {place}; a simulation does not "
            "make that reproducible: hand the value in, or take it from world.draws",
        )
    entries = () if divergence is None else (*divergence.common, divergence.one, divergence.other)
    for entry in entries:
        if entry is not None and _SQL_ASKS.search(entry.text):
            return Cause(
                factor="process",
                text=f"{how}: the database was asked for the time or chance in {entry.text!r}; "
                "pass the value as a parameter",
            )
    return Cause(
        factor="process",
        text=f"{how}: something reads the real clock, a process id or entropy where Python does "
        "not see it: in C, or through a function imported by name",
    )
