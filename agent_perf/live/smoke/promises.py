"""
What a page of metrics promises by its own types, and whether it is so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from agent_perf.live.smoke.exposition import Exposition, Labels, Reading

_SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_created", "_info")


def broken_promises(page: Exposition, wanted: Iterable[str]) -> Iterator[str]:
    """
    Yield what is wrong with *page*, though it can be read; first what it lacks of *wanted*.

    Args:
        page: The page.
        wanted: Names that it has to hold, of families or of samples.
    """
    if not page.readings:
        yield "it holds no sample"
    names = page.names
    for name in wanted:
        if name not in names and f"{name}_total" not in names:
            yield f"there is no {name}"
    yield from _doubled(page.readings)
    for reading in page.readings:
        if page.kinds.get(_family(reading.name, page)) == "counter" and not reading.value >= 0:
            yield f"counter {_told(reading.name, reading.labels)} is {reading.value:g}"
    yield from _histogram_problems(page)


def _doubled(readings: Iterable[Reading]) -> Iterator[str]:
    seen: set[tuple[str, Labels]] = set()
    for reading in readings:
        key = (reading.name, reading.labels)
        if key in seen:
            yield f"{_told(*key)} is there twice"
        seen.add(key)


def _histogram_problems(page: Exposition) -> Iterator[str]:
    buckets: dict[tuple[str, Labels], list[tuple[float, float]]] = {}
    counts: dict[tuple[str, Labels], float] = {}
    for reading in page.readings:
        family = _family(reading.name, page)
        if page.kinds.get(family) != "histogram":
            continue
        labels = tuple(one for one in reading.labels if one[0] != "le")
        if reading.name == f"{family}_bucket":
            bound = _number(dict(reading.labels).get("le", ""))
            buckets.setdefault((family, labels), []).append((bound, reading.value))
        elif reading.name == f"{family}_count":
            counts[family, labels] = reading.value
    for (family, labels), found in buckets.items():
        told = f"histogram {_told(family, labels)}"
        bounds = [bound for bound, _ in found]
        values = [value for _, value in found]
        if any(math.isnan(bound) for bound in bounds) or math.inf not in bounds:
            yield f'{told} has no bucket le="+Inf", or one without a bound'
        elif bounds != sorted(bounds) or values != sorted(values):
            yield f"{told} has buckets that do not add up"
        elif counts.get((family, labels)) != values[-1]:
            yield f'{told}: its count is not its bucket le="+Inf"'


def _family(name: str, page: Exposition) -> str:
    """Return what family of *page* a sample called *name* belongs to."""
    if name in page.kinds:
        return name
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and name.removesuffix(suffix) in page.kinds:
            return name.removesuffix(suffix)
    return name


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _told(name: str, labels: Labels) -> str:
    inner = ",".join(f'{key}="{value}"' for key, value in labels)
    return (f"{name}{{{inner}}}" if inner else name)[:200]
