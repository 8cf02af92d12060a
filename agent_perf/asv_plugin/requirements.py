"""
What is installed into an environment: requirement and constraint lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import agent_perf
from agent_perf.asv_plugin.options import Options
from agent_perf.errors import ConfigError
from agent_perf.toml_text import parse_toml
from agent_perf.whole_files import read_whole

_NAME: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")

_HARNESS: Final = "agent-perf"

_LEFT_OUT: Final = frozenset({_HARNESS, "asv"})
"""The harness comes from its snapshot, and asv itself is not needed where benchmarks run."""

_MEM_BENCHMARK: Final = re.compile(r"^\s*(def mem_|class Mem[A-Z_])", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """
    What an environment is filled with, as text of a requirement and a constraint file.

    Attributes:
        requirements: One requirement per line, sorted.
        constraints: Pinned versions; may be empty.
    """

    requirements: str
    constraints: str


def gather_needs(
    root: Path,
    benchmarks: Path,
    options: Options,
    matrix: Mapping[str, str],
    *,
    with_hashes: bool = True,
) -> Needs:
    """
    Return what to install for the project at *root*.

    The project's dependencies and the harness's, at the pinned versions; what the matrix
    names has the matrix's version instead.

    Args:
        root: Folder of asv.conf.json.
        benchmarks: Folder of the benchmarks.
        options: Extras and files.
        matrix: Package to exact version; empty for any.
        with_hashes: Whether the installer checks hashes that stand in constraints: uv does,
            pip refuses them beside requirements that have none.

    Raises:
        ConfigError: If a file, an extra or a version cannot be used.
    """
    lines = list(_project_lines(root / "pyproject.toml", options))
    for name in options.requirements:
        lines += _plain_lines(_read(root / name, "requirements"))
    lines += own_requirements()
    # asv_runner finds no mem_* without it, and says nothing; where there is none, it would
    # cost every process 0.2 s, for it imports numpy.
    if any(_MEM_BENCHMARK.search(path.read_text("utf-8")) for path in benchmarks.rglob("*.py")):
        lines.append("pympler")
    # The process that starts a benchmark and the one that runs it speak asv_runner's
    # unwritten protocol: they must have one version.
    pins = {"asv-runner": metadata.version("asv_runner"), **_matrix_pins(matrix)}
    chosen = {_pinned(line, pins) for line in lines if name_of(line) not in _LEFT_OUT}
    chosen |= {f"{name}=={pin}" if pin else name for name, pin in pins.items()}
    texts = [_read(root / name, "constraints") for name in options.constraints]
    return Needs(
        requirements="".join(f"{line}\n" for line in sorted(chosen)),
        constraints="".join(_fitting(text, pins, with_hashes=with_hashes) for text in texts),
    )


def own_requirements() -> tuple[str, ...]:
    """
    Return what agent-perf itself requires, without its extras.

    Raises:
        ConfigError: If it is neither installed nor run from its source.
    """
    # A checkout on the path may stand beside an older installed copy: its file comes first.
    source = Path(agent_perf.__file__).parents[1] / "pyproject.toml"
    if source.is_file():
        project = _table(source).get("project", {})
        if project.get("name") == _HARNESS:
            return tuple(project.get("dependencies", ()))
    try:
        found = metadata.requires(_HARNESS) or ()
    except metadata.PackageNotFoundError:
        raise ConfigError(
            "agent-perf is not installed here, so its requirements are unknown; install it with "
            "`pip install agent-perf` into the environment that runs asv"
        ) from None
    return tuple(line for line in found if "extra ==" not in line)


def name_of(requirement: str) -> str:
    """Return the normalized name that a requirement line begins with; empty if there is none."""
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match.group(1)).lower() if match else ""


def _project_lines(pyproject: Path, options: Options) -> Iterator[str]:
    project = _table(pyproject).get("project", {}) if pyproject.is_file() else {}
    if "dependencies" in project.get("dynamic", ()) and not options.requirements:
        raise ConfigError(
            f"{pyproject} leaves the dependencies to its build system; list them in a file and "
            'name it: "agent_perf": {"requirements": ["requirements.txt"]} in asv.conf.json'
        )
    yield from project.get("dependencies", ())
    extras: Mapping[str, list[str]] = project.get("optional-dependencies", {})
    for extra in options.extras:
        if extra not in extras:
            raise ConfigError(
                f"extra {extra!r} is not in {pyproject}; it has: {', '.join(extras) or 'none'}"
            )
        yield from extras[extra]


def _matrix_pins(matrix: Mapping[str, str]) -> dict[str, str]:
    pins = {}
    for key, version in matrix.items():
        if version and not _VERSION.fullmatch(version):
            raise ConfigError(
                f"matrix: {key} {version!r}; want an exact version such as 5.0.8, because asv "
                "keys results by it"
            )
        pins[name_of(key.removeprefix("pip+"))] = version
    return pins


def _pinned(requirement: str, pins: Mapping[str, str]) -> str:
    """Return *requirement* at its pinned version, with its extras."""
    name = name_of(requirement)
    if not pins.get(name):
        return requirement.strip()
    match = _NAME.match(requirement)
    assert match is not None
    return f"{name}{match.group(2) or ''}=={pins[name]}"


def _fitting(constraints: str, pins: Mapping[str, str], *, with_hashes: bool) -> str:
    """Return the text of a constraint file without the entries that *pins* contradict."""
    kept = []
    # As pip and uv write them: an entry's hashes follow after a backslash.
    for entry in re.split(r"(?<!\\)\n", constraints):
        pin = pins.get(name_of(entry))
        if entry and (pin is None or re.match(rf"[^=]+=={re.escape(pin)}(\s|$)", entry)):
            kept.append(entry if with_hashes else entry.partition("\\\n")[0].rstrip())
    return "".join(f"{entry}\n" for entry in kept)


def _plain_lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        stripped = re.sub(r"(^|\s)#.*", "", line).strip()
        if stripped:
            yield stripped


def _table(pyproject: Path) -> dict[str, Any]:
    try:
        return parse_toml(read_whole(pyproject).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{pyproject} is not valid TOML: {error}") from error


def _read(path: Path, key: str) -> str:
    try:
        return read_whole(path).decode()
    except OSError as error:
        raise ConfigError(
            f'cannot read {path}, which "{key}" of "agent_perf" in asv.conf.json names: '
            f"{error.strerror}"
        ) from error
