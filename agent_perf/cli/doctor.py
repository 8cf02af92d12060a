"""
``agent-perf doctor``: is this machine fit to measure, and how much noise does it add?
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from agent_perf.cli.doctor_text import check_lines, noise_lines
from agent_perf.cli.exits import INTERRUPTED
from agent_perf.cli.output import plain, print_json, say, warn
from agent_perf.cli.project import Project, open_project
from agent_perf.cli.sampling import round_line
from agent_perf.cli.tables import described, find_tables
from agent_perf.config import load_config
from agent_perf.errors import ConfigError, RepositoryError, StoreError, UsageError
from agent_perf.history import NoiseStore, machine_name
from agent_perf.live.services import Service, embeddable
from agent_perf.measure import (
    answers_at,
    installed_version,
    our_needs,
    program_path,
    python_version,
    read_machine,
    unmet_needs,
    utc_now,
)
from agent_perf.records import Machine, MachineNoise
from agent_perf.repository import WORKTREE, find_repository
from agent_perf.suite import (
    Fitness,
    HealthCheck,
    NoiseFindings,
    NoisePlan,
    installation_check,
    lay_out,
    machine_checks,
    measure_noise,
    presence_check,
    repository_checks,
    trial_checks,
    try_scenarios,
)

HEALTHY: Final = 0
BROKEN: Final = 3
TOO_NOISY: Final = 4

_JUDGED_RATIO: Final = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """
    What to look at; the attributes are the options of the verb.
    """

    only: tuple[str, ...] = ()
    time_budget_s: float = 60.0
    noise: bool = True
    scenarios: bool = True
    form: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """
    Everything that was found.

    Attributes:
        checks: Of the installation, the repository and the machine.
        noise: What the machine adds; None if it was not measured.
        findings: Of the measurement of noise; None likewise.
    """

    checks: tuple[HealthCheck, ...]
    noise: MachineNoise | None = None
    findings: NoiseFindings | None = None


def diagnose(options: DoctorOptions) -> int:
    """
    Print what is found, store the machine's noise, and return the exit code.

    Raises:
        UsageError: If noise is to be measured, and the project has no benchmarks.
        StoreError: If the result cannot be written.
    """
    project = open_project(Path.cwd()) if options.noise else None
    root = project.root if project else Path.cwd()
    machine = read_machine(root, name=machine_name())
    checks = (
        *_installation(),
        *_repository(root),
        *_latencies(root),
        *machine_checks(machine),
        *_presence(),
        *_scenarios(options),
    )
    if options.form == "text":
        for line in check_lines(checks):
            click.echo(plain(line))
    noise, findings = None, None
    if project is not None and all(check.fitness is not Fitness.BROKEN for check in checks):
        findings = _measure(project, options, say)
        noise = _noise(machine, findings)
        if noise.metrics:
            path = NoiseStore(root=project.store.root, machine=machine.name).save(noise)
            say(f"kept in {path}; reports tell of it")
    diagnosis = Diagnosis(checks=checks, noise=noise, findings=findings)
    _show(diagnosis, options.form)
    return exit_code_of(diagnosis)


def known_noise(project: Project) -> MachineNoise | None:
    """Return what was last found of this machine's noise; None, and a warning, if unreadable."""
    try:
        return NoiseStore(root=project.store.root, machine=project.store.machine).latest()
    except StoreError as error:
        warn(f"this machine's noise is not told: {error}")
        return None


def exit_code_of(diagnosis: Diagnosis) -> int:
    """
    Return 0 if all is well, 3 if something is broken, 4 if noise forbids a limit of 15 %.

    Warnings change nothing: they say why noise is what it is.
    """
    findings = diagnosis.findings
    if any(check.fitness is Fitness.BROKEN for check in diagnosis.checks):
        return BROKEN
    if findings is not None and findings.interrupted:
        return INTERRUPTED
    if findings is not None and findings.failures:
        return BROKEN
    metrics = diagnosis.noise.metrics if diagnosis.noise else ()
    hopeless = any(
        needed.round_count is None
        for metric in metrics
        for needed in metric.rounds_needed
        if needed.limit_ratio == _JUDGED_RATIO
    )
    unmeasured = findings is not None and bool(findings.unmeasured)
    return TOO_NOISY if hopeless or unmeasured else HEALTHY


