"""
Real SDK clients of a simulated endpoint.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Final, Protocol

from agent_perf.errors import ConfigError

API_KEY: Final = "simulated"
"""What clients made here send; the endpoint takes any key."""


class Network(Protocol):
    """What makes HTTP clients."""

    def client(self, library: Any) -> Any:
        """Return an AsyncClient of *library*, httpx or httpx2."""


def sdk_client(
    http: Network, package: str, class_name: str, base_url: str, client_kwargs: dict[str, Any]
) -> Any:
    """
    Return an SDK's asynchronous client over *http*.

    Args:
        http: Makes the client's HTTP client, if *client_kwargs* bring none.
        package: The SDK.
        class_name: Its client's class.
        base_url: Where it calls, if *client_kwargs* do not say.
        client_kwargs: As the class takes them.

    Raises:
        ConfigError: If the SDK is not installed.
    """
    try:
        module = import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"the package {package!r} is needed for its client: {error}; install agent-perf[agents]"
        ) from error
    arguments = {"api_key": API_KEY, "base_url": base_url, **client_kwargs}
    if arguments.get("http_client") is None:
        arguments["http_client"] = http.client(http_library_of(module))
    return getattr(module, class_name)(**arguments)


def http_library_of(sdk: ModuleType) -> ModuleType:
    """
    Return httpx or httpx2, whichever *sdk* makes its own clients of.

    Raises:
        ConfigError: If it is neither.
    """
    # Which one changed between majors of both SDKs; their own default client's base knows.
    for base in sdk.DefaultAsyncHttpxClient.__mro__:
        name = base.__module__.partition(".")[0]
        if name in {"httpx", "httpx2"}:
            return sys.modules[name]
    raise ConfigError(
        f"{sdk.__name__} {getattr(sdk, '__version__', '')} uses neither httpx nor httpx2; "
        "give http_client="
    )
