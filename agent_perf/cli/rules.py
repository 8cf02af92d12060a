"""
What is promised where a command is given, whether there is a project or not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from agent_perf.config import Config, load_config
from agent_perf.errors import RepositoryError
from agent_perf.gate import Policy, Waivers, make_policy
from agent_perf.measure import utc_today
from agent_perf.repository import find_repository
from agent_perf.waivers import load_accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    The configuration of the project here, or the defaults where there is none.

    Attributes:
        root: The top folder.
        config: Of the project.
        policy: Its limits and targets, and what it accepts today. What other verbs measure,
            they judge: their waivers are not spoken of.
    """

    root: Path
    config: Config
    policy: Policy


def reports_folder(root: Path, config: Config, given: Path | None) -> Path:
    """
    Return where reports go.

    Args:
        root: Top folder of the project.
        config: Of the project.
        given: What the command line says, from the current folder on; None: nothing.
    """
    return root / config.reports if given is None else Path.cwd() / given


def rules_here() -> Rules:
    """
    Return what holds in the current folder.

    Raises:
        ConfigError: If the configuration, or the file of waivers, is not valid.
    """
    try:
        root = find_repository(Path.cwd()).root
    except RepositoryError:
        root = Path.cwd()
    config = load_config(root)
    waivers = Waivers(
        entries=load_accepted(root / config.waivers).waivers,
        today=utc_today(),
        complete=False,
        source=config.waivers,
    )
    policy = replace(make_policy(config.limit_texts, config.targets), waivers=waivers)
    return Rules(root=root, config=config, policy=policy)
