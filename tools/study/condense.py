"""
Condense what was collected to the samples that the repository keeps.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.study.collect import CONDITIONS
from tools.study.samples import FOLDER, condensed


def main(arguments: Sequence[str]) -> None:
    """Write one file for each condition that was collected."""
    parser = argparse.ArgumentParser(prog="python -m tools.study condense", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".agent-perf/study"))
    parser.add_argument("--into", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    found = {name: sorted(options.folder.glob(f"{name}-*.npz")) for name in CONDITIONS}
    if not any(found.values()):
        parser.error(f"nothing collected in {options.folder}; run: tox -e study -- collect")
    for condition, cycles in found.items():
        if cycles:
            path = condensed(cycles).save(condition, options.into)
            print(f"{path}: {len(cycles)} cycles, {path.stat().st_size / 1e6:.2f} MB")
