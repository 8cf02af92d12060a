"""The style sheet: colours that can be read, light and dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import agent_perf.report

_TONES = ("fail", "pass", "undecided", "broken", "plain")
_PAIRS = [
    *((text, ground) for text in ("ink", "muted", "link") for ground in ("paper", "panel")),
    *((text, f"{tone}-tint") for text in ("ink", "muted") for tone in _TONES),
    *((tone, ground) for tone in _TONES for ground in ("paper", "panel", f"{tone}-tint")),
    *(("on-badge", tone) for tone in _TONES),
    *((line, "panel") for line in ("base", "head")),
]


def _colours(dark: bool) -> dict[str, str]:
    style = (Path(agent_perf.report.__file__).parent / "templates" / "style.css").read_text()
    # The third names the reader's own colours.
    light_block, dark_block, _ = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark_block if dark else light_block))


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), _PAIRS)
def test_contrast(text: str, ground: str, dark: bool) -> None:
    """
    Text stands out from its ground by 4.5 : 1 (WCAG 2.2, success criterion 1.4.3).
    """
    colours = _colours(dark)
    first, second = sorted((_luminance(colours[text]), _luminance(colours[ground])))

    assert (second + 0.05) / (first + 0.05) >= 4.5


def test_both_modes_name_the_same_colours() -> None:
    """
    No colour of the light page is left over on the dark one.
    """
    assert _colours(False).keys() == _colours(True).keys()
