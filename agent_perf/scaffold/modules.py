"""
A stranger's Python files, read without running them.
"""

from __future__ import annotations

import ast
import gc
import keyword
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

_SKIPPED: Final = frozenset(
    {
        "alembic",
        "benchmarks",
        "build",
        "dist",
        "docs",
        "examples",
        "migrations",
        "node_modules",
        "scripts",
        "site-packages",
        "test",
        "tests",
        "venv",
    }
)
_FILES_MAX: Final = 2_000
_FILE_BYTES_MAX: Final = 1 << 20
_HOPS_MAX: Final = 8
"""Of a name through modules that import it on; more than any project needs, and no loop."""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """
    One file.

    Attributes:
        name: As it is imported: ``shop.main``.
        path: Relative to the repository's root.
        nodes: All that is in it, walked once: eight questions are asked of it.
        imports: Name in this file to what it stands for elsewhere, ``fastapi.FastAPI``.
        definitions: Name to the class, function or value that the top level binds to it.
    """

    name: str
    path: PurePosixPath
    nodes: tuple[ast.AST, ...]
    imports: Mapping[str, str]
    definitions: Mapping[str, Definition]

    def qualified(self, node: ast.expr) -> str:
        """Return what *node*, a name or attribute, stands for; empty if it is neither."""
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.qualified(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """
    All modules of a project.

    Attributes:
        modules: By name, shortest path first.
        unreadable: Files that are no Python of this version, or cannot be read, with the reason.
        nameless: Files that nobody can import, as ``my-app/main.py``.
    """

    modules: Mapping[str, Module]
    unreadable: tuple[str, ...] = field(default=())
    nameless: tuple[str, ...] = field(default=())

    def __iter__(self) -> Iterator[Module]:
        return iter(self.modules.values())

    def resolve(self, module: Module, node: ast.expr) -> tuple[Module, Definition] | None:
        """Return where *node*, as *module* writes it, is defined; None if not in the project."""
        name = module.qualified(node)
        if name in module.definitions:
            return module, module.definitions[name]
        for _ in range(_HOPS_MAX):
            home, _, attribute = name.rpartition(".")
            found = self.modules.get(home)
            if found is None:
                return None
            if attribute in found.definitions:
                return found, found.definitions[attribute]
            if attribute not in found.imports:
                return None
            name = found.imports[attribute]
        return None

    def imported(self) -> frozenset[str]:
        """Return the top names of all packages that some file imports."""
        return frozenset(
            name.partition(".")[0] for module in self for name in module.imports.values()
        )


def read_sources(root: Path, files: Iterable[str], folders: Sequence[str]) -> Sources:
    """
    Return the modules among *files*.

    Args:
        root: The repository's.
        files: Paths relative to it, with slashes; tests, examples and the like are left out.
        folders: Which of them are put on the import path, relative to *root*: ``src``, ``.``.
    """
    wanted = sorted((PurePosixPath(one) for one in files), key=lambda path: len(path.parts))
    found: dict[str, Module] = {}
    unreadable = []
    nameless = []
    with _uncollected():
        for path in [one for one in wanted if _is_product(one, folders)][:_FILES_MAX]:
            full = root / path
            if not full.is_file() or full.stat().st_size > _FILE_BYTES_MAX:
                continue
            name = _module_name(path, folders)
            if not _is_importable(name):
                nameless.append(str(path))
                continue
            try:
                tree = ast.parse(full.read_bytes(), filename=str(path))
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                unreadable.append(f"{path}: {error}")
                continue
            except OSError as error:
                unreadable.append(f"{path}: {error.strerror}")
                continue
            found.setdefault(name, _module(name, path, tree))
    return Sources(modules=found, unreadable=tuple(unreadable), nameless=tuple(nameless))


@contextmanager
def _uncollected() -> Iterator[None]:
    """
    Look for no garbage meanwhile.

    All that is read is kept, and each look goes through all of it again: of 16 seconds that
    1,200 files took to parse, 12.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _is_product(path: PurePosixPath, folders: Sequence[str]) -> bool:
    if path.suffix != ".py" or path.name in {"setup.py", "conftest.py"}:
        return False
    if path.name.startswith("test_") or path.stem.endswith("_test"):
        return False
    inside = path
    for folder in folders:
        if folder != "." and path.is_relative_to(folder):
            inside = path.relative_to(folder)
            break
    else:
        if "." not in folders:
            return False
    return not any(part in _SKIPPED or part.startswith(".") for part in inside.parts[:-1])


def _module_name(path: PurePosixPath, folders: Sequence[str]) -> str:
    # The longest folder first: what lies in src/ is not imported as src.something.
    for folder in sorted(folders, key=len, reverse=True):
        if folder != "." and path.is_relative_to(folder):
            path = path.relative_to(folder)
            break
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_importable(name: str) -> bool:
    return all(one.isidentifier() and not keyword.iskeyword(one) for one in name.split("."))


def _module(name: str, path: PurePosixPath, tree: ast.Module) -> Module:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    imports: dict[str, str] = {}
    nodes = tuple(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            for one in node.names:
                top = one.name if one.asname else one.name.partition(".")[0]
                imports[one.asname or top] = top
        elif isinstance(node, ast.ImportFrom):
            home = _absolute(node, package)
            imports |= {one.asname or one.name: f"{home}.{one.name}" for one in node.names}
    definitions: dict[str, Definition] = {}
    for statement in _top_level(tree.body):
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            definitions[statement.name] = statement
        elif isinstance(statement, ast.Assign):
            names = [one.id for one in statement.targets if isinstance(one, ast.Name)]
            definitions |= dict.fromkeys(names, statement.value)
        elif (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and statement.value is not None
        ):
            definitions[statement.target.id] = statement.value
    return Module(name=name, path=path, nodes=nodes, imports=imports, definitions=definitions)


def _top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those of its `if` and `try` blocks among them."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try):
            body = [] if _is_never_run(statement) else statement.body
            yield from _top_level([*body, *statement.orelse])


def _is_never_run(statement: ast.If | ast.Try) -> bool:
    """Whether an import passes over its body: that of a program, or for type checkers."""
    if isinstance(statement, ast.Try):
        return False
    test = ast.unparse(statement.test)
    return "__name__" in test or test in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    parts = parts[: len(parts) - (node.level - 1)]
    return ".".join([*parts, *([node.module] if node.module else [])])
