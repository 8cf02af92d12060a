"""
Targets of a load as the command line spells them: ``p95<150ms``, ``error_ratio<0.1%``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Final

from agent_perf.errors import ConfigError, UsageError
from agent_perf.gate import LOAD_FAMILIES, parse_target
from agent_perf.records import QUANTILES, Promise
from agent_perf.stats import Direction, direction

_TARGET: Final = re.compile(r"([A-Za-z_][\w.]*?)\s*(<=|>=|<|>|=)\s*(\S.*)")
_QUANTILE: Final = re.compile(r"p\d+|max")
_STATISTICS: Final = (*QUANTILES, "mean", "max")
_PLAIN: Final = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_EXAMPLES: Final = "want one as p95<150ms, miss.p95<0.1, error_ratio<0.1% or throughput>20"


def targets_of(texts: Iterable[str]) -> dict[str, float]:
    """
    Return metric to the worst value allowed, in base units, of what *texts* say.

    Short names are completed: ``p95`` is ``latency.p95``, ``miss.p95`` is of one path,
    ``db_in_use.peak`` is ``resources.db_in_use.peak``. A plain number is in base units.

    Raises:
        UsageError: If one is no target, is there twice, or bounds the wrong side.
    """
    found: dict[str, float] = {}
    for text in texts:
        parts = _TARGET.fullmatch(text.strip())
        if parts is None:
            raise UsageError(f"--target {text!r}; {_EXAMPLES}")
        metric = _completed(parts[1], text)
        _check_side(metric, parts[2], text)
        if metric in found:
            raise UsageError(f"--target {text!r}: {metric} has a target already; leave one out")
        found[metric] = _value(metric, parts[3], text)
    return found


def promise_of(targets: Mapping[str, float]) -> Promise:
    """
    Return the promise that *targets* make for a search: one latency, and perhaps an error rate.

    Raises:
        UsageError: If they make none, or more than that.
    """
    latencies = {name: value for name, value in targets.items() if name.startswith("latency.")}
    others = set(targets) - set(latencies) - {"error_ratio", "success_ratio"}
    if others:
        raise UsageError(
            f"--find-knee looks for a latency and an error_ratio; leave out {', '.join(others)}"
        )
    if len(latencies) != 1:
        raise UsageError(
            f"--find-knee with {len(latencies)} targets for a latency; want one, as "
            "--target p95=0.15 or --target miss.p99=150ms"
        )
    ((name, within_s),) = latencies.items()
    *path, quantile = name.split(".")[1:]
    if quantile not in QUANTILES:
        raise UsageError(f"--target {name}: a search wants one of {', '.join(QUANTILES)}")
    good = targets.get("success_ratio", 1 - targets.get("error_ratio", 0.01))
    return Promise(path=".".join(path), quantile=quantile, within_s=within_s, good_ratio_min=good)


def _completed(name: str, text: str) -> str:
    *before, last = name.split(".")
    if before[:1] not in (["latency"], ["resources"], ["memory"]):
        if _QUANTILE.fullmatch(last) or name == "mean":
            name = f"latency.{name}"
        elif last in {"peak", "mean"}:
            name = f"resources.{name}"
    family = name.partition(".")[0]
    if name.startswith("latency.") and last not in _STATISTICS:
        raise UsageError(f"--target {text!r}: {last!r}; want one of {', '.join(_STATISTICS)}")
    if family not in LOAD_FAMILIES or ("." in name) != (
        family in {"latency", "resources", "memory"}
    ):
        close = difflib.get_close_matches(name, LOAD_FAMILIES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(LOAD_FAMILIES)}"
        raise UsageError(f"--target {text!r}: no metric {name!r}; {hint}")
    return name


def _check_side(metric: str, sign: str, text: str) -> None:
    more = direction(metric) is Direction.MORE_IS_BETTER
    if sign != "=" and more != sign.startswith(">"):
        want = ">" if more else "<"
        raise UsageError(
            f"--target {text!r}: of {metric} {'more' if more else 'less'} is better; want {want!r}"
        )


def _value(metric: str, value: str, text: str) -> float:
    if metric in {"error_ratio", "dropped_ratio"} and re.fullmatch(r"0+(\.0+)?\s*%?", value):
        return 0.0
    try:
        # A bare number of seconds was always understood here.
        return parse_target(metric, float(value) if _PLAIN.fullmatch(value) else value)
    except ConfigError as error:
        raise UsageError(f"--target {text!r}: {error}; {_EXAMPLES}") from None
