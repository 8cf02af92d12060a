"""
Metrics as text: Prometheus' format 0.0.4, and OpenMetrics 1.0.

Source: *Exposition formats*, prometheus.io; *OpenMetrics 1.0*, sections "Text format" and
"Metric types".
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from agent_perf.components.metrics.families import Family, Labels, Series
from agent_perf.components.metrics.histogram import HistogramSnapshot

PROMETHEUS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""What Prometheus' own format is called in HTTP."""

OPENMETRICS_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
"""What OpenMetrics is called in HTTP."""


def prometheus_text(families: Iterable[Family]) -> str:
    """
    Return *families* in Prometheus' text format 0.0.4.

    Example::

        print(prometheus_text(metrics.collect()))
    """
    lines: list[str] = []
    for family in families:
        name = f"{family.name}_total" if family.kind == "counter" else family.name
        about = family.help.replace("\\", r"\\").replace("\n", r"\n")
        lines.append(f"# HELP {name} {about}\n# TYPE {name} {family.kind}\n")
        _write_series(lines, family)
    return "".join(lines)


def openmetrics_text(families: Iterable[Family]) -> str:
    """Return *families* as OpenMetrics 1.0, units included."""
    lines: list[str] = []
    for family in families:
        name = family.name
        lines.append(f"# TYPE {name} {family.kind}\n")
        if family.unit:
            lines.append(f"# UNIT {name} {family.unit}\n")
        lines.append(f"# HELP {name} {_escaped(family.help)}\n")
        _write_series(lines, family)
    lines.append("# EOF\n")
    return "".join(lines)


def _write_series(lines: list[str], family: Family) -> None:
    name = f"{family.name}_total" if family.kind == "counter" else family.name
    for series in family.series:
        value = series.value
        if isinstance(value, HistogramSnapshot):
            _write_histogram(lines, name, series, value)
        else:
            text = _label_text(series.labels)
            lines.append(
                f"{name}{{{text}}} {_number(value)}\n" if text else f"{name} {_number(value)}\n"
            )


def _write_histogram(
    lines: list[str], name: str, series: Series, snapshot: HistogramSnapshot
) -> None:
    text = _label_text(series.labels)
    before = f'{name}_bucket{{{text}{"," if text else ""}le="'
    lines.extend(f'{before}{_number(bound)}"}} {count}\n' for bound, count in snapshot.cumulative())
    labels = f"{{{text}}}" if text else ""
    lines.append(
        f"{name}_sum{labels} {_number(snapshot.sum)}\n{name}_count{labels} {snapshot.count}\n"
    )


# The labels of a series stay what they are from one scrape to the next.
@lru_cache(maxsize=16_384)
def _label_text(labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if isinstance(value, int) and value.bit_length() < 64:
        return str(int(value))
    try:
        text = repr(float(value))
    except OverflowError:
        text = "inf" if value > 0 else "-inf"
    except (TypeError, ValueError):
        # Whatever somebody set a gauge to: the others are to be read all the same.
        text = "nan"
    return _WORDS.get(text, text)


_WORDS: Final = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}
