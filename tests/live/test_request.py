"""Requests of the configuration, made ready."""

import pytest

from agent_perf.config import NamedRequest
from agent_perf.errors import ConfigError
from agent_perf.live import ready


def test_defaults_are_a_plain_get() -> None:
    """
    A request of which nothing is said asks for the root.
    """
    request = ready("root", NamedRequest(), {})

    assert ("GET", "/", {}, b"") == (
        request.method,
        request.path,
        request.headers,
        request.content,
    )
    assert request.accepts(204)
    assert not request.accepts(304)


def test_a_body_is_posted() -> None:
    """
    JSON is sent as such, with variables filled in at any depth, and the keys left alone.
    """
    named = NamedRequest(path="/chat", json={"${A}": ["say ${A}", {"n": 1}]}, status=(201,))
    request = ready("chat", named, {"A": "hello"})

    assert ("POST", b'{"${A}":["say hello",{"n":1}]}') == (request.method, request.content)
    assert "application/json" == request.headers["content-type"]
    assert request.accepts(201)
    assert not request.accepts(200)


def test_an_event_stream_is_asked_for() -> None:
    """
    Who wants a stream says so; what the user says of it stays.
    """
    assert "text/event-stream" == ready("s", NamedRequest(stream=True), {}).headers["accept"]
    own = NamedRequest(stream=True, headers={"Accept": "*/*"})
    assert {"accept": "*/*"} == ready("s", own, {}).headers


def test_secrets_are_known_and_not_shown() -> None:
    """
    What came from the environment is listed for scrubbing, and no repr tells it.
    """
    named = NamedRequest(headers={"authorization": "Bearer ${TOKEN}"}, path="/?k=${K}", body="x")
    request = ready("chat", named, {"TOKEN": "s3cret-token", "K": "kk"})

    assert "Bearer s3cret-token" == request.headers["authorization"]
    assert ("s3cret-token", "kk") == request.secrets
    assert "s3cret" not in repr(request)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (NamedRequest(path="/${NONE}"), r"requests.chat: \$\{NONE\} stands for.*set NONE"),
        (NamedRequest(json={}, body=""), "requests.chat has a json and a body"),
        (NamedRequest(headers={"a b": "c"}), "header 'a b' cannot be sent"),
        (NamedRequest(headers={"x": "a\r\nb: c"}), "header 'x' cannot be sent"),
    ],
)
def test_what_cannot_be_sent_is_told(named: NamedRequest, message: str) -> None:
    """
    Each names the request, and what to change.
    """
    with pytest.raises(ConfigError, match=message):
        ready("chat", named, {})
