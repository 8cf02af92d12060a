"""Finding scenarios: a file that cannot be imported takes none of the others with it."""

from __future__ import annotations

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
