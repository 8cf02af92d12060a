"""What a first scenario asks, read from a stranger's source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from agent_perf.scaffold import choices, named_entry, require_choice
from tests.scaffold.samples import NAMES, committed, planned, project, surveyed, text_of

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", NAMES)
def test_first_scenario(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """
    Each project's first scenario is the file that was reviewed.
    """
    plan = planned(project(name, tmp_path))
    assert plan.scenario is not None
    golden = GOLDEN / f"{name}.py.txt"
    if request.config.getoption("--update-golden"):
        golden.write_text(plan.scenario.text)

    assert golden.read_text() == plan.scenario.text
    assert ast.parse(plan.scenario.text)
    assert () == plan.scenario.unknown


@pytest.mark.parametrize(
    ("name", "target", "framework", "services"),
    [
        ("fast", "shop.main:app", "FastAPI", ("Redis", "model")),
        ("star", "helpdesk.web:application", "Starlette", ("Redis", "model")),
        ("pyd", "advisor.agents:advisor", "pydantic-ai", ("model",)),
        ("graph", "researcher.flow:build_graph", "LangGraph", ("model",)),
        ("plain", "worker.jobs:handle_job", "", ("Redis", "HTTP")),
    ],
)
def test_way_in(
    name: str, target: str, framework: str, services: tuple[str, ...], tmp_path: Path
) -> None:
    """
    The way in, its framework and the services around it are found without running anything.
    """
    found = surveyed(project(name, tmp_path))
    entry = require_choice(found)

    assert (target, framework) == (entry.target, entry.framework)
    assert services == found.services


def test_nothing_runs(tmp_path: Path) -> None:
    """
    A project whose import would fail, or do harm, is read all the same.
    """
    root = project("fast", tmp_path)
    main = root / "shop" / "main.py"
    main.write_text("raise SystemExit('imported')\n" + main.read_text())

    assert "shop.main:app" == require_choice(surveyed(root)).target


def test_body_of_all_shapes(tmp_path: Path) -> None:
    """
    Bodies, queries, forms and places in the path are made up by their types; what is injected
    or has a default is left out.
    """
    (tmp_path / "app.py").write_text(
        """
from enum import Enum
from typing import Annotated, Literal, Optional
from fastapi import Body, Depends, FastAPI, Form, Header, Query, Request
from pydantic import BaseModel, Field

app = FastAPI()

class Tone(str, Enum):
    WARM = "warm"

class Base(BaseModel):
    tenant: str

class Inner(BaseModel):
    role: Literal["user", "system"]
    tone: Tone
    weight: float | None
    tags: list[str]

class Ask(Base):
    question: str = Field(..., min_length=1)
    inner: "Inner"
    note: Optional[str] = None
    many: list[Inner] = Field(default_factory=list)

def user(): ...

@app.post("/chat/{room}/{number:int}")
async def chat(
    room: str, number: int, ask: Ask, request: Request, verbose: bool, page: int = 1,
    token: str = Header(), who: str = Depends(user),
): ...

@app.post("/upload")
async def upload(name: Annotated[str, Form()], size: Annotated[int, Form()]): ...

@app.post("/two")
async def two(first: Inner, count: Annotated[int, Body()]): ...
"""
    )
    text = planned(committed(tmp_path)).scenario.text  # type: ignore[union-attr]
    call = next(
        node.value.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Await)
    )
    assert isinstance(call, ast.Call)
    words = {one.arg: ast.literal_eval(one.value) for one in call.keywords}

    assert "/chat/room-1/1" == ast.literal_eval(call.args[0])
    assert {"verbose": True} == words["params"]
    assert {
        "tenant": "tenant-1",
        "question": "How do refunds work?",
        "inner": {"role": "user", "tone": "warm", "weight": 1.0, "tags": ["tag-1"]},
    } == words["json"]
    assert "#   POST /upload" in text
    assert "#   POST /two" in text


def test_routers_under_routers(tmp_path: Path) -> None:
    """
    A route's path is that of all routers around it, in whichever file they are.
    """
    package = tmp_path / "api"
    package.mkdir()
    (package / "__init__.py").write_text("from .chat import router as chat_router\n")
    (package / "chat.py").write_text(
        "from fastapi import APIRouter\nrouter = APIRouter(prefix='/chat')\n"
        "@router.post('/ask')\nasync def ask(): ...\n"
    )
    (tmp_path / "main.py").write_text(
        "from fastapi import APIRouter, FastAPI\nimport api\nv1 = APIRouter(prefix='/v1')\n"
        "v1.include_router(api.chat_router, prefix='/bots')\napp = FastAPI()\n"
        "app.include_router(v1, prefix='/api')\n"
    )

    assert '"/api/v1/bots/chat/ask"' in planned(committed(tmp_path)).scenario.text  # type: ignore[union-attr]


def test_settings_become_variables(tmp_path: Path) -> None:
    """
    What an application cannot start without is given, and no key of an account ever.
    """
    (tmp_path / "app.py").write_text(
        """
