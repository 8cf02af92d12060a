"""axe-core, which finds what keeps people out of a page: fetched once, and checked."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any, Final

from tests.report.browser import Browser

VERSION: Final = "4.14.1"
SHA512: Final = (
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)
_FILE: Final = f"axe-core-{VERSION}.tgz"
_FETCH_S_MAX: Final = 60


class MissingError(Exception):
    """There is no axe-core here, and why."""


def fetch(folder: Path) -> str:
    """
    Return the source of axe-core, from *folder* if it was fetched before.

    Raises:
        MissingError: If npm is not there, or reaches no registry.
    """
    archive = folder / _FILE
    if not archive.is_file():
        _pack(folder)
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != SHA512:
        archive.unlink()
        raise AssertionError(f"{_FILE} has the SHA-512 {digest}; want {SHA512}")
    with tarfile.open(archive) as files:
        source = files.extractfile("package/axe.min.js")
        assert source is not None
        return source.read().decode()


def _pack(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise MissingError("npm is not on PATH")
    wanted = (npm, "pack", f"axe-core@{VERSION}", "--silent", "--pack-destination", str(folder))
    try:
        done = subprocess.run(
            wanted, capture_output=True, text=True, timeout=_FETCH_S_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        raise MissingError(f"npm had not fetched axe-core after {_FETCH_S_MAX} s") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or [str(done.returncode)]
        raise MissingError(f"npm could not fetch axe-core: {words[-1][:200]}")


def violations(window: Browser, source: str) -> list[str]:
    """Return what axe-core, given as *source*, finds wrong with the page: rule and element."""
    # Every rule that is not experimental, best practices among them, is on by default.
    asked = json.dumps({"resultTypes": ["violations"]})
    window.evaluate(f"{source}; undefined")
    found: Any = window.evaluate(
        f"axe.run(document, {asked}).then(answer => answer.violations.flatMap("
        "rule => rule.nodes.map(node => `${rule.id} (${rule.impact}): ${node.target.join(' ')}: "
        "${node.html.slice(0, 120)}`)))"
    )
    assert isinstance(found, list)
    return found
