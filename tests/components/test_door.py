from __future__ import annotations

import subprocess
import sys

import pytest

from agent_perf import components


def test_every_name_of_the_door_is_there() -> None:
    """
    All that __all__ promises can be imported, and dir shows it.
    """
    assert all(getattr(components, name) is not None for name in components.__all__)
    assert sorted(components.__all__) == dir(components)


def test_unknown_names_are_refused() -> None:
    """
    A misspelt name is an AttributeError, as of any module.
    """
    with pytest.raises(AttributeError, match="MemoryCash"):
        _ = components.MemoryCash


@pytest.mark.parametrize(
    ("name", "strangers"),
    [
        ("MemoryCache", ("sqlalchemy", "redis", "openai", "lz4", "httpx", "stamina")),
        ("RedisLink", ("sqlalchemy", "openai", "httpx", "cachebox", "msgspec", "lz4")),
        ("RedisPyClient", ("sqlalchemy", "openai", "httpx", "cachebox", "msgspec", "lz4")),
        ("Layers", ("sqlalchemy", "redis", "openai", "httpx", "cachebox", "sqlite3")),
        ("Warmer", ("sqlalchemy", "redis", "openai", "httpx", "cachebox", "sqlite3")),
        ("DiskCache", ("sqlalchemy", "redis", "openai", "httpx", "cachebox", "aiosqlite")),
        ("RedisStore", ("sqlalchemy", "openai", "httpx", "zstandard", "cachebox")),
        ("Database", ("cachebox", "redis", "openai", "httpx")),
        ("PusherPool", ("cachebox", "redis", "openai", "sqlalchemy", "httpx", "aiohttp")),
        ("PostgresPool", ("cachebox", "redis", "openai", "httpx", "sqlalchemy")),
        ("SqlitePool", ("cachebox", "redis", "openai", "httpx", "sqlalchemy", "asyncpg")),
        ("ChannelAuth", ("cachebox", "redis", "openai", "sqlalchemy", "httpx", "aiohttp")),
        ("ChannelRegistry", ("cachebox", "redis", "openai", "sqlalchemy", "httpx", "aiohttp")),
        ("EventFile", ("cachebox", "redis", "openai", "sqlalchemy", "httpx", "aiohttp")),
        ("EventBatcher", ("cachebox", "redis", "openai", "sqlalchemy", "httpx")),
        ("Backend", ("cachebox", "redis", "sqlalchemy", "prometheus_client", "httpx")),
        ("Metrics", ("cachebox", "redis", "prometheus_client", "opentelemetry", "httpx", "numpy")),
        ("Evaluator", ("cachebox", "redis", "openai", "sqlalchemy", "httpx", "stamina")),
        ("Agent", ("cachebox", "redis", "openai", "sqlalchemy", "httpx")),
    ],
)
def test_each_component_stands_alone(name: str, strangers: tuple[str, ...]) -> None:
    """
    Importing one component imports none of the libraries that only others need, nor any
    other room.
    """
    code = f"import sys; from agent_perf.components import {name}; print(*sys.modules)"
    modules = set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )

    assert set() == modules & set(strangers)
    assert set() == {
        module
        for module in modules
        if module.startswith("agent_perf.")
        and module.split(".")[1] not in {"components", "errors", "units"}
    }
