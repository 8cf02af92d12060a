"""Options of the whole suite."""

from __future__ import annotations

import os
import sys
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from tests.services.addresses import POSTGRES, REDIS, why_not
from tests.services.leftovers import found

_HELD_BEFORE = pytest.StashKey[frozenset[str]]()
_LEFT = pytest.StashKey[list[str]]()

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
    """Add --update-golden, which rewrites golden files, and --nothing-left, which tells leftovers."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files")
    parser.addoption(
        "--nothing-left",
        action="store_true",
        help="fail if anything is in Redis or PostgreSQL afterwards that was not there before; "
        "they serve nobody else meanwhile",
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """Look what services hold before the first test; a worker of xdist is not the whole run."""
    if session.config.getoption("--nothing-left") and not hasattr(session.config, "workerinput"):
        session.config.stash[_HELD_BEFORE] = found()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if its tests left something behind, and tell what."""
    before = session.config.stash.get(_HELD_BEFORE, None)
    if before is None:
        return
    left = sorted(found() - before)
    if left:
        session.config.stash[_LEFT] = left
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell what was left behind, a line each."""
    for line in config.stash.get(_LEFT, []):
        terminalreporter.write_line(f"LEFT BEHIND by the tests: {line}")


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
