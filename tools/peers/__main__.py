"""
Measure our components beside their peers, and write docs/peers.md.

Each section runs in a process of its own. What a section needs and is not there (a Redis, a
PostgreSQL) is an error: a page without it would be read as complete.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import subprocess
import sys
from pathlib import Path

from tools.peers.contest import measure
from tools.peers.table import write_section

PAGE = Path(__file__).parents[2] / "docs" / "peers.md"
FRAME = {"__init__", "__main__", "contest", "table"}


def main() -> None:
    """Run the sections named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tools.peers")
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(_there()))
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    if options.inside:
        asyncio.run(_run(options.inside, options.page))
        return
    wanted = options.sections or _there()
    if unknown := set(wanted) - set(_there()):
        parser.error(f"no section {sorted(unknown)}; there are {_there()}")
    # Made anew beside the old one: what is measured no more goes, and a failure costs nothing.
    page = options.page if options.sections else options.page.with_suffix(".new")
    for section in wanted:
        command = [sys.executable, "-m", "tools.peers", "--inside", section]
        subprocess.run([*command, "--page", str(page)], check=True)
    page.replace(options.page)


def _there() -> list[str]:
    # Files with an underscore before the name serve sections; they are none.
    files = {path.stem for path in Path(__file__).parent.glob("[a-z]*.py")}
    return sorted(files - FRAME)


async def _run(section: str, page: Path) -> None:
    module = importlib.import_module(f"tools.peers.{section}")
    results = {}
    async for contest in module.contests():
        results[contest.title] = places = await measure(contest)
        print(contest.title)
        for name, place in places.items():
            missed = f"  MISSED: {place.want:g} asked" if place.missed else ""
            print(
                f"  {place.best_ns / 1e3:12.3f} µs  {place.ratio:7.2f}×  {name}{missed}", flush=True
            )
    write_section(page, module.TITLE, module.INTRO, results)


if __name__ == "__main__":
    main()
