"""
Units and how people read them.

Values inside the program are in base units: seconds, bytes, dollars, counts
and ratios. Only clocks and records of virtual time use integer nanoseconds.
"""

from __future__ import annotations

import math
from typing import Final

NS: Final = 1_000_000_000
"""Nanoseconds in a second."""

KIB: Final = 1024
MIB: Final = 1024 * KIB

_TIME_STEPS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_COUNT_STEPS: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTE_STEPS: Final = ((1024.0**3, "GiB"), (1024.0**2, "MiB"), (1024.0, "KiB"))


def format_value(value: float, unit: str) -> str:
    """
    Return *value* with its unit, in four significant digits or fewer.

    Args:
        value: In the base unit named by *unit*.
        unit: ``s``, ``bytes``, ``usd``, ``ratio``, ``count``, ``per_s``, ``bytes_per_s``,
            ``instructions``, or any other word, which is then printed as it is.
    """
    if not math.isfinite(value):
        return "n/a"
    match unit:
        case "s":
            return _scaled(value, _TIME_STEPS, "s")
        case "bytes":
            return _scaled(value, _BYTE_STEPS, "B")
        case "usd":
            return f"${value:.{_usd_digits(value)}f}".rstrip("0").rstrip(".") if value else "$0"
        case "ratio":
            return f"{value * 100:.4g} %"
        case "count":
            return f"{value:,.0f}" if value == round(value) else f"{value:,.4g}"
        case "instructions":
            return f"{_scaled(value, _COUNT_STEPS, '').strip()} instr"
        case "bytes_per_s":
            return f"{_scaled(value, _BYTE_STEPS, 'B')}/s"
        case "per_s":
            return f"{value:.4g}/s"
    return f"{value:.4g} {unit}"


def format_dollars(value: float) -> str:
    """Return *value* in three digits or to the cent, never as a power of ten: ``$0.0000827``."""
    if not value:
        return "$0"
    digits = max(2, 2 - math.floor(math.log10(abs(value))))
    whole, _, cents = f"{value:,.{digits}f}".partition(".")
    return f"${whole}.{cents.rstrip('0').ljust(2, '0')}"


def _usd_digits(value: float) -> int:
    # A request may cost a hundredth of a cent's hundredth: two digits of it are told.
    return max(4, 1 - math.floor(math.log10(abs(value))))


_PLACES_MAX: Final = 7
"""More zeros than that are counted, not read."""


def format_change(ratio: float) -> str:
    """Return a relative change, 0.31 for thirty-one per cent more, as ``+31 %``."""
    if not math.isfinite(ratio):
        return "n/a"
    if ratio == 0:
        return "="
    percent = ratio * 100
    digits = f"{percent:+.1f}" if abs(percent) < 100 else f"{percent:+.0f}"
    if float(digits):
        return f"{digits} %"
    # -0.00003 % is read; -3e-05 % is not.
    places = -math.floor(math.log10(abs(percent)))
    return f"{percent:+.{places}f} %" if places <= _PLACES_MAX else f"{percent:+.1g} %"


def _scaled(value: float, steps: tuple[tuple[float, str], ...], smallest: str) -> str:
    size = abs(value)
    for step, name in steps:
        # 0.99995 of a step already prints as 1 in four digits.
        if size >= step * 0.99995:
            return f"{value / step:.4g} {name}"
    return f"{value:.4g} {smallest}"
