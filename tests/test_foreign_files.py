"""Whatever stands in a file or an answer of others, reading it ends: with a value or our error."""

from __future__ import annotations

import ast
import asyncio
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import httpx
import pytest

import agent_perf
from agent_perf import codec
from agent_perf.asv_plugin.requirements import _table
from agent_perf.cli.ci_event import read_event
from agent_perf.components.agent import PRICES
from agent_perf.config import load_config
from agent_perf.errors import AgentPerfError
from agent_perf.history.asv_file import AsvResult, read_asv_file
from agent_perf.history.asv_results import read_index
from agent_perf.intake import read_timings
from agent_perf.live.calibration import model_service
from agent_perf.live.canary import Prometheus
from agent_perf.live.model.script_file import load_model_script
from agent_perf.live.smoke import judging
from agent_perf.live.smoke.exposition import read_exposition
from agent_perf.load import read_access_log, read_trace
from agent_perf.scaffold.dependencies import read_toml
from agent_perf.sim.cpu import load_costs
from agent_perf.waivers import load_accepted

Reader = Callable[[Path], object]


def _prometheus(path: Path) -> object:
    answer = httpx.MockTransport(lambda _: httpx.Response(200, content=path.read_bytes()))

    async def ask() -> object:
        async with Prometheus("http://prom:9090", transport=answer) as prometheus:
            return await prometheus.samples("up", 0.0, 1.0)

    return asyncio.run(ask())


def _of_codec(name: str) -> Reader:
    return lambda path: getattr(codec, name)(path.read_bytes(), str(path))


def _renamed(path: Path, name: str) -> Path:
    return path.rename(path.with_name(name))


READERS: Final[Mapping[str, Reader]] = {
    **{name: _of_codec(name) for name in dir(codec) if name.startswith("load_")},
    "results of other tools": read_timings,
    "results of asv": lambda path: read_asv_file(path, AsvResult),
    "benchmarks of asv": lambda path: read_index(_renamed(path, "benchmarks.json").parent),
    "the configuration": lambda path: load_config(_renamed(path, "agent-perf.toml").parent),
    "pyproject.toml": lambda path: load_config(_renamed(path, "pyproject.toml").parent),
    "waivers": load_accepted,
    "a model's script": load_model_script,
    "dependencies": read_toml,
    "requirements": _table,
    "prices as TOML": lambda path: PRICES.with_file(_renamed(path, "prices.toml")),
    "prices as JSON": lambda path: PRICES.with_file(_renamed(path, "prices.json")),
    "a trace": read_trace,
    "an access log": read_access_log,
    "an event of GitHub": lambda path: read_event(
        {"GITHUB_EVENT_PATH": str(path), "GITHUB_ACTIONS": "true"}
    ),
    "CPU costs": lambda path: load_costs(path.read_bytes(), str(path)),
    "an answer of Prometheus": _prometheus,
    "an answer of a model": lambda path: model_service._event(path.read_bytes()),
    "an answer of a service": lambda path: judging._parsed(path.read_bytes()),
    "a page of metrics": lambda path: read_exposition(path.read_bytes(), "text/plain"),
}
FILES: Final = (
    "results of other tools",
    "results of asv",
    "benchmarks of asv",
    "the configuration",
    "pyproject.toml",
    "waivers",
    "a model's script",
    "dependencies",
    "requirements",
    "prices as TOML",
    "prices as JSON",
    "a trace",
    "an access log",
    "an event of GitHub",
)
"""Readers above that are given a path, and so have to look at the file's size themselves."""

