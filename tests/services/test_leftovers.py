"""What tests leave behind is found."""

from __future__ import annotations

import redis

from tests.services.leftovers import found


def test_a_key_that_is_left_is_found(redis_url: str) -> None:
    """
    A key that was not there before is told with its database, and gone when it is removed.
    """
    with redis.Redis.from_url(redis_url) as client:
        client.set("agent-perf-test:left", "x", ex=60)
        left = found()
        client.delete("agent-perf-test:left")

    assert [one for one in left if one.endswith(": agent-perf-test:left")] != []
    assert [one for one in found() if one.endswith(": agent-perf-test:left")] == []


def test_databases_and_roles_are_found(postgres_url: str) -> None:
    """
    What PostgreSQL holds from the start is among it.
    """
    assert {"PostgreSQL: database template1", "PostgreSQL: schema public"} <= found()
