"""What a served model says, as a file tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.errors import ConfigError
from agent_perf.live.model import ModelOptions, ModelScript, ModelServer, load_model_script


def _script(folder: Path, text: str) -> ModelScript:
    path = folder / "script.toml"
    path.write_text(text)
    return load_model_script(path)


def test_a_file_has_turns_routes_and_prices(tmp_path: Path) -> None:
    """What is written is what is read, and a server takes it."""
    script = _script(
        tmp_path,
        """
        [[turns]]
        tool = "search"
        arguments = { query = "order 17" }
        [[turns]]
        text = "Five days."
        first_token = "20ms"

        [[routes]]
        contains = "limit"
        model = "gpt-4o*"
        [[routes.turns]]
        status = 429
        retry_after_s = 0.5
        [[routes.turns]]
        tokens = 40
        stall_after_tokens = 8
        stall_for_s = 2

        [prices.mine]
        input = 0.15
        output = 0.6
        """,
    )
    ModelServer(ModelOptions(script=script))

    assert ["search", None] == [turn.tool for turn in script.turns]
    assert {"query": "order 17"} == script.turns[0].arguments
    assert ("limit", "gpt-4o*") == (script.routes[0].contains, script.routes[0].model)
    assert 429 == script.routes[0].turns[0].status
    assert 0.6 == script.prices["mine"].output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[turns", "no TOML"),
        ("[[turn]]\ntext = 'x'", "unknown key 'turn'; there are turns, routes, prices"),
        ("[[turns]]\ntxt = 'x'", "turns: unknown key 'txt'; there are text"),
        ("[[routes]]\n[[routes.turns]]\ntxt = 'x'", "routes: turns: unknown key 'txt'"),
        ("[[turns]]\ntext = 7", "turns\\[0\\].text"),
        ("turns = 7", "turns"),
        ("[[turns]]\nstatus = 200", ">= 400"),
        ("[[turns]]\nstatus = 500\ntext = 'x'", "turns: a status, and words or calls"),
        ("[[turns]]\nstatus = 500\nretry_after_s = 1", "retry_after_s goes with status 429"),
        ("[[turns]]\ntool = 'search'", "end it with"),
        ("[[routes]]\ncontains = 'x'\nturns = []", r"routes\[0\]: a script without turns"),
        ("[prices.x]\ninput = -1\noutput = 0", ">= 0"),
    ],
)
def test_what_cannot_be_said_is_told(tmp_path: Path, text: str, said: str) -> None:
    """A mistake is told with where it is, when the server starts and not when it is asked."""
    with pytest.raises(ConfigError, match=said):
        ModelServer(ModelOptions(script=_script(tmp_path, text)))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The name is told, and why."""
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        load_model_script(tmp_path / "none.toml")
