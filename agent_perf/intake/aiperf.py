"""
Files of AIPerf: ``profile_export_aiperf.json``, and the records ``profile_export.jsonl``.

Source: AIPerf documentation, "Profile exports"; *common/models/export_models.py*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from agent_perf.intake.load_metrics import QUANTILES, LoadMetrics, all_failed
from agent_perf.intake.tree import Tree
from agent_perf.records import Subject, Timing, TimingFile
from agent_perf.stats import nearest_rank, samples_needed

REMEDY: Final = "write it again with aiperf profile"
_FAMILIES: Final = {
    "latency": "request_latency",
    "latency.first_token": "time_to_first_token",
    "latency.inter_token": "inter_token_latency",
}
_SECONDS: Final = {"ms": 1e-3, "us": 1e-6, "ns": 1e-9, "sec": 1.0}
_LACKING: Final = "use another version of AIPerf"


def recognises(top: Mapping[str, object]) -> bool:
    """Return whether a JSON object with the keys of *top* is such a file."""
    return "aiperf_version" in top or ("request_throughput" in top and "input_config" in top)


def recognises_record(first: object) -> bool:
    """Return whether *first* is the first of AIPerf's records."""
    return (
        isinstance(first, dict)
        and isinstance(first.get("metadata"), dict)
        and "metrics" in first
        and "request_start_ns" in first["metadata"]
    )


def parse(top: Tree) -> tuple[TimingFile, ...]:
    """
    Return one run of a load.

    Raises:
        StoreError: If a field is missing, of another type or in another unit.
        SampleError: If a number is not finite and >= 0.
    """
    good, bad = _mean(top, "request_count") or 0, _mean(top, "error_request_count") or 0
    found = LoadMetrics()
    failure = all_failed(int(bad), int(good + bad), _why(top))
    failure = failure or ("" if good else "no request was answered")
    targets: dict[str, float] = {}
    if not failure:
        found.of["success_ratio"] = good / (good + bad)
        for metric, name in (("throughput", "request_throughput"), ("goodput", "goodput")):
            value = _mean(top, name)
            if value is not None:
                found.of[metric] = value
        for family, name in _FAMILIES.items():
            _add_quantiles(found, family, top.get(name))
        targets = _targets(top, found)
    return (
        _file(
            top,
            Timing(
                benchmark=_name(top),
                metrics=found.of,
                call_count=max(1, int(good)),
                withheld=found.withheld,
                subject=Subject.MODEL,
                targets=targets,
                failure=failure,
            ),
            tool=f"AIPerf {top.text_at('aiperf_version')}".strip(),
            at_s=_seconds(top),
            notes=tuple(_notes(top)),
        ),
    )


def parse_records(records: Sequence[Tree]) -> tuple[TimingFile, ...]:
    """Return one run of a load from its single requests; errors as in parse."""
    first = records[0]
    answered = [one for one in records if one.get("error") is None]
    found = LoadMetrics()
    failure = all_failed(len(records) - len(answered), len(records))
    if not failure:
        found.of["success_ratio"] = len(answered) / len(records)
        for family, name in _FAMILIES.items():
            _add_ranks(found, family, [_value(one, name) for one in answered])
    start_ns = min(one.need("metadata").need("request_start_ns").number() for one in records)
    return (
        _file(
            first,
            Timing(
                benchmark="requests",
                metrics=found.of,
                call_count=max(1, len(answered)),
                withheld=found.withheld,
                subject=Subject.MODEL,
                failure=failure,
            ),
            tool="AIPerf",
            at_s=start_ns / 1e9,
        ),
    )


def _file(
    tree: Tree, timing: Timing, *, tool: str, at_s: float | None, notes: tuple[str, ...] = ()
) -> TimingFile:
    return TimingFile(
        source=tree.source,
        tool=tool,
        at_s=at_s,
        machine={},
        commit="",
        is_dirty=False,
        timings=(timing,),
        round_word="run",
        notes=notes,
    )


def _mean(top: Tree, name: str) -> float | None:
    found = top.get(name)
    return None if found is None else found.number_at("avg")


def _add_quantiles(found: LoadMetrics, family: str, summary: Tree | None) -> None:
    if summary is None:
        return
    scale = _scale(summary)
    found.add_quantiles(
        family,
        {
            end: None if (value := summary.number_at(end)) is None else value * scale
            for end in QUANTILES
        },
        summary.need("count").count(),
        lacking=_LACKING,
    )


def _add_ranks(found: LoadMetrics, family: str, values_s: Sequence[float | None]) -> None:
    known = sorted(value for value in values_s if value is not None)
    if not known:
        return
    found.add_quantiles(
        family,
        {
            end: nearest_rank(known, q) if len(known) >= samples_needed(q) else 0.0
            for end, q in QUANTILES.items()
        },
        len(known),
        lacking=_LACKING,
    )


def _value(record: Tree, name: str) -> float | None:
    found = record.need("metrics").get(name)
    return None if found is None else found.need("value").number() * _scale(found)


def _scale(tree: Tree) -> float:
    unit = tree.need("unit").text()
    if unit not in _SECONDS:
        tree.refuse(f"is in the unit {unit!r}; want one of {', '.join(_SECONDS)}")
    return _SECONDS[unit]


def _targets(top: Tree, found: LoadMetrics) -> dict[str, float]:
    """Return that of a run with promises (``--goodput``) at least one answer keeps them."""
    duration_s = _mean(top, "benchmark_duration")
    if "goodput" not in found.of or not duration_s:
        return {}
    # Half an answer, for the last may end a moment after the run.
    return {"goodput": 0.5 / duration_s}


def _name(top: Tree) -> str:
    """Return model and load, as ``tiny@4``; ``requests`` if the file does not tell them."""
    config = top.get("input_config")
    models = config.get("models") if config is not None else None
    phases = config.get("phases") if config is not None else None
    if models is None or phases is None:
        return "requests"
    names = [one.need("name").text() for one in models.need("items").elements()]
    loads = [
        f"@{load:g}"
        for phase in phases.elements()
        for key in ("concurrency", "rate")
        if (load := phase.number_at(key)) is not None
    ]
    return ",".join(names) + (loads[-1] if loads else "")


def _why(top: Tree) -> str:
    """Return the most frequent error, in words."""
    summary = top.get("error_summary")
    errors = summary.elements() if summary is not None else ()
    if not errors:
        return ""
    worst = max(errors, key=lambda one: one.number_at("count") or 0)
    details = worst.need("error_details")
    code = details.get("code")
    return f"{details.text_at('type')} {'' if code is None else code.value}".strip()


def _notes(top: Tree) -> list[str]:
    cancelled = top.get("was_cancelled")
    if cancelled is not None and cancelled.value is True:
        return ["the run was cancelled, so that it tells of its first part"]
    return []


def _seconds(top: Tree) -> float | None:
    """Return when it began; AIPerf writes the local time without its zone."""
    text = top.text_at("start_time")
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        top.refuse(f"has the start_time {text[:40]!r}; want one such as 2031-12-01T10:00:00")
