"""Secrets are planted wherever a project may have them, and looked for in all that is written."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import pytest

from agent_perf.cli.app import cli
from tests.cli.command import agent_perf
from tests.intake.documents import document
from tests.shop import commit, make_shop, write

SECRETS = {
    "a variable": "planted-variable-9f3a1c77b2",
    "a database": "planted-database-5e1d88ac01",
    "a Redis": "planted-redis-77ab10cd92",
    "a header": "planted-header-0c0d0e0f1a",
    "a query": "planted-query-aa10bb20cc",
    "a user of the service": "planted-user-4d5e6f7a8b",
    "a body": "planted-body-41a9c6d2ee",
    "a key in the code": "sk-planted-1a2b3c4d5e6f7a8b",
    "a module": "planted-module-99aa88bb77",
}
ENVIRON = {
    "SHOP_SECRET_TOKEN": SECRETS["a variable"],
    "SHOP_DATABASE_URL": f"postgresql://shop:{SECRETS['a database']}@127.0.0.1:1/shop",
    "SHOP_REDIS_URL": f"redis://:{SECRETS['a Redis']}@127.0.0.1:1/0",
    "SHOP_HEADER_TOKEN": SECRETS["a header"],
    "SHOP_QUERY_KEY": SECRETS["a query"],
    "SHOP_IMPORT_PASSWORD": SECRETS["a module"],
}
BENCHMARKS = f"""\
import logging
import os

from agent_perf import scenario
from agent_perf.components import Reply, Usage


@scenario("leak.all", users=(1,), requests=2)
async def everything(world):
    async def request(ask):
        raise ConnectionError(
            os.environ["SHOP_DATABASE_URL"] + os.environ["SHOP_SECRET_TOKEN"] + " {SECRETS["a key in the code"]}"
        )
    yield request


@scenario("leak.setup", users=(1,), requests=2)
async def setup(world):
    raise RuntimeError("set-up with " + os.environ["SHOP_SECRET_TOKEN"])
    yield


@scenario("leak.some", users=(1,), requests=12)
async def some(world):
    client = world.redis.client()

    async def request(ask):
        logging.getLogger("shop").warning("with %s" % os.environ["SHOP_SECRET_TOKEN"])
        print(os.environ["SHOP_DATABASE_URL"])
        await client.set("greeting", "{SECRETS["a body"]}")
        if ask.index % 3 == 0:
            raise ValueError("no token " + os.environ["SHOP_SECRET_TOKEN"])
        return "hit"

    yield request
    await client.aclose()
"""
CONFIG = f"""\
[requests.chat]
path = "/chat?api_key=${{SHOP_QUERY_KEY}}"
json = {{ text = "{SECRETS["a body"]}" }}
headers = {{ authorization = "Bearer ${{SHOP_HEADER_TOKEN}}" }}

[requests.health]
path = "/health"

