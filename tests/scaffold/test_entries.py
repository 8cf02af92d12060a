"""Ways in that are no application of a known class."""

from __future__ import annotations

from pathlib import Path

from agent_perf.scaffold import require_choice
from tests.scaffold.samples import committed, planned, surveyed


def test_application_of_a_library(tmp_path: Path) -> None:
    """
    What an object of a library gives as an application is one, and the scenario says that its
    routes are for the user to name; what is no application's method is not.
    """
    (tmp_path / "main.py").write_text(
        "from platform_kit import Cache, Platform\nplatform = Platform(agents=[])\n"
        "cache = Cache().open()\nserved = platform.get_app()\n"
    )
    root = committed(tmp_path)

    assert "main:served" == require_choice(surveyed(root)).target
    text = planned(root).scenario.text  # type: ignore[union-attr]
    assert "# Its routes are not in this repository" in text
    assert 'client.get("/")' in text
