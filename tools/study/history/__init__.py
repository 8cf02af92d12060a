"""
Change points: our method and those of others, on real and made histories.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.study.page import PAGE


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and write the section of the page."""
    parser = argparse.ArgumentParser(prog="python -m tools.study history", description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder with clones of the sources; what is read from them is kept there",
    )
    parser.add_argument("--count", type=int, default=200, help="series in a collection (200)")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write into")
    options = parser.parse_args(arguments)
    # The peers are installed only where they are measured.
    from tools.study.history.run import run

    run(options.data, options.count, options.page)
