"""Real SDK clients of the simulated endpoint."""

import sys
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from agent_perf.errors import ConfigError
from agent_perf.sim import SimHttp, SimLlm, SimLoop, simulate
from tests.sim.services.ledger import Ledger, round_draws


def endpoint() -> SimLlm:
    """Return an endpoint with a network of its own."""
    draws = round_draws()
    return SimLlm(SimHttp(draws, Ledger()), draws, Ledger())


def test_they_are_the_real_classes() -> None:
    """The clients are the SDKs' own, over the endpoint's network, closed as usual."""

    async def main(loop: SimLoop) -> None:
        llm = endpoint()
        async with llm.openai() as one, llm.anthropic() as other:
            assert openai.AsyncOpenAI is type(one)
            assert anthropic.AsyncAnthropic is type(other)
            assert "http://llm.sim/v1/" == str(one.base_url)
            assert "http://llm.sim" == str(other.base_url)
            assert isinstance(one._client, httpx2.AsyncClient)
        assert one.is_closed()
        assert other.is_closed()

    simulate(main, executor="inline")


def test_arguments_are_theirs() -> None:
    """What the SDK's class takes is passed on and wins."""

    async def main(loop: SimLoop) -> None:
        llm = endpoint()
        client = llm.openai(api_key="sk-mine", max_retries=7, timeout=3.0)
        assert ("sk-mine", 7, 3.0) == (client.api_key, client.max_retries, client.timeout)

    simulate(main, executor="inline")


@pytest.mark.parametrize("package", ["openai", "anthropic"])
def test_missing_sdk(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the SDK, the message says what to install."""
    absent: Any = None
    monkeypatch.setitem(sys.modules, package, absent)
    with pytest.raises(ConfigError, match=r"agent-perf\[agents\]"):
        getattr(endpoint(), package)()
