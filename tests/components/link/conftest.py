"""Keys of one test on a real Redis."""

from __future__ import annotations

import uuid

import pytest


@pytest.fixture
def prefix() -> str:
    """A beginning of keys that nobody else has."""
    return f"agent-perf-link-{uuid.uuid4().hex}"
