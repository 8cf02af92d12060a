"""What is read of a source, and what reading leaves behind."""

from __future__ import annotations

import gc
from pathlib import Path

from tests.scaffold.samples import committed, surveyed


def test_imports_at_any_depth(tmp_path: Path) -> None:
    """
    Libraries count wherever a statement imports them, and reading leaves the collector as it was.
    """
    (tmp_path / "main.py").write_text(
        "from fastapi import FastAPI\napp = FastAPI()\n"
        "def lazy():\n    with open('f'):\n        import redis\n"
        "class Holder:\n    async def ask(self):\n        try:\n            pass\n"
        "        except ValueError:\n            import openai\n"
        "        finally:\n            import sqlalchemy\n"
        "        match 1:\n            case 1:\n                import httpx\n"
        "            case _:\n                pass\n"
        "for _ in ():\n    pass\nelse:\n    import anthropic\n"
    )
    root = committed(tmp_path)
    gc.disable()
    try:
        found = surveyed(root)
        assert not gc.isenabled()
    finally:
        gc.enable()

    assert {"redis", "openai", "sqlalchemy", "httpx", "anthropic"} <= set(found.libraries)
    surveyed(root)
    assert gc.isenabled()
