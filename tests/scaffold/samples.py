"""Small repositories of strangers, as people have them before they know of us."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from agent_perf.repository import Repository
from agent_perf.scaffold import Entry, Plan, Survey, make_plan, require_choice, survey
from tests.shop import commit, git

PROJECTS: Final = Path(__file__).parent / "projects"
NAMES: Final = ("fast", "star", "pyd", "graph", "plain")


def project(name: str, folder: Path) -> Path:
    """Copy the project called *name* to *folder* as a repository of one commit."""
    root = folder / name
    shutil.copytree(PROJECTS / name, root, ignore=shutil.ignore_patterns("__pycache__"))
    return committed(root)


def committed(root: Path) -> Path:
    """Make a repository of what is in *root*."""
    git(root, "init", "-q", "-b", "main")
    commit(root, "Begin")
    return root


def surveyed(root: Path, start: Path | None = None) -> Survey:
    """Survey the repository at *root*."""
    repository = Repository(root=root)
    return survey(root, start or root, repository.files(), remote=repository.remote())


def planned(root: Path, entry: Entry | None = None, **options: object) -> Plan:
    """Return the plan for the repository at *root*."""
    found = surveyed(root)
    ignore = root / ".gitignore"
    ignored = ignore.read_text(errors="replace") if ignore.is_file() else ""
    return make_plan(found, entry or require_choice(found), ignored=ignored, **options)  # type: ignore[arg-type]


def text_of(plan: Plan, path: str) -> str:
    """Return what *plan* writes to *path*."""
    (found,) = [one.text for one in plan.changes if str(one.path) == path]
    return found
