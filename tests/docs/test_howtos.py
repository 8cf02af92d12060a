"""Every command of the how-to guides does what it says there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.console import ROOT, problems
from tests.shop import APP, commit, make_shop, write

PAGES = [
    page
    for page in sorted((ROOT / "docs/howto").glob("*.md"))
    if "```console\n" in page.read_text()
]


def _shop(folder: Path) -> Path:
    """Make a project of four commits, of which the third asks a tool twice."""
    make_shop(folder)
    write(folder, "notes.txt", "open from nine to five")
    commit(folder, "Say when it is open")
    write(folder, "shop_app.py", APP.replace("LOOKUPS = 1", "LOOKUPS = 2"))
    commit(folder, "Look twice")
    write(folder, "notes.txt", "open")
    commit(folder, "Shorten the notes")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_guide_is_true(page, tmp_path) -> None:
    """Each command is run in a small shop, in the guide's order, and prints what it shows."""
    found = problems(page, _shop(tmp_path / "shop"))

    assert not found, "\n\n".join(found)
