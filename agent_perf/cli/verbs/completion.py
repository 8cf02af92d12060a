"""
The verb that prints what a shell needs to complete command lines.
"""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def verb(shell: str) -> None:
    """
    Print what SHELL has to read to complete verbs, options and the names of your project.

    \b
    bash: eval "$(agent-perf completion bash)"     in ~/.bashrc; 4.4 or newer
    zsh:  eval "$(agent-perf completion zsh)"      in ~/.zshrc, after compinit
    fish: agent-perf completion fish > ~/.config/fish/completions/agent-perf.fish

    Scenarios, benchmarks, refs, baselines, profiles, loads and sessions are found without
    importing your code.
    """  # noqa: D301 (click wants the character)
    from agent_perf.cli.app import cli
    from agent_perf.cli.completing import completion_script

    click.echo(completion_script(cli, shell))
