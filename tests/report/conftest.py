from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report import browser
from tests.report.shown import write_pages


@pytest.fixture(scope="session")
def window() -> Iterator[browser.Browser]:
    """One browser for all pages."""
    with browser.open_browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page, written: name to file."""
    return write_pages(tmp_path_factory.mktemp("reports"))
