"""
A simulated model for hours of load: the endpoint of tier CLIENT, clients without an SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from agent_perf.sim.services.llm import SimLlm
from agent_perf.sim.services.llm.clients import API_KEY, http_library_of, sdk_client
from agent_perf.sim.stubs.http import StubClient, StubHttp

if TYPE_CHECKING:
    import anthropic
    import openai

_KNOWN = frozenset(
    {"api_key", "base_url", "http_client", "max_retries", "timeout", "default_headers"}
)


class StubLlm(SimLlm):
    """
    SimLlm, its scripts, times and prices included, behind stubbed clients.

    Draws, counts and spans are those of SimLlm, and for the same calls as many. What no
    stub knows is the SDK's own client's, over the same connections: it only costs more CPU.
    """

    def openai(self, **client_kwargs: Any) -> openai.AsyncOpenAI:
        """
        Return a stub of openai's client that knows ``chat.completions.create``.

        All else that it is asked for, other arguments among them, is done by openai's own.
        """
        if any(value is not None for name, value in client_kwargs.items() if name not in _KNOWN):
            return cast("openai.AsyncOpenAI", self._own("openai", "AsyncOpenAI", client_kwargs))
        # Here, because it imports the SDK for the classes of its errors.
        import openai as sdk

        from agent_perf.sim.stubs.llm_openai import StubOpenAi

        known = {name: value for name, value in client_kwargs.items() if name in _KNOWN}
        arguments = {"api_key": API_KEY, "base_url": self.base_url, **known}
        if arguments.get("http_client") is None:
            arguments["http_client"] = self._http.client(cast("Any", http_library_of(sdk)))
        # Typed as what it stands for: scenarios are written for the real one.
        return cast("openai.AsyncOpenAI", StubOpenAi(**arguments))

    def anthropic(self, **client_kwargs: Any) -> anthropic.AsyncAnthropic:
        """Return anthropic's own client, as tier CLIENT does: there is no stub of it."""
        client: anthropic.AsyncAnthropic = self._own("anthropic", "AsyncAnthropic", client_kwargs)
        return client

    def _own(self, package: str, class_name: str, client_kwargs: dict[str, Any]) -> Any:
        given = client_kwargs.get("http_client")
        if isinstance(given, StubClient):
            client_kwargs = {**client_kwargs, "http_client": given.own()}
        base_url = self.base_url if package == "openai" else self.base_url.removesuffix("/v1")
        network = _OwnClients(cast("StubHttp", self._http))
        return sdk_client(network, package, class_name, base_url, client_kwargs)


class _OwnClients:
    """A network that makes the libraries' own clients."""

    def __init__(self, http: StubHttp) -> None:
        self._http = http

    def client(self, library: Any) -> Any:
        """Return an AsyncClient of *library*."""
        return self._http.own_client(library)
