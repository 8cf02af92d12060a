"""Repositories as they are: whatever is in them, there is no traceback and nothing half done."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from agent_perf.cli.init import InitOptions, init_project
from agent_perf.errors import AgentPerfError, ConfigError, StoreError, UsageError
from agent_perf.scaffold import named_entry, write_changes
from tests.scaffold.samples import committed, planned, surveyed, text_of
from tests.scaffold.test_plan import contents

APP: Final = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/ping")
async def ping():
    return {}

"""


def repository(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return committed(folder)


def endpoint(signature: str, before: str = "") -> str:
    return f"{APP}{before}\n\n@app.post('/chat')\nasync def chat({signature}):\n    return 1\n"


@pytest.mark.parametrize(
    "source",
    [
        endpoint("message: Literal[Colour.RED]", "from typing import Literal"),
        endpoint("message: 'a b c'"),
        endpoint("message: Optional['(']", "from typing import Optional"),
        endpoint("message: Annotated[str]", "from typing import Annotated"),
        endpoint("a: A", "class A(B):\n    x: int\n\n\nclass B(A):\n    y: str"),
        endpoint("a: A", "class A:\n    x: 'A'"),
        endpoint("a", "import os\n\nKEY = os.environ['A\"B\\n\\x1b']"),
        endpoint("a", "@app.api_route('/x', methods=['a b(c'])\nasync def question(): ..."),
        endpoint("a", "@app.get('/x\\nimport os\\r\\u2028')\nasync def other(): ..."),
    ],
    ids=["literal", "quoted", "open", "alone", "circle", "itself", "variable", "method", "route"],
)
def test_sources_that_say_odd_things(source: str, tmp_path: Path) -> None:
    """
    What is generated is Python, whatever the source says of types, names, methods and paths.
    """
    root = repository(tmp_path, {"shop.py": source})

    ast.parse(text_of(planned(root), "benchmarks/shop.py"))


@pytest.mark.parametrize(
    "pyproject",
    [
        "tool = 5\n",
        "project = 'x'\n",
        "[project]\noptional-dependencies = 3\n",
        "dependency-groups = []\n[tool]\npoetry = 'x'\n",
        "[tool.poetry.group]\ndev = 3\n",
    ],
)
def test_tables_of_other_types(pyproject: str, tmp_path: Path) -> None:
    """
    A pyproject.toml whose tables are something else is no reason to stop.
    """
    root = repository(tmp_path, {"shop.py": APP, "pyproject.toml": pyproject})

    assert planned(root, asv=True).scenario is not None


def test_requests_with_a_body(tmp_path: Path) -> None:
    """
    A body goes with any method, and a method that clients have no function for is named.
    """
    body = "class Asked:\n    message: str"
    delete = endpoint("a: Asked", body).replace("app.post", "app.delete")
    trace = endpoint("message: str").replace("app.post(", "app.api_route(methods=['TRACE'], path=")
    texts = [
        "".join(
            text_of(
                planned(repository(tmp_path / name, {"shop.py": source})), "benchmarks/shop.py"
            ).split()
        )
        for name, source in (("delete", delete), ("trace", trace))
    ]

    assert 'client.request("DELETE","/chat",json=' in texts[0]
    assert 'client.request("TRACE","/chat",params=' in texts[1]


def test_names_that_are_taken(tmp_path: Path) -> None:
    """
    A scenario hides nothing that its file imports, and is nothing that asv would run.
    """
    names = []
    for function in ("llm", "scenario", "time_travel"):
        source = endpoint("message: str").replace("def chat", f"def {function}")
        plan = planned(repository(tmp_path / function, {"shop.py": source}))
        assert plan.scenario is not None
        names.append(plan.scenario.name)

    assert ["shop.ask_llm", "shop.ask_scenario", "shop.ask_time_travel"] == names


@pytest.mark.parametrize("path", ["my-app/main.py", "my app.py", "class/main.py", "__init__.py"])
def test_files_that_no_import_names(path: str, tmp_path: Path) -> None:
    """
    What nobody can import is no way in, and is named.
    """
    root = repository(tmp_path, {path: APP})

    with pytest.raises(UsageError, match=f"no `import` can name {path}"):
        planned(root)


def test_applications_for_type_checkers(tmp_path: Path) -> None:
    """
    What only a type checker sees is not there when it runs.
    """
    inside = APP.replace("app = FastAPI()", "if TYPE_CHECKING:\n    app = FastAPI()")
    root = repository(tmp_path, {"shop.py": f"from typing import TYPE_CHECKING\n{inside}"})

    assert () == surveyed(root).entries


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Shop", "is a class"),
        ("LIMIT", "is a plain value"),
        ("make", "is a function that needs arguments"),
    ],
)
def test_what_is_no_way_in(name: str, said: str, tmp_path: Path) -> None:
    """
    Classes, values and what needs arguments are refused by what they are.
    """
    more = "class Shop: ...\n\n\nLIMIT = 5\n\n\ndef make(settings): ...\n"
    root = repository(tmp_path, {"shop.py": APP + more})

    with pytest.raises(UsageError, match=f"{name} of shop.py {said}"):
        named_entry(surveyed(root), f"shop:{name}")


