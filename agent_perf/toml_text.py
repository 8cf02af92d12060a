"""
TOML in bounded time, whoever wrote it.

``tomllib`` takes the square of a dotted key's parts: one of 100,000 parts, 200 kB, takes minutes.
"""

from __future__ import annotations

import tomllib
from typing import Any, Final

CHARS_MAX: Final = 16 * 2**20
"""The longest file that anybody writes by hand has a thousandth of it."""

_DOTS_SQUARED_MAX: Final = 20_000_000
"""Over all lines: four thousand dots on one, or ten on 200,000; half a second at worst."""


def parse_toml(text: str) -> dict[str, Any]:
    """
    Return what *text* holds.

    Raises:
        tomllib.TOMLDecodeError: If it is no TOML, too long, or its keys have too many parts.
        RecursionError: If it is nested too deeply.
        ValueError: If a number or a date in it is none.
    """
    if len(text) > CHARS_MAX:
        raise tomllib.TOMLDecodeError(f"{len(text):,} characters; want at most {CHARS_MAX:,}")
    dots_squared = 0
    for number, line in enumerate(text.split("\n"), start=1):
        dots = line.count(".")
        dots_squared += dots * dots
        if dots_squared > _DOTS_SQUARED_MAX:
            raise tomllib.TOMLDecodeError(
                f"line {number} has {dots:,} dots, after others with many: if they stand in a key, "
                "it has too many parts, and if not, break the line"
            )
    return tomllib.loads(text)
