"""
Pins the harness: a copy that edits during a long run do not reach.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from agent_perf.errors import StoreError

_PACKAGE: Final = Path(__file__).parents[1]
_DIGEST_CHARS: Final = 16


@cache
def take_snapshot(folder: Path, left_out: tuple[str, ...] = ()) -> Path:
    """
    Return a copy of the package ``agent_perf`` as it is now, made once per process.

    Args:
        folder: Where copies are kept, each under the digest of its content.
        left_out: Folders that come from the commit instead, ``agent_perf/components``.

    Raises:
        StoreError: If it cannot be written.
    """
    # Read once, so that the digest is of what is written even if somebody saves meanwhile.
    contents = dict(_contents(left_out))
    kept = folder / f"harness-{_digest(contents)}"
    if not kept.is_dir():
        try:
            _write(contents, kept)
        except OSError as error:
            raise StoreError(f"cannot copy the harness to {kept}: {error.strerror}") from error
    return kept / _PACKAGE.name


def _contents(left_out: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Yield name, relative to the folder that holds the package, and content of its files."""
    root = _PACKAGE.parent
    skipped = tuple(f"{name.strip('/')}/" for name in left_out)
    for path in sorted(_PACKAGE.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and "__pycache__" not in path.parts and not name.startswith(skipped):
            yield name, path.read_bytes()


def _digest(contents: Mapping[str, bytes]) -> str:
    digest = sha256()
    for name, content in contents.items():
        digest.update(f"{name}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()[:_DIGEST_CHARS]


def _write(contents: Mapping[str, bytes], kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and moved in one step: another process sees the whole copy or none.
    aside = Path(tempfile.mkdtemp(prefix=".harness-", dir=kept.parent))
    for name, content in contents.items():
        (aside / name).parent.mkdir(parents=True, exist_ok=True)
        (aside / name).write_bytes(content)
    try:
        aside.rename(kept)
    except OSError:
        shutil.rmtree(aside)
        if not kept.is_dir():
            raise
