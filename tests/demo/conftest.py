from pathlib import Path

import pytest

from agent_perf.demo import DemoHistory, build_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoHistory:
    return build_demo(tmp_path_factory.mktemp("demo") / "support-agent")


@pytest.fixture(scope="session")
def stored() -> Path:
    """Where the package keeps the files of the demo's commits."""
    return Path(__file__).parents[2] / "agent_perf" / "demo" / "repository"
