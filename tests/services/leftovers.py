"""
What is in the Redis and the PostgreSQL of this machine: to see that tests leave nothing there.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit, urlunsplit

from tests.services.addresses import POSTGRES, REDIS, why_not

_KEYS_MAX = 10_000
_HELD = """
SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'
UNION ALL
SELECT 'table ' || schemaname || '.' || tablename FROM pg_tables
WHERE schemaname !~ '^(pg_|information_schema$)'
"""


def found() -> frozenset[str]:
    """Return a line for each key, database, role, schema and table; none of what is not there."""
    keys = _keys() if not why_not(REDIS) else set()
    return frozenset(keys | (asyncio.run(_relations()) if not why_not(POSTGRES) else set()))


def _keys() -> set[str]:
    import redis

    told: set[str] = set()
    with redis.Redis.from_url(REDIS) as client:
        databases = list(client.info("keyspace"))
    for name in databases:
        url = urlunsplit(urlsplit(REDIS)._replace(path=f"/{name.removeprefix('db')}"))
        with redis.Redis.from_url(url) as client:
            for number, key in enumerate(client.scan_iter(count=1_000)):
                if number == _KEYS_MAX:
                    break
                told.add(f"Redis {name}: {key.decode('utf-8', 'replace')}")
    return told


async def _relations() -> set[str]:
    import asyncpg

    connection = await asyncpg.connect(POSTGRES)
    try:
        databases = await connection.fetch("SELECT 'database ' || datname FROM pg_database")
        roles = await connection.fetch("SELECT 'role ' || rolname FROM pg_roles")
        held = await connection.fetch(_HELD)
    finally:
        await connection.close()
    return {f"PostgreSQL: {row[0]}" for row in (*databases, *roles, *held)}
