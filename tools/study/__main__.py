"""
Measure how often verdicts are wrong, and write docs/verdict-study.md.

- collect: run the workloads on this machine, quiet or beside a noisy neighbour.
- condense: from what was collected to the samples that the repository keeps.
- judge: all rules on these samples, into the page.
- history: change points, into the page.
"""

from __future__ import annotations

import importlib
import sys
from typing import Final

_VERBS: Final = ("collect", "condense", "judge", "history")


def main() -> None:
    """Hand over to the verb."""
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    if verb not in _VERBS:
        sys.exit(f"python -m tools.study {verb!r}; want one of {', '.join(_VERBS)}\n{__doc__}")
    importlib.import_module(f"tools.study.{verb}").main(sys.argv[2:])


if __name__ == "__main__":
    main()
