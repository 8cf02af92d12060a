"""`agent-perf model`, from the command line."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import agent_perf

_SCRIPT = '[[turns]]\ntext = "Five days."\n'


@pytest.mark.slow
def test_sdk_clients_are_answered_until_a_signal_comes(tmp_path: Path) -> None:
    """openai's and anthropic's own clients talk to it; SIGTERM ends it with 0 and a summary."""
    import anthropic
    import openai

    (tmp_path / "script.toml").write_text(_SCRIPT)
    command = [sys.executable, "-m", "agent_perf", "model", "--port", "0"]
    with subprocess.Popen(
        [*command, "--script", "script.toml"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as server:
        try:
            assert server.stdout is not None
            told = dict(server.stdout.readline().strip().split("=", 1) for _ in range(2))

            async def ask() -> list[str]:
                question = "How long does a refund take?"
                async with (
                    openai.AsyncOpenAI(base_url=told["OPENAI_BASE_URL"], api_key="any") as ours,
                    anthropic.AsyncAnthropic(
                        base_url=told["ANTHROPIC_BASE_URL"], api_key="any"
                    ) as theirs,
                ):
                    stream = await ours.chat.completions.create(
                        model="gpt-4o-mini",
                        messages=[{"role": "user", "content": question}],
                        stream=True,
                    )
                    pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
                    message = await theirs.messages.create(
                        model="claude-haiku-4-5",
                        max_tokens=50,
                        messages=[{"role": "user", "content": question}],
                    )
                    return ["".join(pieces), message.content[0].text]

            assert ["Five days.", "Five days."] == asyncio.run(ask())
        finally:
            server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=30)

    assert 0 == server.returncode
    assert "2 calls" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--script", "none.toml"), "none.toml: No such file"),
        (("--tables", "none.json"), "none.json"),
        (("--cassette", "none.json"), "none.json"),
    ],
)
@pytest.mark.slow
def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path, arguments, said: str) -> None:
    """What cannot be read is named, before anything is served."""
    done = agent_perf(tmp_path, "model", "--port", "0", *arguments)

    assert 2 == done.returncode
    assert said in done.stderr