_DEEP: Final = 100_000
_DIGITS: Final = b"9" * 100_000
HOSTILE: Final[Mapping[str, bytes]] = {
    "nothing": b"",
    "null": b"null",
    "NUL": b"\x00" * 100,
    "a word": b'"word"',
    "deep lists": b"[" * _DEEP,
    "deep tables": b'{"a":' * _DEEP,
    "deep data": b'{"schema": "x", "schema_version": 1, "data": ' + b"[" * _DEEP,
    "deep in whole": b"[" * _DEEP + b"]" * _DEEP,
    "deep TOML": b"a = " + b"[" * _DEEP,
    "deep tables of TOML": b"a = " + b"{a = " * _DEEP,
    "a long key of TOML": b"a." * _DEEP + b"a = 1",
    "long keys of TOML": b"a." * 4_000 + b"a = 1\n" + (b"b" + b".a" * 4_000 + b" = 1\n") * 20,
    "many digits": b'{"a": ' + _DIGITS + b"}",
    "many digits of TOML": b"a = " + _DIGITS,
    "many digits of a date": b"a = 2031-99-99T99:99:99",
    "huge": b'{"a": 1e999, "b": -1e999, "c": NaN}',
    "a number": b"1e999",
    "a metric of many digits": b"up " + _DIGITS,
    "a key twice": b'{"a": 1, "a": 2}',
    "a key of TOML twice": b"a = 1\na = 2",
    "no UTF-8": b'{"a": "\xff\xfe"}',
    "a mark": b'\xef\xbb\xbf{"a": 1}',
    "a mark of TOML": b"\xef\xbb\xbfa = 1",
    "half a surrogate": b'{"a": "\\ud800"}',
    "pickle": b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "XML": b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><a>&c;</a>',
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_an_error_of_ours(name: str, reader: str, tmp_path: Path) -> None:
    """
    No reader ends with an error of a library, or an interpreter's: at worst with one line of ours,
    and short.
    """
    path = tmp_path / "file"
    path.write_bytes(HOSTILE[name])
    told = ""
    try:
        READERS[reader](path)
    except AgentPerfError as error:
        told = str(error)

    assert len(told) < 3_000


PLACES: Final[Mapping[str, str]] = {
    "cli/ci_event.py": "json.loads",
    "cli/comment_api.py": ".json",
    "components/agent/prices.py": "json.loads",
    "config/lines.py": "tomllib.loads",
    "fleet/cluster.py": "zlib.decompress",
    "fleet/source.py": "tarfile.open",
    "history/asv_results.py": "json.loads",
    "intake/locust.py": "csv.DictReader",
    "intake/text.py": "json.loads",
    "live/services/guard.py": "json.loads",
    "load/traces.py": "json.loads",
    "repository.py": "tarfile.open",
    "scaffold/samples.py": "ast.literal_eval",
    "sim/egress/database_dialect.py": "json.loads",
    "suite/calibration.py": "json.loads",
    "toml_text.py": "tomllib.loads",
}
"""Where the source reads a format: a new place wants a reader above, or to read its own only."""

_MODULES: Final = frozenset(
    [
        "ast",
        "csv",
        "dill",
        "ElementTree",
        "ET",
        "gzip",
        "json",
        "marshal",
        "np",
        "numpy",
        "pickle",
        "shelve",
        "tarfile",
        "tomllib",
        "yaml",
        "zipfile",
        "zlib",
        "zstandard",
    ]
)
_READS: Final = frozenset(
    [
        "DictReader",
        "Unpickler",
        "decompress",
        "fromstring",
        "full_load",
        "iterparse",
        "literal_eval",
        "load",
        "loads",
        "open",
        "parse",
        "reader",
        "safe_load",
        "ZipFile",
    ]
)


def _reads(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, name = node.func.value, node.func.attr
            if name == "json" and not node.args and not node.keywords:
                found.add(".json")
            elif isinstance(owner, ast.Name) and owner.id in _MODULES and name in _READS:
                found.add(f"{owner.id}.{name}")
    return found - {"ast.parse"}


def test_every_place_that_reads_is_known() -> None:
    """
    Formats are read where this file knows of it; nothing is unpickled, and no YAML or XML read.
    """
    root = Path(agent_perf.__file__).parent
    found = {
        str(path.relative_to(root)): " ".join(sorted(reads))
        for path in sorted(root.rglob("*.py"))
        if "demo" not in path.relative_to(root).parts
        and (reads := _reads(ast.parse(path.read_text("utf-8"))))
    }

    assert PLACES == found


@pytest.mark.parametrize("reader", FILES)
def test_a_file_that_is_too_large_is_not_read(reader: str, tmp_path: Path) -> None:
    """
    A file of gigabytes, which a link or a hole in a file may be, costs no memory.
    """
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(8 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(AgentPerfError, match=r"[0-9,]{7,} bytes"):
            READERS[reader](path)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
