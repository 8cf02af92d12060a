"""Addresses of services, as people type them."""

from __future__ import annotations

import pytest

from agent_perf.errors import UsageError
from agent_perf.live import address_parts


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8000", "localhost:8000", "htp://shop", "http://", "http://a:99999", "http://[::1"],
)
def test_what_cannot_be_asked_is_refused_before_anybody_is(url: str) -> None:
    """
    Without a scheme or a host, with a port that is none: the message says how it should look.
    """
    with pytest.raises(UsageError, match="is no address; want one such as http://prom:9090"):
        address_parts(url, example="http://prom:9090")


def test_a_query_is_refused_and_secrets_are_not_told() -> None:
    """
    A password in an address is not shown.
    """
    with pytest.raises(UsageError, match="^http://shop comes with a query"):
        address_parts("http://me:pass-word@shop?a=1")
    assert ("shop", 80) == (address_parts("http://shop:80/x").hostname, 80)
