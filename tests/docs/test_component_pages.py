"""What the pages of components show runs as it stands there."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.services.addresses import POSTGRES, REDIS, why_not

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs/components").glob("*.md")), ROOT / "docs/reference/components.md"]
_NAMES = ("docs-", "link-")
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> list[object]:
    """Return the Python blocks of all pages, each a parameter named by its page and order."""
    return [
        pytest.param(code, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, code in enumerate(_BLOCK.findall(page.read_text()), 1)
    ]


@pytest.mark.skipif(not PAGES, reason="there is no page yet")
@pytest.mark.parametrize("code", blocks())
def test_each_block_runs(code: str, tmp_path: Path) -> None:
    """
    Every example of the pages runs as a program of its own, in an empty folder.
    """
    for word, url in (("redis://", REDIS), ("postgresql", POSTGRES)):
        if word in code and (reason := why_not(url)):
            pytest.skip(reason)
    with _tidied(code):
        _run(code, tmp_path)


@contextmanager
def _tidied(code: str) -> Iterator[None]:
    """Remove what *code*, a page's example, leaves in Redis."""
    if "redis://" not in code:
        yield
        return
    with redis.Redis.from_url(REDIS) as client:
        before = _examples(client)
        try:
            yield
        finally:
            for key in _examples(client) - before:
                client.delete(key)


def _examples(client: redis.Redis) -> set[bytes]:
    # The server serves others, too: no names but those of the pages.
    return {key for begin in _NAMES for key in client.scan_iter(f"{begin}*")}


def _run(code: str, tmp_path: Path) -> None:
    program = tmp_path / "example.py"
    program.write_text(code)
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", __name__, str(program)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert 0 == done.returncode, done.stderr[-3000:]


def _main(path: str) -> None:
    """Run a file in which ``await`` may stand outside of functions."""
    source = Path(path).read_text()
    code = compile(source, path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    space: dict[str, object] = {"__name__": "__main__", "__file__": path}

    # A block without such an ``await`` runs here, and may start a loop itself.
    result = eval(code, space)
    if inspect.isawaitable(result):

        async def run() -> None:
            await result

        asyncio.run(run())


if __name__ == "__main__":
    _main(sys.argv[1])
