"""Which hosts may be loaded or broken."""

import pytest

from agent_perf.errors import UsageError
from agent_perf.live import is_loopback, require_allowed


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "app.localhost", "127.0.0.1", "127.8.9.1", "::1"]
)
def test_this_machine_is_allowed(host: str) -> None:
    """
    Loopback addresses and the names that mean them need no flag.
    """
    assert is_loopback(host)
    name = f"[{host}]" if ":" in host else host
    assert host.lower() == require_allowed(f"http://{name}:80/x", [], "a load")


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "10.0.0.1",
        "0.0.0.0",
        "localhost.example.com",
        "127.0.0.1.nip.io",
        "2130706433",
    ],
)
def test_others_are_not(host: str) -> None:
    """
    What is not surely this machine is refused, with the flag that allows it.
    """
    assert not is_loopback(host)
    with pytest.raises(UsageError, match=f"a load on '{host}'.*--allow-host {host}"):
        require_allowed(f"http://{host}/", ["other.example.com"], "a load")


def test_a_named_host_is_allowed() -> None:
    """
    Allowed is exactly what is named, in any spelling of its case.
    """
    assert "shop.example.com" == require_allowed(
        "https://Shop.Example.com/chat", ["SHOP.example.com."], "a load"
    )
    with pytest.raises(UsageError, match="'api.shop.example.com'"):
        require_allowed("https://api.shop.example.com", ["shop.example.com"], "a load")


@pytest.mark.parametrize("url", ["", "shop", "http://", "http://[::1", "/chat"])
def test_a_url_without_a_host_is_refused(url: str) -> None:
    """
    What has no host is named, with what is wanted.
    """
    with pytest.raises(UsageError, match="has no host; want a URL"):
        require_allowed(url, [], "a load")


def test_a_password_in_a_url_is_not_told() -> None:
    """
    Messages go into logs, and a URL may hold a password.
    """
    with pytest.raises(UsageError) as error:
        require_allowed("//user:hunter22@", [], "a load")

    assert "hunter22" not in str(error.value)
