"""
Reads a page of metrics as Prometheus does: its own text format, or OpenMetrics.

A page that Prometheus would refuse is an error here, with the line. Written for itself, so that
a smoke test needs no further package.

Source: *Exposition formats*, prometheus.io; *OpenMetrics 1.0*, section "Text format".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from agent_perf.errors import BrokenError

Labels = tuple[tuple[str, str], ...]

SAMPLES_MAX: Final = 200_000
"""A page with more is refused; Prometheus' own advice is to stay below ten thousand."""
LINE_CHARACTERS_MAX: Final = 64 * 1024

_PLAIN: Final = "text/plain"
_OPENMETRICS: Final = "application/openmetrics-text"
_KINDS: Final = (
    *("counter", "gauge", "histogram", "summary", "untyped"),
    *("unknown", "info", "stateset", "gaugehistogram"),
)
_NAME: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_QUOTED: Final = r'"(?:[^"\\]|\\.)*+"'
_SAMPLE: Final = re.compile(
    rf"(?P<name>{_NAME.pattern})?[ \t]*+(?:\{{(?P<labels>(?:[^\"{{}}]|{_QUOTED})*+)\}})?"
    r"[ \t]*+(?P<value>[^ \t#]++)(?:[ \t]++(?P<time>[^ \t#]++))?[ \t]*+(?P<exemplar>#.*)?"
)
_LABEL: Final = re.compile(
    rf"[ \t]*+(?P<key>[A-Za-z_][A-Za-z0-9_]*+|{_QUOTED})"
    rf"[ \t]*+(?:=[ \t]*+(?P<value>{_QUOTED}))?[ \t]*+(?:,|$)"
)
_NUMBER: Final = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)", re.IGNORECASE
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    One sample of a page.

    Attributes:
        name: Of the sample, suffixes such as ``_total`` and ``_bucket`` included.
        labels: Names and values, by name.
        value: May be infinite or NaN.
    """

    name: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposition:
    """
    A page of metrics.

    Attributes:
        kinds: Name of a family to its kind, as far as the page says.
        readings: All samples, in their order.
        is_openmetrics: Whether it is OpenMetrics, and not Prometheus' own format.
    """

    kinds: Mapping[str, str]
    readings: tuple[Reading, ...]
    is_openmetrics: bool

    @property
    def names(self) -> frozenset[str]:
        """Names of families and of samples."""
        return frozenset(self.kinds) | {reading.name for reading in self.readings}


def read_exposition(content: bytes, content_type: str) -> Exposition:
    """
    Return the page that *content*, sent as *content_type*, holds.

    Raises:
        BrokenError: If Prometheus would not take it, with the number of the line.
    """
    is_openmetrics = _is_openmetrics(content_type)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise BrokenError(f"byte {error.start} is no UTF-8; metrics are UTF-8 text") from None
    kinds: dict[str, str] = {}
    readings: list[Reading] = []
    ended = False
    for number, line in _lines(text):
        if ended:
            raise BrokenError(f"line {number} comes after # EOF")
        if line.startswith("#"):
            ended = is_openmetrics and line == "# EOF"
            _take_comment(kinds, line, number)
        else:
            readings.append(_reading(line, number))
        if len(readings) > SAMPLES_MAX:
            raise BrokenError(f"more than {SAMPLES_MAX:,} samples; want fewer label values")
    if is_openmetrics and not ended:
        raise BrokenError("it does not end with # EOF: OpenMetrics that is cut short")
    return Exposition(kinds=kinds, readings=tuple(readings), is_openmetrics=is_openmetrics)


def _is_openmetrics(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in {_PLAIN, _OPENMETRICS}:
        # Since version 3, Prometheus does not guess.
        raise BrokenError(
            f"it is sent as {kind[:80] or 'nothing'!r}, which Prometheus refuses; want {_PLAIN} or "
            f"{_OPENMETRICS}"
        )
    return kind == _OPENMETRICS


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line that says something, and its number; only a line feed ends one."""
    begin, number = 0, 0
    while begin < len(text):
        end = text.find("\n", begin)
        end = len(text) if end < 0 else end
        number += 1
        if end - begin > LINE_CHARACTERS_MAX:
            raise BrokenError(f"line {number} has more than {LINE_CHARACTERS_MAX:,} characters")
        line = text[begin:end].strip(" \t\r")
        if line:
            yield number, line
        begin = end + 1


def _take_comment(kinds: dict[str, str], line: str, number: int) -> None:
    word, _, rest = line[1:].strip().partition(" ")
    if word != "TYPE":
        return
    name, _, kind = rest.strip().partition(" ")
    name, kind = _unquoted(name), kind.strip()
    if kind not in _KINDS:
        raise BrokenError(f"line {number}: {kind[:80]!r} is no type of a metric")
    if name in kinds:
        raise BrokenError(f"line {number}: a second TYPE line for {name[:80]}")
    kinds[name] = kind


def _reading(line: str, number: int) -> Reading:
    match = _SAMPLE.fullmatch(line)
    if match is None or not _NUMBER.fullmatch(match["value"]):
        raise BrokenError(f"line {number} is no sample: {line[:80]!r}")
    if match["time"] is not None and not _NUMBER.fullmatch(match["time"]):
        raise BrokenError(f"line {number}: {match['time'][:80]!r} is no time")
    name, labels = match["name"], dict[str, str]()
    for key, value in _labels(match["labels"] or "", number):
        if value is None and name is None:
            # A name that is no identifier stands quoted among the labels.
            name = key
        elif value is None or key in labels:
            raise BrokenError(f"line {number}: label {key[:80]!r} has no value, or has two")
        else:
            labels[key] = value
    if name is None:
        raise BrokenError(f"line {number} has no name: {line[:80]!r}")
    return Reading(name=name, labels=tuple(sorted(labels.items())), value=float(match["value"]))


def _labels(text: str, number: int) -> Iterator[tuple[str, str | None]]:
    position = 0
    while position < len(text.rstrip()):
        match = _LABEL.match(text, position)
        if match is None:
            raise BrokenError(f"line {number}: no label at {text[position : position + 80]!r}")
        value = match["value"]
        yield _unquoted(match["key"]), None if value is None else _unquoted(value)
        position = match.end()


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], text[1:-1])
