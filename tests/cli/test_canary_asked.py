"""As whom a canary asks a Prometheus: tokens and headers, out of the environment alone."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from agent_perf.cli.canary import CanaryOptions
from agent_perf.cli.canary_asked import headers_of
from agent_perf.errors import UsageError
from agent_perf.live.canary import Prometheus
from tests.cli.test_canary import NO_LIMITS

TOKEN = "t0p-secret"
ENVIRON = {"PROM_TOKEN": f"{TOKEN}\n", "TENANT": "shop", "EMPTY": "", "CUT": "a\nb", "WIDE": "\xe9"}


def options(**given: Any) -> CanaryOptions:
    return CanaryOptions(limits=NO_LIMITS, **given)


def test_a_token_and_headers_come_from_variables() -> None:
    """
    Without the new line that files of secrets end with.
    """
    headers, secrets = headers_of(
        options(prometheus_token_env="PROM_TOKEN", prometheus_headers=("X-Scope-OrgID=TENANT",)),
        ENVIRON,
    )

    assert {"authorization": f"Bearer {TOKEN}", "x-scope-orgid": "shop"} == headers
    assert (TOKEN, "shop") == secrets
    assert ({}, ()) == headers_of(options(), ENVIRON)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"prometheus_token_env": TOKEN}, "wants the name of an environment variable"),
        ({"prometheus_token_env": "EMPTY"}, "wants the name of an environment variable"),
        ({"prometheus_token_env": "CUT"}, "cannot be sent"),
        ({"prometheus_token_env": "WIDE"}, "cannot be sent"),
        ({"prometheus_headers": (f"Authorization: Bearer {TOKEN}",)}, "X-Scope-OrgID=PROM_TENANT"),
        ({"prometheus_headers": (f"authorization={TOKEN}",)}, "wants the name of an environment"),
        ({"prometheus_headers": ("a=TENANT", "A=TENANT")}, "'a' is given twice"),
        (
            {"prometheus_token_env": "PROM_TOKEN", "prometheus": "http://me:pw@prom"},
            "leave out one",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_and_not_told(given: dict[str, Any], why: str) -> None:
    """
    What stands in a variable's place may be the token itself.
    """
    with pytest.raises(UsageError, match=why) as caught:
        headers_of(options(**given), ENVIRON)
    assert TOKEN not in str(caught.value)


def test_a_token_is_sent_and_told_nowhere() -> None:
    """
    Not even if Prometheus says it.
    """

    def answer(request: httpx.Request) -> httpx.Response:
        assert f"Bearer {TOKEN}" == request.headers["authorization"]
        return httpx.Response(422, json={"status": "error", "error": f"no query from {TOKEN}"})

    async def ask() -> None:
        headers, secrets = headers_of(options(prometheus_token_env="PROM_TOKEN"), ENVIRON)
        transport = httpx.MockTransport(answer)
        async with Prometheus(
            "http://prom:9090", headers=headers, secrets=secrets, transport=transport
        ) as prometheus:
            await prometheus.samples("up", 0.0, 60.0)

    with pytest.raises(UsageError, match=r"no query from \[redacted\]"):
        asyncio.run(ask())