import os
from fastapi import FastAPI
from pydantic_settings import BaseSettings, SettingsConfigDict

class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHOP_")
    database_url: str
    openai_api_key: str
    port: int = 8000

TENANT = os.environ["TENANT"]
KEY = os.environ["ANTHROPIC_API_KEY"]
os.environ["SET_HERE"] = "1"
HERE = os.environ["SET_HERE"]
app = FastAPI()
"""
    )
    text = planned(committed(tmp_path)).scenario.text  # type: ignore[union-attr]

    assert '"SHOP_DATABASE_URL": "postgresql+asyncpg://app@database.example/app"' in text
    assert '"TENANT": "simulated"' in text
    assert "API_KEY" not in text
    assert "SET_HERE" not in text
    assert "PORT" not in text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_ci_files(name: str, kind: str, tmp_path: Path) -> None:
    """
    The CI file is YAML, fetches the merge base, installs the project in its own way and runs
    the gate.
    """
    plan = planned(project(name, tmp_path), ci=kind)
    path = ".github/workflows/agent-perf.yml" if kind == "github" else ".gitlab/agent-perf.yml"
    text = text_of(plan, path)
    told = yaml.safe_load(text)

    assert told
    assert "agent-perf ci" in text
    assert ("fetch-depth: 0" if kind == "github" else 'GIT_DEPTH: "0"') in text
    wanted = "-r requirements.txt" if name == "star" else "-e ."
    assert f"pip install {wanted} agent-perf" in text


APPLICATIONS = {
    "shop/__init__.py": "",
    "shop/kind.py": "import fastapi\n\nclass Base(fastapi.FastAPI): ...\n",
    "shop/web.py": """
from shop.kind import Base
from shop.parts import admin, router

class Shop(Base):
    tenant = ""

app = Shop(title="shop")
app.include_router(router, prefix="/v1")
app.mount("/admin", admin)
""",
    "shop/parts.py": """
from fastapi import APIRouter, FastAPI

admin = FastAPI()
router = APIRouter()

@router.post("/complete")
async def complete(text: str): ...

@admin.get("/users")
async def users(): ...
""",
    "shop/tools/__init__.py": "",
    "shop/tools/scanner.py": """
from fastapi import FastAPI

scanner = FastAPI()

async def chat(prompt: str): ...

scanner.add_api_route("/chat", chat, methods=["POST"])

@scanner.post("/ask")
async def ask(question: str): ...
""",
}


def applications(root: Path) -> Path:
    for name, text in APPLICATIONS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return committed(root)


def test_application_of_an_own_class(tmp_path: Path) -> None:
    """
    An instance of a class that derives from an application's, however far, is one.
    """
    found = surveyed(applications(tmp_path))

    assert ("shop.web:app", "FastAPI") in {(one.target, one.framework) for one in choices(found)}


def test_other_applications_are_not_asked(tmp_path: Path) -> None:
    """
    A repository of several applications: the one that is named is asked for what it answers,
    what it includes and mounts, and for nothing that only another one answers.
    """
    found = surveyed(applications(tmp_path))
    shop = planned(tmp_path, named_entry(found, "shop.web:app")).scenario
    scanner = planned(tmp_path, named_entry(found, "shop.tools.scanner:scanner")).scenario

    assert shop is not None
    assert scanner is not None
    assert "POST /v1/complete" == shop.does
    assert "#   GET /admin/users" in shop.text
    assert "/ask" not in shop.text
    assert "/chat" not in shop.text
    assert "POST /chat" == scanner.does
    assert "#   POST /ask" in scanner.text
    assert "/complete" not in scanner.text


def test_wrapped_application(tmp_path: Path) -> None:
    """
    Of an application that something unknown is wrapped around, all routes are taken.
    """
    root = applications(tmp_path)
    web = root / "shop" / "web.py"
    web.write_text(web.read_text() + "\nfrom gate import Gate\nasgi = Gate(app)\n")
    found = surveyed(root)
    plan = planned(root, named_entry(found, "shop.web:asgi"))

    assert plan.scenario is not None
    assert "/v1/complete" in plan.scenario.text
