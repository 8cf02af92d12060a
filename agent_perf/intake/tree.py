"""
What a foreign file says, with the way to each value, so that an error can name it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from agent_perf.errors import SampleError, StoreError

_SHOWN_MAX = 60


@dataclass(frozen=True, slots=True)
class Tree:
    """
    A value of a file.

    Attributes:
        value: As JSON has it; NaN and infinities as floats.
        source: The file, for messages.
        remedy: How to write the file again, for messages.
        path: Keys from the top, as ``metrics.http_reqs.count``; empty at the top.
    """

    value: object
    source: str
    remedy: str
    path: str = ""

    def get(self, key: str) -> Tree | None:
        """Return what is at *key*; None if it is missing or null."""
        found = self.table().get(key)
        return None if found is None else self._below(key, found)

    def need(self, key: str) -> Tree:
        """Return what is at *key*, which must be there."""
        found = self.get(key)
        if found is None:
            self.refuse(f"has no {_shown(key)}")
        return found

    def table(self) -> Mapping[str, object]:
        """Return the value, which must be an object."""
        if not isinstance(self.value, dict):
            self.refuse(f"is {_shown(self.value)}; want an object")
        return self.value

    def items(self) -> Iterator[tuple[str, Tree]]:
        """Yield key and value of an object, without those that are null."""
        for key, value in self.table().items():
            if value is not None:
                yield key, self._below(key, value)

    def elements(self) -> tuple[Tree, ...]:
        """Return the elements of the value, which must be a list."""
        if not isinstance(self.value, list):
            self.refuse(f"is {_shown(self.value)}; want a list")
        return tuple(
            replace(self, value=one, path=f"{self.path}[{index}]")
            for index, one in enumerate(self.value)
        )

    def text(self) -> str:
        """Return the value, which must be a string."""
        if not isinstance(self.value, str):
            self.refuse(f"is {_shown(self.value)}; want a text")
        return self.value

    def number(self) -> float:
        """Return the value, which must be a number >= 0, and finite."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(f"is {_shown(value)}; want a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not 0 <= number < math.inf:
            raise SampleError(
                f"{self._place} is {_shown(value)}; want a finite number >= 0: {self.remedy}"
            )
        return number

    def count(self) -> int:
        """Return the value, which must be a whole number >= 0."""
        number = self.number()
        if number != int(number):
            self.refuse(f"is {_shown(self.value)}; want a whole number")
        return int(number)

    def number_at(self, key: str) -> float | None:
        """Return the number at *key*; None if it is missing or null."""
        found = self.get(key)
        return None if found is None else found.number()

    def text_at(self, key: str) -> str:
        """Return the text at *key*; empty if it is missing or null."""
        found = self.get(key)
        return "" if found is None else found.text()

    def refuse(self, problem: str) -> NoReturn:
        """Raise what is wrong with this value."""
        raise StoreError(f"{self._place} {problem}: {self.remedy}")

    @property
    def _place(self) -> str:
        return f"{self.source}: {self.path or 'the top level'}"

    def _below(self, key: str, value: object) -> Tree:
        name = key if key.isprintable() and len(key) <= _SHOWN_MAX else _shown(key)
        return replace(self, value=value, path=f"{self.path}.{name}" if self.path else name)


def _shown(value: object) -> str:
    """Return *value* on one line, and not endlessly."""
    if isinstance(value, dict | list):
        return f"a {'table' if isinstance(value, dict) else 'list'} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**18:
        # The digits of a hostile one would fill a page, or be refused by Python itself.
        return "a number beyond 10^18"
    words = repr(value) if isinstance(value, str) else str(value)
    return words if len(words) <= _SHOWN_MAX else f"{words[:_SHOWN_MAX]}…"
