"""
What a stranger's repository holds, as far as a first scenario needs to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from agent_perf.errors import UsageError
from agent_perf.scaffold.dependencies import SERVICES, declared, read_toml
from agent_perf.scaffold.entries import Entry, find_entries
from agent_perf.scaffold.modules import Sources, read_sources

CiKind = Literal["github", "gitlab", "none"]

_PROJECT_FILES: Final = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile")


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """
    What was found.

    Attributes:
        root: The repository's top folder.
        folder: The project's, relative to it: ``.``, or one of several in the repository.
        files: All of the repository's files, relative, with slashes.
        sources: The project's Python files.
        source_folders: Which folders are put on the import path, relative to *root*.
        entries: Ways in, the likeliest first.
        services: What it talks to: ``Redis``, ``SQL``, ``model``...
        libraries: The packages that tell so.
        pyproject: The repository's pyproject.toml.
        ci: Which CI it uses; ``github`` if none is seen.
        branch: The default branch.
    """

    root: Path
    folder: PurePosixPath
    files: frozenset[str]
    sources: Sources
    source_folders: tuple[str, ...]
    entries: tuple[Entry, ...]
    services: tuple[str, ...]
    libraries: tuple[str, ...]
    pyproject: dict[str, Any]
    ci: CiKind
    branch: str


def survey(
    root: Path, start: Path, files: Sequence[str], *, branch: str = "main", remote: str = ""
) -> Survey:
    """
    Return what the repository at *root* holds; none of its code is run.

    Args:
        root: Top folder of the repository.
        start: Folder of the project: *root*, or one below it.
        files: The repository's files, relative to *root*.
        branch: Its default branch.
        remote: Address of where it is pushed to; may be empty.

    Raises:
        UsageError: If there is no Python project, or it hides this package.
        ConfigError: If its pyproject.toml is no TOML.
    """
    folder = PurePosixPath(start.resolve().relative_to(root.resolve()).as_posix())
    inside = [one for one in files if folder == PurePosixPath() or _is_below(one, folder)]
    folders = _source_folders(inside, folder)
    sources = read_sources(root, inside, folders)
    has_project = any((start / name).is_file() for name in _PROJECT_FILES)
    if not (sources.modules or sources.nameless or has_project):
        raise UsageError(
            f"no Python project in {start}: there is none of {', '.join(_PROJECT_FILES)} and no "
            "module beside tests; run `agent-perf init` in the folder that holds yours"
        )
    if "agent_perf" in sources.modules:
        raise UsageError(
            f"{sources.modules['agent_perf'].path} is a module `agent_perf` of the project's own, "
            "which hides this package wherever the project is imported: give it another name"
        )
    known = declared(start) | sources.imported()
    libraries = tuple(name for name in SERVICES if name in known)
    return Survey(
        root=root,
        folder=folder,
        files=frozenset(files),
        sources=sources,
        source_folders=folders,
        entries=find_entries(sources),
        services=tuple(dict.fromkeys(SERVICES[name] for name in libraries)),
        libraries=libraries,
        pyproject=read_toml(root / "pyproject.toml"),
        ci=_ci(files, remote),
        branch=branch,
    )


def _is_below(path: str, folder: PurePosixPath) -> bool:
    return PurePosixPath(path).is_relative_to(folder)


def _source_folders(files: Sequence[str], folder: PurePosixPath) -> tuple[str, ...]:
    source = folder / "src"
    has_src = any(_is_below(one, source) for one in files if one.endswith(".py"))
    return (str(folder), *([str(source)] if has_src else []))


def _ci(files: Sequence[str], remote: str) -> CiKind:
    has_gitlab = ".gitlab-ci.yml" in files or "gitlab" in remote
    has_github = any(one.startswith(".github/") for one in files) or "github.com" in remote
    return "gitlab" if has_gitlab and not has_github else "github"
