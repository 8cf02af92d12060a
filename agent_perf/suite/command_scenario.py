"""
A command as a scenario: a whole process, executed again and again on a real machine.
"""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agent_perf.amounts import parse_duration, parse_target
from agent_perf.errors import ConfigError
from agent_perf.measure import current_environment
from agent_perf.records import COMMAND_METRICS, CommandSpec
from agent_perf.suite.declaration import NAME

TIMEOUT_S: Final = 60.0
EXECUTIONS: Final = 5

Words = str | Sequence[str]
"""A command: program and arguments, or one text as a shell reads it (no shell runs it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandScenario:
    """
    A command that is measured: wall time, CPU time and peak memory of each execution.

    Attributes:
        name: ``family.name``, of letters, digits and underscores.
        words: The command, or a function without arguments that returns it, which is called
            in each tree that is measured.
        env: Variables over those that are there.
        cwd: Where it runs, relative to the repository's folder.
        stdin: What it reads from standard input.
        timeout_s: Seconds after which it counts as broken.
        warmup: Executions that come first and are forgotten.
        executions: How many `agent-perf run` measures.
        exit_codes: Those with which it counts as done.
        targets: Metric to the worst value allowed, in base units.
        source: The file that defines it.
    """

    name: str
    words: Words | Callable[[], Words]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "."
    stdin: str = ""
    timeout_s: float = TIMEOUT_S
    warmup: int = 1
    executions: int = EXECUTIONS
    exit_codes: tuple[int, ...] = (0,)
    targets: Mapping[str, float] = field(default_factory=dict)
    source: Path

    def __post_init__(self) -> None:
        whose = f"command {self.name}"
        _check_name(self.name)
        if not callable(self.words):
            _checked(self.words, self.name)
        if not 0 < self.timeout_s < float("inf"):
            raise ConfigError(f"{whose}: timeout={self.timeout_s!r}; want seconds, > 0")
        counts = (("warmup", self.warmup, 0), ("executions", self.executions, 1))
        for label, number, least in counts:
            if type(number) is not int or number < least:
                raise ConfigError(f"{whose}: {label}={number!r}; want an integer >= {least}")
        if not set(self.targets) <= set(COMMAND_METRICS):
            raise ConfigError(
                f"{whose}: targets for {', '.join(sorted(self.targets))}; a command has "
                f"{', '.join(COMMAND_METRICS)}"
            )
        self._check_surroundings()

    def _check_surroundings(self) -> None:
        whose = f"command {self.name}"
        if not all(isinstance(word, str) for pair in self.env.items() for word in pair):
            raise ConfigError(f"{whose}: env={dict(self.env)!r}; want text, as {{'DAY': '1'}}")
        if not isinstance(self.stdin, str):
            raise ConfigError(f"{whose}: stdin={self.stdin!r}; want text")
        if Path(self.cwd).is_absolute() or ".." in Path(self.cwd).parts:
            raise ConfigError(
                f"{whose}: cwd={self.cwd!r}; want a folder below the repository's, so that base "
                "and head each run in their own tree"
            )
        codes: object = self.exit_codes
        if (
            not isinstance(codes, tuple | list)
            or not codes
            or not all(type(code) is int for code in codes)
        ):
            raise ConfigError(f"{whose}: exit_codes={self.exit_codes!r}; want integers, as (0,)")

    def spec(self) -> CommandSpec:
        """
        Return what is to be executed in this tree.

        Raises:
            ConfigError: If its function returns no command.
        """
        words = self.words() if callable(self.words) else self.words
        return CommandSpec(
            name=self.name,
            command=_checked(words, self.name),
            env=dict(self.env),
            cwd=self.cwd,
            stdin=self.stdin,
            timeout_s=self.timeout_s,
            warmup=self.warmup,
            executions=self.executions,
            exit_codes=self.exit_codes,
            targets=dict(self.targets),
            environment=current_environment((self.source,)),
        )


def command(
    name: str | Callable[[], Words] | None = None, words: Words | None = None, /, **options: Any
) -> Any:
    """
    Return the scenario of a command, or what makes one of a function that returns a command.

    All of these are ways to say it::

        nightly = command("batch.nightly", ["python", "-m", "myapp.batch"], timeout="2min")

        @command(env={"DAY": "1"})
        def weekly():
            return ["python", "-m", "myapp.batch", "--days", "7"]

    Args:
        name: By default the function's file and name.
        words: Program and arguments; None: a function returns them.
        options: As of declare_command.

    Raises:
        ConfigError: If a value is not valid.
    """
    if isinstance(name, str) and words is not None:
        return declare_command(name, words, source=_caller(), **options)
    if name is not None and not callable(name):
        # A command without a name would be a decorator that nobody uses, and never measured.
        _check_name(name)

    def decorate(function: Callable[[], Words]) -> CommandScenario:
        return command_of(function, name if isinstance(name, str) else None, None, options)

    return decorate(name) if callable(name) else decorate


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ConfigError(
            f"command {name!r}; want a name of family.name, of letters, digits and underscores, "
            "before the command itself"
        )


def command_decorator(
    name: object, options: Mapping[str, Any], simulated: Sequence[str]
) -> Callable[[Callable[[], object]], CommandScenario]:
    """
    Return what ``@scenario(command=...)`` does to the function below it.

    Args:
        name: Of the scenario; None: after the function.
        options: ``command`` and those of declare_command.
        simulated: Names of the options that were given and only a scenario in a world has.

    Raises:
        ConfigError: If an option is not one of a command's.
    """
    given = {key: value for key, value in options.items() if value is not None}
    words = given.pop("command", None)
    known = set(inspect.signature(declare_command).parameters) - {"name", "words", "source"}
    wrong = [*simulated, *sorted(set(given) - known)]
    if wrong:
        raise ConfigError(
            f"scenario of command {words!r}: {wrong[0]}= is for what runs in virtual time; a "
            f"command takes {', '.join(sorted(known))}"
        )
    if words is None:
        raise ConfigError('scenario(command=None): want ["python", "-m", "myapp.batch"]')

    def decorate(function: Callable[[], object]) -> CommandScenario:
        return command_of(function, name if isinstance(name, str) else None, words, given)

    return decorate


def command_of(
    function: Callable[[], object],
    name: str | None,
    words: Words | None,
    options: Mapping[str, Any],
) -> CommandScenario:
    """
    Return the scenario of *words*, or else of what *function* returns; named after *function*.

    Raises:
        ConfigError: If *function* is none that can be called without arguments.
    """
    whose = getattr(function, "__qualname__", repr(function))
    if not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
        raise ConfigError(f"command {whose}: want a plain function, which returns the command")
    if inspect.signature(function).parameters:
        raise ConfigError(f"command {whose}: want a function that takes no arguments")
    source = Path(inspect.getsourcefile(function) or "unknown")
    returned: Any = function
    return declare_command(
        name or f"{source.stem}.{function.__name__}",
        returned if words is None else words,
        source=source,
        **options,
    )


def _caller() -> Path:
    """Return the file of who called `command`."""
    return Path(sys._getframe(2).f_code.co_filename)


def declare_command(  # noqa: PLR0913 (each is optional, and named where it is given)
    name: str,
    words: Words | Callable[[], Words],
    *,
    source: Path,
    env: Mapping[str, str] | None = None,
    cwd: str = ".",
    stdin: str = "",
    timeout: str | float = TIMEOUT_S,
    warmup: int = 1,
    executions: int = EXECUTIONS,
    exit_codes: tuple[int, ...] = (0,),
    targets: Mapping[str, str | float] | None = None,
) -> CommandScenario:
    """
    Return the scenario of a command; the arguments are the attributes of CommandScenario.

    Args:
        name: As there.
        words: As there.
        source: As there.
        env: As there.
        cwd: As there.
        stdin: As there.
        timeout: Seconds, or text with a unit.
        warmup: As there.
        executions: As there.
        exit_codes: As there.
        targets: Amounts as text, ``{"wall.total": "2s", "memory.peak": "200MiB"}``, or in
            base units.

    Raises:
        ConfigError: If a value is not valid.
    """
    return CommandScenario(
        name=name,
        words=words,
        env=env or {},
        cwd=cwd,
        stdin=stdin,
        timeout_s=parse_duration(timeout) if isinstance(timeout, str) else float(timeout),
        warmup=warmup,
        executions=executions,
        exit_codes=exit_codes,
        targets={metric: parse_target(metric, value) for metric, value in (targets or {}).items()},
        source=source,
    )


def _checked(words: object, name: str) -> tuple[str, ...]:
    wanted = 'want program and arguments, as ["python", "-m", "myapp.batch"]'
    if isinstance(words, str):
        try:
            words = shlex.split(words)
        except ValueError as error:
            raise ConfigError(f"command {name}: {words!r}: {error}; {wanted}") from None
    if (
        not isinstance(words, Sequence)
        or not words
        or not all(isinstance(word, str) for word in words)
    ):
        raise ConfigError(f"command {name}: {words!r}; {wanted}")
    return tuple(words)
