"""Scripts of a simulated model: what they may hold, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.sim import llm
from agent_perf.sim.services.llm.prices import Price
from agent_perf.sim.services.llm.script import content_of, script_of


def limited(tokens_max: int | None) -> llm.ChatRequest:
    """Return a conversation whose answer may have so many tokens."""
    return llm.ChatRequest(model="m", max_tokens=tokens_max)


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        ((), "a script without turns"),
        (("hello",), r"turn 'hello'; want llm\.text"),
        (((),), r"turn \(\); want"),
        ((llm.text("a"), (llm.text("b"),)), "want llm.text"),
        ((llm.text("a"), llm.call_tool("look")), "last turn calls 'look'"),
    ],
)
def test_bad_scripts(turns: tuple[Any, ...], words: str) -> None:
    """A script that cannot be played, or would never end, is refused with the reason."""
    with pytest.raises(ConfigError, match=words):
        script_of(turns)


def test_bad_turns() -> None:
    """Each builder refuses what cannot be sent, and names it."""
    with pytest.raises(ConfigError, match="tokens=0"):
        llm.text(tokens=0)
    with pytest.raises(ConfigError, match="surrogates not allowed"):
        llm.text("\ud800")
    with pytest.raises(ConfigError, match="want the name of a tool"):
        llm.call_tool("")
    with pytest.raises(ConfigError, match="llm.call_tool\\('look'\\)"):
        llm.call_tool("look", x=object())
    with pytest.raises(ConfigError, match=r"rate_limited\(-1\)"):
        llm.rate_limited(-1)
    with pytest.raises(ConfigError, match=r"rate_limited\(inf\)"):
        llm.rate_limited(float("inf"))
    with pytest.raises(ConfigError, match=r"fail\(200\)"):
        llm.fail(200)
    with pytest.raises(ConfigError, match="want prices >= 0"):
        Price(token_in_nanousd=-1, token_out_nanousd=0)


def test_arguments_may_have_any_name() -> None:
    """A tool's argument may itself be called name."""
    assert '{"name":"a"}' == llm.call_tool("look", name="a").arguments


@given(answered=st.integers(0, 9), failed=st.integers(0, 9))
def test_last_turn_repeats(answered: int, failed: int) -> None:
    """Whatever was answered and failed before, there is a next turn: in the end the last."""
    turns = (llm.text("a"), llm.fail(500), llm.text("b"))

    assert turns[min(answered + failed, 2)] == script_of(turns).turn(answered, failed)


@given(content=st.text(), tokens=st.integers(1, 50), limit=st.none() | st.integers(1, 50))
def test_cut_is_a_prefix(content: str, tokens: int, limit: int | None) -> None:
    """A limit leaves a prefix of the text and never more tokens than it allows."""
    said, length, cut = content_of(llm.text(content, tokens=tokens), 0, limited(limit))

    assert content.startswith(said)
    assert min(tokens, limit or tokens) == length
    assert (limit is not None and limit < tokens) == cut


def test_filler_has_the_tokens_asked_for() -> None:
    """Filler counts as many tokens by the rule for texts as it is said to have."""
    assert ("sim sim sim ", 3, False) == content_of(llm.text(tokens=3), 0, limited(None))
    assert ("sim sim ", 2, False) == content_of(llm.text(), 2, limited(None))
    assert 3 == content_of(llm.text("sim sim sim "), 0, limited(None))[1]
