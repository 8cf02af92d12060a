"""
What somebody probably meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

_LISTED_MAX: Final = 12


def did_you_mean(word: str, known: Iterable[str], *, kind: str = "known") -> str:
    """
    Return the hint that ends a message on *word*, which is none of *known*.

    The nearest ones, or else all of them; of many, the first.

    Args:
        word: What was written.
        known: What would do.
        kind: What they are called: ``known keys``.
    """
    names = sorted(set(known))
    lower = {name.lower(): name for name in reversed(names)}
    near = difflib.get_close_matches(word.lower(), lower, n=2)
    if near:
        # A second one is worth naming only where it is as likely.
        scores = [difflib.SequenceMatcher(None, one, word.lower()).ratio() for one in near]
        close = [lower[one] for one, score in zip(near, scores, strict=True) if score == scores[0]]
        return f"did you mean {' or '.join(map(repr, close))}?"
    if not names:
        return f"{kind}: none"
    more = f" and {len(names) - _LISTED_MAX} more" if len(names) > _LISTED_MAX else ""
    return f"{kind}: {', '.join(names[:_LISTED_MAX])}{more}"
