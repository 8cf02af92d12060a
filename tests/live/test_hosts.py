"""Which hosts may be loaded or broken."""

import asyncio

import httpx
import pytest

from agent_perf.config import NamedRequest
from agent_perf.errors import UsageError
from agent_perf.live import Answer, Asker, is_loopback, ready, require_allowed


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
        "127.0.0.1%2eexample.com",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "localhostexample.com",
        "localhost%2eexample.com",
        "１２７.0.0.1",
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


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1@example.com/", "example.com"),
        ("http://127.0.0.1:80@example.com/", "example.com"),
        ("http://localhost#@example.com/", "localhost"),
        ("postgresql://127.0.0.1/shop?host=example.com", "example.com"),
        ("postgresql://127.0.0.1/shop?HOST=127.0.0.1,example.com", "example.com"),
        ("postgresql://127.0.0.1/shop?hostaddr=10.0.0.1", "10.0.0.1"),
        ("postgresql://127.0.0.1/shop?service=prod", "prod"),
        ("postgresql://127.0.0.1,example.com/shop", "127.0.0.1,example.com"),
        ("postgresql://me@127.0.0.1:1,example.com:2/shop", "127.0.0.1:1,example.com:2"),
        ("redis://example.com:6379/0", "example.com"),
    ],
)
def test_a_host_that_hides_is_found(url: str, host: str) -> None:
    """
    What counts is where a client would connect to.
    """
    if is_loopback(host):
        assert host == require_allowed(url, [], "a load")
    else:
        with pytest.raises(UsageError, match=f"a load on '{host}'"):
            require_allowed(url, [], "a load")


def test_sockets_and_options_of_this_machine_are_allowed() -> None:
    """
    So are the queries of HTTP, which name no host.
    """
    for url in (
        "postgresql://localhost/shop?host=/var/run/postgresql&sslmode=disable",
        "http://localhost/chat?host=example.com",
    ):
        assert "localhost" == require_allowed(url, [], "a load")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com\\@127.0.0.1/",
        "http://127.0.0.1\\@example.com/",
        "http://exam\nple.com@127.0.0.1/",
        "http://127.0.0.1 @example.com/",
        "\thttp://127.0.0.1/",
    ],
)
def test_what_clients_read_in_two_ways_is_refused(url: str) -> None:
    """
    To one reader the host ends at a backslash, to another one after it.
    """
    with pytest.raises(UsageError, match="has no host"):
        require_allowed(url, ["example.com"], "a load")


def test_a_path_never_leads_to_another_host() -> None:
    """
    Not even one that begins like an address; and a redirect is an answer, not a way.
    """
    asked: list[str] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"location": "http://example.com/"})

    async def ask(path: str) -> Answer:
        transport = httpx.MockTransport(handler)
        async with Asker("http://127.0.0.1:8000", transport=transport) as asker:
            return await asker.ask(ready("chat", NamedRequest(path=path), {}))

    for path in ("//example.com/", "/\\example.com", "/@example.com", "/..//example.com/"):
        assert ("status", 302) == ((answer := asyncio.run(ask(path))).error, answer.status)
    assert ["127.0.0.1"] * 4 == asked


@pytest.mark.parametrize("url", ["", "shop", "http://", "http://[::1", "/chat"])
def test_a_url_without_a_host_is_refused(url: str) -> None:
    """
    What has no host is named, with what is wanted.
    """
    with pytest.raises(UsageError, match="has no host; want a URL"):
        require_allowed(url, [], "a load")


@pytest.mark.parametrize("port", ["99999", "x", "-1"])
@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_a_port_that_cannot_be_is_refused(scheme: str, port: str) -> None:
    """
    It is told before anything is sent, for clients raise whatever they like.
    """
    with pytest.raises(UsageError, match="its port is no number from 0 to 65535") as error:
        require_allowed(f"{scheme}://user:hunter22@127.0.0.1:{port}/x", [], "a load")

    assert "hunter22" not in str(error.value)


def test_a_password_in_a_url_is_not_told() -> None:
    """
    Messages go into logs, and a URL may hold a password.
    """
    with pytest.raises(UsageError) as error:
        require_allowed("//user:hunter22@", [], "a load")

    assert "hunter22" not in str(error.value)
