"""
What a stub says to a call that it does not know.
"""

from __future__ import annotations

from typing import NoReturn

from agent_perf.errors import UsageError


def refuse(what: str) -> NoReturn:
    """
    Raise UsageError for *what*, a subject in the singular, such as ``redis.pubsub()``.

    Raises:
        UsageError: Always.
    """
    raise UsageError(
        f"{what} is not in the stubs of tier 'stub'; run this scenario on tier 'client', where "
        "the real library answers"
    )
