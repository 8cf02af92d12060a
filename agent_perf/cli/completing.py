"""
What a shell may offer: names of this project, found without importing its code.

It is asked at every press of the tab key: so it is quick, and says nothing where there is
nothing to say, as outside of a project or with a configuration that is not valid.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import click

if TYPE_CHECKING:
    from agent_perf.config import Effective

_SCENARIO: Final = re.compile(r"""\bscenario\(\s*["']([^"'\n]+)["']""")
_STORED: Final = re.compile(r"(.+)-py[\d.]+-.*\.json")
_SECONDS_MAX: Final = 2
_SOURCE_BYTES_MAX: Final = 1_000_000

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _offering(names: Callable[[Path, Effective], Iterable[str]]) -> Complete:
    """Return a function for click that offers those of *names* that begin as typed."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        from agent_perf.cli.profile import project_folder
        from agent_perf.config import read_settings
        from agent_perf.errors import AgentPerfError

        try:
            root = project_folder()
            found = sorted(set(names(root, read_settings(root))))
        except (AgentPerfError, OSError, subprocess.SubprocessError):
            # A message would land in the middle of what is being typed.
            return []
        return [name for name in found if name.startswith(incomplete)]

    return complete


def _scenarios(root: Path, settings: Effective) -> Iterator[str]:
    for path in (root / settings.config.benchmarks).rglob("*.py"):
        if path.stat().st_size <= _SOURCE_BYTES_MAX:
            yield from _SCENARIO.findall(path.read_text(encoding="utf-8", errors="replace"))


def _benchmarks(root: Path, settings: Effective) -> Iterator[str]:
    yield from _scenarios(root, settings)
    for path in (root / settings.config.results).glob("*/*/*.json"):
        if found := _STORED.fullmatch(path.name):
            yield unquote(found[1])


def _words(root: Path, settings: Effective) -> Iterator[str]:
    from agent_perf.cli.meanings import MEANINGS

    yield from _benchmarks(root, settings)
    yield from (one.word for one in MEANINGS if " " not in one.word)


def _refs(root: Path, settings: Effective) -> Iterator[str]:
    yield from ("HEAD", "worktree")
    done = subprocess.run(
        ["git", "-C", str(root), "for-each-ref", "--format=%(refname:short)", "--count=500"],
        capture_output=True,
        text=True,
        check=True,
        timeout=_SECONDS_MAX,
    )
    yield from done.stdout.split()


def _bases(root: Path, settings: Effective) -> Iterator[str]:
    yield from _refs(root, settings)
    yield from (f"baseline:{name}" for name in _baselines(root, settings))


def _baselines(root: Path, settings: Effective) -> Iterator[str]:
    yield from (path.stem for path in (root / settings.config.baselines).glob("*.json"))


def _profiles(root: Path, settings: Effective) -> Iterable[str]:
    return settings.profiles


def _loads(root: Path, settings: Effective) -> Iterable[str]:
    return settings.config.loads


def _experiments(root: Path, settings: Effective) -> Iterable[str]:
    return settings.config.chaos


def _sessions(root: Path, settings: Effective) -> Iterator[str]:
    from agent_perf.history import SessionStore

    yield "last"
    yield from SessionStore(root=root / settings.config.sessions).names()


scenario_names: Final = _offering(_scenarios)
benchmark_names: Final = _offering(_benchmarks)
words_to_explain: Final = _offering(_words)
ref_names: Final = _offering(_refs)
base_names: Final = _offering(_bases)
baseline_names: Final = _offering(_baselines)
profile_names: Final = _offering(_profiles)
load_names: Final = _offering(_loads)
chaos_names: Final = _offering(_experiments)
session_names: Final = _offering(_sessions)


def completion_script(group: click.Group, shell: str) -> str:
    """Return what *shell* has to read to complete the verbs and names of *group*."""
    from click.shell_completion import get_completion_class

    kind: Any = get_completion_class(shell)
    assert kind is not None
    script: str = kind(group, {}, "agent-perf", "_AGENT_PERF_COMPLETE").source()
    return script
