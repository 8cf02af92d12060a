"""Options of the whole suite."""

from __future__ import annotations

import os
import sys
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from tests.services.addresses import POSTGRES, REDIS, why_not

# The same examples each time, and no clock: a test passes or fails whatever the machine does.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# Other examples each time, and many: pytest --hypothesis-profile=search
settings.register_profile(
    "search", deadline=None, max_examples=1_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    """
    Keep bytecode in a folder of this run, where the environment wants none beside the sources.

    Hundreds of tests start commands, and each would compile all that it imports: that doubles
    the CPU time of the run.
    """
    if not sys.dont_write_bytecode:
        return
    folder = TemporaryDirectory(prefix="agent-perf-bytecode-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = folder.name
    sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --update-golden: rewrite golden files instead of comparing with them."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def redis_url() -> str:
    """Where a real Redis is. It serves others too: name your keys apart, and remove them."""
    return _reached(REDIS)


@pytest.fixture
def postgres_url() -> str:
    """Where a real PostgreSQL is, for asyncpg. It serves others too: use a schema of your own."""
    return _reached(POSTGRES)


def _reached(url: str) -> str:
    if reason := why_not(url):
        pytest.skip(reason)
    return url