[chaos.away]
requests = ["health"]
steady = ["success_ratio >= 0.5"]
[chaos.away.proxies.redis]
upstream = "127.0.0.1:6379"
[[chaos.away.faults]]
kind = "reset"
proxy = "redis"
at_s = 3
"""

pytestmark = pytest.mark.slow


class _Gossip(BaseHTTPRequestHandler):
    """It repeats all that it is told, as services in trouble do; only its health is well."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers["content-length"] or 0))
        is_well = self.path.startswith("/health")
        text = "{}" if is_well else f"no: {self.path} {dict(self.headers)}"
        self.send_response(200 if is_well else 500)
        self.send_header("content-type", "application/json" if is_well else "text/plain")
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_GET  # noqa: N815 (the base class names it)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Planted:
    """A project, and a service that it asks."""

    folder: Path
    url: str


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """Return a project full of secrets."""
    folder = make_shop(tmp_path_factory.mktemp("planted") / "shop")
    write(folder, "benchmarks/leak.py", BENCHMARKS)
    write(
        folder,
        "benchmarks/broken.py",
        'import os\nraise OSError(os.environ["SHOP_IMPORT_PASSWORD"])\n',
    )
    write(folder, "agent-perf.toml", CONFIG)
    for minute, side in enumerate(("base", "head")):
        times = document({"test_ask": 0.01 + minute / 100}, minute=minute)
        write(folder, f"{side}-times.json", json.dumps(times))
    commit(folder, "Leak")
    write(folder, "shop_app.py", (folder / "shop_app.py").read_text() + "\nMORE = 1\n")
    commit(folder, "Say more")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Gossip)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    password = SECRETS["a user of the service"]
    try:
        yield Planted(folder, f"http://me:{password}@127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


COMMANDS = {
    "run": ("run", "worktree", "--only", "leak.*"),
    "compare": ("compare", "HEAD~1", "HEAD", "--exact-only", "--only", "leak.*"),
    "ci": ("ci", "--base", "HEAD~1", "--exact-only", "--only", "leak.*"),
    "cases": ("cases", "leak.some", "--only", "unicode.*"),
    "load": ("load", "leak.some", "--rate", "5", "--for", "3"),
    "load of a service": ("load", "--url", "URL", "--rate", "5", "--for", "1"),
    "smoke": ("smoke", "URL", "--retry-for", "0", "--junit", "reports/smoke.xml"),
    "smoke as JSON": ("smoke", "URL", "--retry-for", "0", "--format", "json"),
    "canary": (
        "canary",
        "chat",
        "--stable",
        "URL",
        "--candidate",
        "URL",
        "--warm-up",
        "0",
        "--for",
        "16",
        "--step",
        "1",
    ),
    "calibrate Redis": ("calibrate", "--redis", "${SHOP_REDIS_URL}"),
    "calibrate PostgreSQL": ("calibrate", "--database", ENVIRON["SHOP_DATABASE_URL"]),
    "calibrate HTTP": (
        "calibrate",
        "--http",
        "URL",
        "--request",
        "chat",
        "--count",
        "60",
        "--rate",
        "200",
    ),
    "live": (
        "run",
        "worktree",
        "--tier",
        "live",
        "--only",
        "leak.some",
        "--redis-url",
        ENVIRON["SHOP_REDIS_URL"],
    ),
    "selftest": ("selftest", "leak.some"),
    "chaos": ("chaos", "away", "--url", "URL"),
    "chaos, dry": ("chaos", "away", "--url", "URL", "--dry-run"),
    "report": ("report",),
    "explain": ("explain", "leak.some", "HEAD~1", "HEAD"),
    "accept": ("accept", "leak.some@1", "latency.p95", "--reason", "no", "--until", "2199-01-01"),
    "baseline": ("baseline", "create", "planted", "HEAD"),
    "baselines": ("baseline", "list"),
    "baseline promote": ("baseline", "promote", "planted", "released"),
    "comment": ("comment", "--dry-run"),
    "judge": ("judge", "--base", "base-times.json", "--head", "head-times.json"),
    "resources": (
        *("resources", "record", "--name", "one", "--", "python", "-c"),
        "import os; assert os.environ['SHOP_SECRET_TOKEN']",
    ),
    "resources, compared": (
        *("resources", "compare", "reports/resources/one-1.json"),
        "reports/resources/one-1.json",
    ),
    "resources, shown": ("resources", "show", "reports/resources/one-1.json"),
    "resources of two": (
        *("resources", "duet", "echo $SHOP_SECRET_TOKEN > /dev/null", "true", "--rounds", "4"),
        *("--time-budget", "5"),
    ),
    "init": ("init", "--dry-run"),
    "configuration": ("config", "check"),
    "configuration, shown": ("config",),
    "session compared": ("sessions", "compare", "last", "last"),
    "session reported": ("sessions", "report", "last"),
    "session resumed": ("sessions", "resume", "last"),
    "sessions": ("sessions", "--format", "json"),
    "session": ("sessions", "show", "last"),
    "history": ("history",),
}


ELSEWHERE = {
    "completion": "prints a script of ours",
    "demo": "measures a repository of its own",
    "doctor": "measures micro-benchmarks for a minute; its errors are those of run",
    "model": "serves until it is told to stop, and knows of no project",
    "schema": "prints a file of ours",
    "validate": "measures a scenario that works for minutes; its errors are those of load",
}
"""Verbs that are not run here, and why."""

MAY_BE_REFUSED = {
    "baseline promote",
    "comment",
    "resources, compared",
    "resources, shown",
    "session compared",
    "session reported",
    "session resumed",
}
"""Verbs that want what one before them has left: alone they say so, which is to be looked at too."""

SHOWN_AS_WRITTEN = {"configuration, shown": {"a body"}}
"""What the configuration holds as it stands is shown as it stands: SECURITY.md."""


def _verbs(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            assert inner is not None
            yield from _verbs(inner, (*path, name))
    else:
        yield " ".join(path)


def test_every_verb_is_run() -> None:
    """
    A verb that is new is run here, too, or it is said why not.
    """
    run = {" ".join(words[:count]) for words in COMMANDS.values() for count in (1, 2)}

    assert [] == [verb for verb in _verbs(cli) if verb not in {*run, *ELSEWHERE}]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_secret_is_written(name: str, planted: Planted) -> None:
    """
    Neither on standard output nor on standard error, nor into any file of the project.
    """
    folder = planted.folder
    own = {path for path in folder.rglob("*") if path.suffix in {".py", ".toml", ".pyc"}}
    words = [word.replace("URL", planted.url) if word == "URL" else word for word in COMMANDS[name]]
    done = agent_perf(folder, *words, **ENVIRON)
    written = {"the output": done.stdout + done.stderr}
    for path in folder.rglob("*"):
        # Python's own translation of a source holds what the source holds.
        if path.is_file() and path not in own and not {".git", "__pycache__"} & {*path.parts}:
            written[str(path.relative_to(folder))] = path.read_bytes().decode("utf-8", "replace")

    assert 2 != done.returncode or name in MAY_BE_REFUSED, done.stderr
    assert "No such option" not in done.stderr
    assert "Missing argument" not in done.stderr
    assert "this is a bug" not in done.stderr
    assert [] == [
        f"{what} in {place}"
        for place, text in written.items()
        for what, secret in SECRETS.items()
        if secret in text and what not in SHOWN_AS_WRITTEN.get(name, ())
    ]
