"""
What a chart says of a point at which its series stepped.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """
    A step of a series, as it is drawn and told.

    Attributes:
        text: Over the plot: the number of a step, or its size.
        name: In the table: ``step 3``, ``change point``.
        better: Whether the step is for the better.
    """

    text: str
    name: str
    better: bool = False

    @property
    def dot_style(self) -> str:
        """Class of the point itself."""
        return "better" if self.better else "worse"

    @property
    def line_style(self) -> str:
        """Class of the line through it and of its text."""
        return "step better" if self.better else "step"
