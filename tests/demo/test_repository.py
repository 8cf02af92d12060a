import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from agent_perf.demo import DemoHistory
from agent_perf.repository import Repository

COMMIT_COUNT = 12
PACKAGES = ("support_agent", "benchmarks")


@pytest.fixture(scope="session")
def trees(demo: DemoHistory, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """The files of each commit, the oldest first."""
    folder = tmp_path_factory.mktemp("trees")
    repository = Repository(root=demo.root)
    for index, commit in enumerate(demo.commits):
        repository.export(commit.id, folder / str(index))
    return tuple(folder / str(index) for index in range(len(demo.commits)))


def load(path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import *path* with the packages of *tree*, not those of another commit."""
    for name in list(sys.modules):
        if name.split(".")[0] in PACKAGES:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tree)
    spec = importlib.util.spec_from_file_location(f"demo_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert str(tree) in str(sys.modules["support_agent"].__file__)
    return module


@pytest.mark.parametrize("index", range(COMMIT_COUNT))
def test_commit_passes_its_own_tests(
    index: int, trees: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every commit can be imported and works by its own tests: answers come from the model
    and then from the cache, the tool sees the asker's orders, events are signed, in order.
    """
    module = load(trees[index] / "tests" / "test_agent.py", trees[index], monkeypatch)
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]

    importlib.import_module("support_agent.production")
    assert len(tests) >= 4
    for test in tests:
        test()


@pytest.mark.parametrize("index", range(COMMIT_COUNT))
def test_no_endpoint_runs_in_a_thread(index: int, trees: tuple[Path, ...]) -> None:
    """
    Endpoints are coroutines: FastAPI would run any other in a thread, which virtual
    time refuses.
    """
    source = (trees[index] / "support_agent" / "app.py").read_text()
    routed = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(ast.unparse(line).startswith("app.") for line in node.decorator_list)
    ]

    assert routed
    assert all(isinstance(node, ast.AsyncFunctionDef) for node in routed)


def test_benchmarks_are_the_same_in_all_commits(trees: tuple[Path, ...]) -> None:
    """
    Only what is under test changes along the history.
    """
    first = trees[0]
    for tree in trees:
        for path in first.glob("benchmarks/*.py"):
            assert path.read_bytes() == (tree / path.relative_to(first)).read_bytes()
        assert (first / "agent-perf.toml").read_bytes() == (tree / "agent-perf.toml").read_bytes()
