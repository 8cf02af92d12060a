"""Finding scenarios: a file that cannot be imported takes none of the others with it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent_perf.suite import Catalog, load_catalog

_SCENARIO = """
from agent_perf import scenario

@scenario("{name}")
async def found(world):
    await world.sleep("think")
"""


def loaded(folder: Path, package: str, files: dict[str, str]) -> Catalog:
    for name, text in files.items():
        path = folder / package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load_catalog(package, folder)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("raise KeyError('TOKEN')", "KeyError: 'TOKEN'"),
        ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
        ("raise SystemExit(0)", "SystemExit: 0"),
    ],
)
def test_a_package_within_that_cannot_be_imported_is_told(
    tmp_path, monkeypatch, error: str, said: str
) -> None:
    """
    By its own name, once, whatever it raises; its modules cannot be there without it.
    """
    monkeypatch.syspath_prepend(str(tmp_path))
    package = f"catalog_{len(said)}"
    catalog = loaded(
        tmp_path,
        package,
        {
            "__init__.py": "",
            "chat.py": _SCENARIO.format(name="chat.answer"),
            "deep/__init__.py": "",
            "deep/down.py": _SCENARIO.format(name="deep.down"),
            "inner/__init__.py": error,
            "inner/lost.py": _SCENARIO.format(name="inner.lost"),
        },
    )

    assert ["chat.answer", "deep.down"] == [one.name for one in catalog.scenarios]
    assert [f"{package}.inner"] == [one.name for one in catalog.broken]
    assert said in catalog.broken[0].message


def test_a_package_within_needs_no_key(tmp_path, monkeypatch) -> None:
    """
    Clients that are made at import find one in the variables, wherever they are made.
    """
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    catalog = loaded(
        tmp_path,
        "catalog_keys",
        {"__init__.py": "", "inner/__init__.py": "import os\nKEY = os.environ['OPENAI_API_KEY']\n"},
    )

    assert () == catalog.broken


def test_the_project_goes_before_others_that_bring_such_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Though it is on the import path already, behind a package of the same name.
    """
    others, mine = tmp_path / "others", tmp_path / "mine"
    for root in (others, mine):
        (root / "measured_here").mkdir(parents=True)
        (root / "measured_here/__init__.py").touch()
    (mine / "measured_here/one.py").write_text(_SCENARIO.format(name="here.one"))
    monkeypatch.setattr(sys, "path", [str(others), *sys.path, str(mine)])

    try:
        catalog = load_catalog("measured_here", mine)
    finally:
        for name in [name for name in sys.modules if name.startswith("measured_here")]:
            del sys.modules[name]

    assert ("here.one",) == tuple(scenario.name for scenario in catalog.scenarios)
    assert () == catalog.broken
    assert str(mine) == sys.path[0]
