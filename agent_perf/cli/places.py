"""
Where benchmarks are written: file and line, read from the source without running it.

What was stored is not imported again, and a stored run does not know its file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent_perf.report import Place


def find_places(root: Path, package: str, benchmarks: Iterable[str]) -> dict[str, Place]:
    """
    Return where *benchmarks* are written; what cannot be found is left out.

    Args:
        root: Folder that paths are relative to.
        package: Folder of the benchmarks, relative to *root*.
        benchmarks: Their names: of scenarios with a load, ``agent.chat@200``, or of
            micro-benchmarks, ``cache.Reads.time_hit``.
    """
    scenarios: dict[str, Place] = {}
    mentions: dict[str, Place] = {}
    functions: dict[str, Place] = {}
    for path in sorted((root / package).rglob("*.py")):
        tree = _parsed(path)
        if tree is None:
            continue
        name = path.relative_to(root).as_posix()
        module = ".".join(path.relative_to(root / package).with_suffix("").parts)
        for found, line in _scenarios(tree, path.stem):
            scenarios.setdefault(found, Place(path=name, line=line))
        for found, line in _strings(tree):
            mentions.setdefault(found, Place(path=name, line=line))
        for found, line in _functions(tree):
            functions.setdefault(f"{module}.{found}", Place(path=name, line=line))
    places = {}
    for benchmark in benchmarks:
        scenario = benchmark.partition("@")[0]
        place = scenarios.get(scenario) or functions.get(benchmark) or mentions.get(scenario)
        if place is not None:
            places[benchmark] = place
    return places


def _parsed(path: Path) -> ast.Module | None:
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except (OSError, SyntaxError, ValueError):
        # What is wrong with the file is told by whoever imports it.
        return None


def _scenarios(tree: ast.Module, stem: str) -> Iterator[tuple[str, int]]:
    """Yield name and line of each function under ``@scenario``, with a name or without."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for one in node.decorator_list:
            call = one if isinstance(one, ast.Call) else None
            function = call.func if call else one
            called = function.attr if isinstance(function, ast.Attribute) else None
            if isinstance(function, ast.Name):
                called = function.id
            if called != "scenario":
                continue
            given = call.args[0] if call and call.args else None
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                yield given.value, one.lineno
            else:
                yield f"{stem}.{node.name}", one.lineno


def _strings(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield each string and its line: a scenario made in a loop is named somewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, node.lineno


def _functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield functions and methods as asv names them within a file."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{inner.name}", inner.lineno
