"""
Take the pictures of a real report for the documentation.

Run as ``python tools/screenshots.py REPORT.html`` from the top folder, with a report that
``agent-perf compare`` wrote, as in the repository that ``agent-perf demo`` makes.
It needs Chromium.
"""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.report import browser

FOLDER: Final = Path("docs") / "images"
PICTURES: Final = {"report.png": False, "report-dark.png": True}
"""File to whether the page is dark."""

WIDTH_PX: Final = 1100
HEIGHT_PX: Final = 1150
BYTES_MAX: Final = 300_000


def take(window: browser.Browser, report: Path, *, dark: bool) -> bytes:
    """Return the top of *report* as a PNG."""
    window.open(report, width=WIDTH_PX, dark=dark)
    clip = {"x": 0, "y": 0, "width": WIDTH_PX, "height": HEIGHT_PX, "scale": 1}
    answer = window.devtools("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
    return base64.b64decode(answer["data"])


def main() -> None:
    """Take both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    report: Path = parser.parse_args().report
    if not report.is_file():
        parser.error(f"{report} is no file; `agent-perf compare` writes reports/index.html")
    if browser.missing():
        parser.error(browser.missing())
    FOLDER.mkdir(exist_ok=True)
    with browser.open_browser() as window:
        for name, dark in PICTURES.items():
            picture = take(window, report.resolve(), dark=dark)
            if len(picture) > BYTES_MAX:
                parser.error(f"{name} has {len(picture):,} bytes; want {BYTES_MAX:,} at most")
            (FOLDER / name).write_bytes(picture)
            print(f"{FOLDER / name}: {len(picture):,} bytes")


if __name__ == "__main__":
    main()