def test_a_module_named_as_its_file(tmp_path: Path) -> None:
    """
    A path is as good as a module's name.
    """
    found = surveyed(repository(tmp_path, {"src/shop/main.py": APP}))

    for written in ("shop.main:app", "src/shop/main.py:app", "src/shop/main:app"):
        assert "shop.main:app" == named_entry(found, written).target


def test_files_in_other_encodings(tmp_path: Path) -> None:
    """
    Files of others need not be UTF-8, and what they hold stays as it is.
    """
    there: dict[str, str | bytes] = {
        "shop.py": b"\xef\xbb\xbf" + APP.replace("\n", "\r\n").encode(),
        "old.py": b"# coding: nonsense\n",
        ".gitignore": b"caf\xe9\n",
        "benchmarks/__init__.py": b"# caf\xe9\n",
        "requirements.txt/notes": b"",
    }
    root = repository(tmp_path, there)
    write_changes(root, planned(root).changes)

    assert (root / ".gitignore").read_bytes().startswith(b"caf\xe9\n.agent-perf/*\n")
    assert (root / "agent_benchmarks" / "shop.py").is_file()


def test_links_and_modes_stay(tmp_path: Path) -> None:
    """
    A file that is extended stays a link, and keeps its mode.
    """
    root = repository(tmp_path, {"shop.py": APP, "conf/shared.toml": "[project]\nname = 'x'\n"})
    (root / "pyproject.toml").symlink_to("conf/shared.toml")
    (root / "conf" / "shared.toml").chmod(0o640)
    write_changes(root, planned(root).changes)

    assert (root / "pyproject.toml").is_symlink()
    assert "[tool.agent-perf.limits]" in (root / "conf" / "shared.toml").read_text()
    assert 0o640 == (root / "conf" / "shared.toml").stat().st_mode & 0o777


@pytest.mark.parametrize("path", [".gitignore/x", ".github"])
def test_all_or_nothing(path: str, tmp_path: Path) -> None:
    """
    If one file cannot be written, none is.
    """
    root = repository(tmp_path, {"shop.py": APP, path: "mine\n"})
    before = contents(root)

    with pytest.raises(StoreError, match="nothing was written"):
        write_changes(root, planned(root, ci="github").changes)
    assert before == contents(root)


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"agent-perf.toml": "benchmarks = '../out'\n"}, ConfigError),
        ({"agent-perf.toml": b"# \xe9\n"}, ConfigError),
        ({"pyproject.toml": "[tool]\nagent-perf = []\n"}, ConfigError),
        ({"agent_perf/__init__.py": ""}, UsageError),
    ],
    ids=["outside", "encoding", "list", "hidden"],
)
def test_nothing_is_written_first(
    files: dict[str, str | bytes], error: type[AgentPerfError], tmp_path: Path
) -> None:
    """
    A configuration that does not hold, and a project that hides this package, are told before.
    """
    root = repository(tmp_path / "x", {"shop.py": APP, **files})
    before = contents(tmp_path)

    with pytest.raises(error):
        init_project(InitOptions(folder=root))
    assert before == contents(tmp_path)
