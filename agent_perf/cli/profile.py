"""
The profile that a command line names, and the defaults that the configuration gives a verb.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final

import click

from agent_perf.cli.completing import profile_names

PROFILE_VARIABLE: Final = "AGENT_PERF_PROFILE"

_KEYS: Final = {
    "rounds_max": "rounds",
    "time_budget_s": "time_budget_s",
    "jobs": "jobs",
    "tier": "tier",
}
"""Parameter of a verb to the key of the configuration that is its default."""


def add_profile(command: click.Command) -> click.Command:
    """Give *command*, and what is below it, the option ``--profile``; return it."""
    if not any(param.name == "profile" for param in command.params):
        command.params.append(_profile_option())
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            add_profile(inner)
    return command


def take_profile(ctx: click.Context, _: click.Parameter, name: str | None) -> None:
    """
    Let the profile *name* hold for this command line and the processes that it starts.

    Raises:
        ConfigError: If there is no such profile, or the configuration is not valid.
    """
    if ctx.resilient_parsing:
        return
    if name is not None:
        from agent_perf.config import read_settings

        read_settings(project_folder(), profile=name)
        before = os.environ.get(PROFILE_VARIABLE)
        # In the environment, for workers and asv read the configuration, too.
        os.environ[PROFILE_VARIABLE] = name
        ctx.call_on_close(lambda: _restore(before))
    if ctx.parent is not None:
        ctx.default_map = ConfiguredDefaults(ctx)


class ConfiguredDefaults(MutableMapping[str, Any]):
    """
    What the configuration says of a verb's options, read when the first one is asked for.

    Help and completion ask for none: they work whatever the configuration is like.
    """

    def __init__(self, ctx: click.Context) -> None:
        self._ctx = ctx
        self._found: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        if name not in _KEYS:
            raise KeyError(name)
        return self._all()[name]

    def __contains__(self, name: object) -> bool:
        return name in _KEYS and not self._ctx.resilient_parsing and name in self._all()

    def __setitem__(self, name: str, value: Any) -> None:
        self._all()[name] = value

    def __delitem__(self, name: str) -> None:
        del self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Any]:
        if self._found is None:
            from agent_perf.config import read_settings

            settings = read_settings(project_folder())
            self._found = {
                name: getattr(settings.config, key)
                for name, key in _KEYS.items()
                if (key,) in settings.origins
            }
        return self._found


def project_folder() -> Path:
    """Return the top folder of the project here; outside of any repository, the folder itself."""
    from agent_perf.errors import RepositoryError
    from agent_perf.repository import find_repository

    try:
        return find_repository(Path.cwd()).root
    except RepositoryError:
        # Whether a verb needs a repository is for the verb to say.
        return Path.cwd()


def _profile_option() -> click.Option:
    return click.Option(
        ["--profile"],
        metavar="NAME",
        shell_complete=profile_names,
        is_eager=True,
        expose_value=False,
        callback=take_profile,
        help="Profile of the configuration; ci in a CI and else dev, if there are such.",
    )


def _restore(before: str | None) -> None:
    if before is None:
        os.environ.pop(PROFILE_VARIABLE, None)
    else:
        os.environ[PROFILE_VARIABLE] = before
