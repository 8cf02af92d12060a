"""
A simulated model for hours of load: the endpoint of tier CLIENT, clients without an SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httpx

from agent_perf.sim.services.llm import SimLlm
from agent_perf.sim.services.llm.clients import API_KEY
from agent_perf.sim.stubs.refusal import refuse

if TYPE_CHECKING:
    import anthropic
    import openai


class StubLlm(SimLlm):
    """
    SimLlm, its scripts, times and prices included, behind stubbed clients.

    Draws, counts and spans are those of SimLlm, and for the same calls as many.
    """

    def openai(self, **client_kwargs: Any) -> openai.AsyncOpenAI:
        """
        Return a stub of openai's client that knows ``chat.completions.create``.

        Args:
            client_kwargs: *api_key*, *base_url*, *http_client*, *max_retries*, *timeout*
                and *default_headers*.

        Raises:
            UsageError: For other arguments.
        """
        # Here, because it imports the SDK for the classes of its errors.
        from agent_perf.sim.stubs.llm_openai import StubOpenAi

        arguments = {"api_key": API_KEY, "base_url": self.base_url, **client_kwargs}
        if arguments.get("http_client") is None:
            arguments["http_client"] = self._http.client(httpx)
        # Typed as what it stands for: scenarios are written for the real one.
        return cast("openai.AsyncOpenAI", StubOpenAi(**arguments))

    def anthropic(self, **client_kwargs: Any) -> anthropic.AsyncAnthropic:
        """Refuse: there is no stub of anthropic's client yet."""
        refuse("llm.anthropic()")
