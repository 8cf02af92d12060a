"""
Which files a project is given; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from agent_perf.scaffold.dependencies import read_toml, table_in
from agent_perf.scaffold.entries import Entry
from agent_perf.scaffold.first_scenario import FirstScenario, write_scenario
from agent_perf.scaffold.rendering import fill
from agent_perf.scaffold.survey import Survey
from agent_perf.toml_text import parse_toml

_IGNORED: Final = (".agent-perf/*", "!.agent-perf/baselines/")
_GITLAB: Final = ".gitlab/agent-perf.yml"
_PYTHON: Final = "3.12"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    What becomes of one file.

    Attributes:
        path: Relative to the repository's root.
        kind: ``create``; ``append`` to what is there; ``keep`` what is there.
        text: What is written, or appended; empty for ``keep``.
        note: Why, in a few words; may be empty.
    """

    path: PurePosixPath
    kind: Literal["create", "append", "keep"]
    text: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What `init` does.

    Attributes:
        changes: In the order in which they are told.
        scenario: The first one; None if the project has scenarios already.
        by_hand: What is left to the user, a sentence each.
    """

    changes: tuple[Change, ...]
    scenario: FirstScenario | None
    by_hand: tuple[str, ...] = ()


def make_plan(
    found: Survey,
    entry: Entry,
    *,
    ci: str = "auto",
    asv: bool = False,
    ignored: str = "",
) -> Plan:
    """
    Return what *found* is given for a first scenario of *entry*.

    Args:
        found: The repository.
        entry: The way in.
        ci: Which CI's file to write: ``github``, ``gitlab``, ``none``; the one that is used,
            if ``auto``.
        asv: Whether to write asv.conf.json as well.
        ignored: What .gitignore holds.
    """
    benchmarks, reports = _benchmarks(found), _reports(found)
    first = write_scenario(found, entry)
    by_hand = [f"{one} in {benchmarks}/{first.stem}.py" for one in first.unknown]
    changes = [
        _new(found, f"{benchmarks}/__init__.py", '"""Scenarios: `agent-perf run worktree`."""\n'),
        _new(found, f"{benchmarks}/{first.stem}.py", first.text, f"{first.name}: {first.does}"),
        _configuration(found, benchmarks, reports),
        _ignore(found, reports, ignored),
    ]
    kind = found.ci if ci == "auto" else ci
    if kind == "github":
        changes.append(_new(found, ".github/workflows/agent-perf.yml", _ci_text(found, kind)))
    elif kind == "gitlab":
        changes.append(_new(found, _GITLAB, _ci_text(found, kind)))
        by_hand.append(f"add to .gitlab-ci.yml: include: {{local: {_GITLAB}}}")
    if asv:
        changes.append(_new(found, "asv.conf.json", fill("asv.conf.json.j2", **_asv(found))))
    return Plan(changes=tuple(changes), scenario=first, by_hand=tuple(by_hand))


def _new(found: Survey, path: str, text: str, note: str = "") -> Change:
    place = PurePosixPath(path)
    if (found.root / place).exists():
        is_equal = (found.root / place).is_file() and (found.root / place).read_bytes() == (
            text.encode()
        )
        return Change(path=place, kind="keep", note="as it is" if is_equal else "is there already")
    return Change(path=place, kind="create", text=text, note=note)


def _benchmarks(found: Survey) -> str:
    """Return the folder for scenarios: another one if `benchmarks` holds something else."""
    configured = _configured(found).get("benchmarks")
    if isinstance(configured, str):
        return configured
    ours = found.root / "benchmarks"
    if not ours.exists() or _holds_scenarios(found, "benchmarks"):
        return "benchmarks"
    return "agent_benchmarks"


def _holds_scenarios(found: Survey, folder: str) -> bool:
    return any(
        "agent_perf" in _text(found.root / one)
        or (one == f"{folder}/__init__.py" and "agent-perf" in _text(found.root / one))
        for one in found.files
        if one.startswith(f"{folder}/") and one.endswith(".py") and (found.root / one).is_file()
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _reports(found: Survey) -> str:
    configured = _configured(found).get("reports")
    if isinstance(configured, str):
        return configured
    tracked = any(one.startswith("reports/") for one in found.files)
    return ".agent-perf/reports" if tracked else "reports"


def _configured(found: Survey) -> Mapping[str, Any]:
    own = found.root / "agent-perf.toml"
    if own.is_file():
        return read_toml(own)
    return table_in(found.pyproject, "tool", "agent-perf")


def _configuration(found: Survey, benchmarks: str, reports: str) -> Change:
    own, shared = PurePosixPath("agent-perf.toml"), PurePosixPath("pyproject.toml")
    if (found.root / own).is_file():
        return Change(path=own, kind="keep", note="is there already")
    if "agent-perf" in table_in(found.pyproject, "tool"):
        return Change(path=shared, kind="keep", note="has [tool.agent-perf] already")
    usual = {"benchmarks": "benchmarks", "reports": "reports"}
    values = {"benchmarks": benchmarks, "reports": reports}
    if found.folder != PurePosixPath():
        values["source"] = list(found.source_folders)  # type: ignore[assignment]
    table = {key: value for key, value in values.items() if usual.get(key) != value}
    if (found.root / shared).is_file():
        before = (found.root / shared).read_text(encoding="utf-8")
        text = "\n" + fill("config.toml.j2", head="tool.agent-perf", table=table)
        text = text if before.endswith("\n") or not before else f"\n{text}"
        if _adds_only_ours(before, text):
            return Change(path=shared, kind="append", text=text, note="[tool.agent-perf]")
    return Change(path=own, kind="create", text=fill("config.toml.j2", head="", table=table))


def _adds_only_ours(before: str, addition: str) -> bool:
    """Whether *addition* disturbs nothing: `tool` may be written in ways that forbid it."""
    try:
        old, new = parse_toml(before), parse_toml(before + addition)
    except (ValueError, RecursionError):
        return False
    new.get("tool", {}).pop("agent-perf", None)
    # A file without any `tool` has an empty one now.
    return new in (old, {**old, "tool": {}})


def _ignore(found: Survey, reports: str, ignored: str) -> Change:
    path = PurePosixPath(".gitignore")
    wanted = [*_IGNORED, *([] if reports.startswith(".agent-perf") else [f"{reports}/"])]
    there = {line.strip() for line in ignored.splitlines()}
    missing = [line for line in wanted if line not in there]
    if not missing:
        return Change(path=path, kind="keep", note="as it is")
    text = "".join(f"{line}\n" for line in missing)
    if not (found.root / path).exists():
        return Change(path=path, kind="create", text=text)
    gap = "" if not ignored or ignored.endswith("\n") else "\n"
    return Change(path=path, kind="append", text=gap + text, note=", ".join(missing))


def _ci_text(found: Survey, kind: str) -> str:
    install, run = _installed(found)
    return fill(f"{kind}.yml.j2", install=install, run=run, python=_PYTHON, reports=_reports(found))


def _installed(found: Survey) -> tuple[list[str], str]:
    """Return what installs the project and us in a CI, and what verbs are run with."""
    folder = "" if found.folder == PurePosixPath() else f"{found.folder}/"
    if f"{folder}uv.lock" in found.files:
        project = f" --project {folder.rstrip('/')}" if folder else ""
        return ["pip install uv"], f"uv run{project} --with agent-perf "
    wanted = []
    project_files = {f"{folder}{one}" for one in ("pyproject.toml", "setup.py", "setup.cfg")}
    table = found.pyproject
    is_package = bool(project_files & found.files) and (
        folder != "" or "build-system" in table or "project" in table or not table
    )
    if is_package:
        wanted.append(f"-e ./{folder.rstrip('/')}" if folder else "-e .")
    if f"{folder}requirements.txt" in found.files:
        wanted.append(f"-r {folder}requirements.txt")
    return [" ".join(["pip install", *wanted, "agent-perf"])], ""


def _asv(found: Survey) -> dict[str, str]:
    name = table_in(found.pyproject, "project").get("name") or found.root.resolve().name
    return {"project": str(name), "benchmarks": _benchmarks(found), "branch": found.branch}