def _measure(
    project: Project, options: DoctorOptions, tell: Callable[[str], None]
) -> NoiseFindings:
    tell(f"measuring the files as they are against themselves, for {options.time_budget_s:g} s")
    with tempfile.TemporaryDirectory(prefix="agent-perf-") as folder:
        tree = lay_out(project.repository, WORKTREE, project.config, Path(folder) / "tree")
        plan = NoisePlan(
            tree=tree,
            package=project.config.benchmarks,
            only=options.only,
            time_budget_s=options.time_budget_s,
            time_limit_s=project.config.time_limit_s,
        )
        return measure_noise(
            plan,
            on_round=lambda note: tell(round_line(note, verb="measuring")),
        )


def _noise(machine: Machine, findings: NoiseFindings) -> MachineNoise:
    return MachineNoise(
        machine=machine,
        measured_at=utc_now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        commit=WORKTREE,
        python=python_version(),
        metrics=findings.metrics,
        spent_s=findings.spent_s,
    )


def _show(diagnosis: Diagnosis, form: str) -> None:
    if form == "json":
        print_json(
            {
                "checks": diagnosis.checks,
                "noise": diagnosis.noise,
                "findings": diagnosis.findings,
            }
        )
        return
    if diagnosis.noise is None or diagnosis.findings is None:
        return
    for line in noise_lines(diagnosis.noise, diagnosis.findings):
        click.echo(line)
    for failure in diagnosis.findings.failures:
        warn(f"{failure.benchmark} gave no value ({failure.category}: {failure.message})")


def _installation() -> tuple[HealthCheck, ...]:
    requirements, python = our_needs()
    return (installation_check(python_version(), unmet_needs(requirements, python)),)


def _repository(root: Path) -> tuple[HealthCheck, ...]:
    try:
        repository = find_repository(root)
    except RepositoryError as error:
        return (HealthCheck(name="Git", fitness=Fitness.WARNING, found=str(error)),)
    return repository_checks(is_dirty=repository.is_dirty(), is_shallow=repository.is_shallow())


def _latencies(root: Path) -> tuple[HealthCheck, ...]:
    """Tell whether the project's own latency tables can be used, if it has any."""
    try:
        found = find_tables(root, load_config(root))
    except ConfigError as error:
        advice = "mend it, or measure again with `agent-perf calibrate`"
        return (
            HealthCheck(name="Latencies", fitness=Fitness.BROKEN, found=str(error), advice=advice),
        )
    if found.tables is None:
        return ()
    text = f"{found.file}: {described(found.tables)}"
    return (HealthCheck(name="Latencies", fitness=Fitness.GOOD, found=text),)


def _scenarios(options: DoctorOptions) -> tuple[HealthCheck, ...]:
    """Try the scenarios of the project here, if there is one and it is asked for."""
    if not options.scenarios:
        return ()
    try:
        project = open_project(Path.cwd())
    except UsageError as error:
        # Without noise to measure, a doctor may be asked about the machine alone.
        return (HealthCheck(name="Scenarios", fitness=Fitness.NOTE, found=str(error)),)
    with tempfile.TemporaryDirectory(prefix="agent-perf-") as folder:
        tree = lay_out(project.repository, WORKTREE, project.config, Path(folder) / "tree")
        trials = try_scenarios(
            project.config.benchmarks,
            (tree.root, *tree.path),
            only=options.only,
            time_limit_s=project.config.time_limit_s,
        )
    return trial_checks(trials)


def _presence() -> tuple[HealthCheck, ...]:
    asv = installed_version("asv")
    return (
        presence_check("asv", asv or "", "`asv run` is not available"),
        presence_check("valgrind", program_path("valgrind") or "", "no instruction counts"),
        presence_check(
            "Redis", _service(Service.REDIS, 6379), "real services need one; simulations none"
        ),
        presence_check(
            "PostgreSQL",
            _service(Service.DATABASE, 5432),
            "real services need one; simulations none",
        ),
    )


def _service(service: Service, port: int) -> str:
    program = embeddable(service)
    found = [f"{program.name} can be started for a run ({program.path})"] if program else []
    if answers_at("127.0.0.1", port):
        found.append(f"one answers at 127.0.0.1:{port}")
    return "; ".join(found)
