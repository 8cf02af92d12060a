"""What a project says of its benchmarks: its file, its profiles, its environment."""

from agent_perf.config.chaos import (
    ChaosFault,
    ChaosProxy,
    ChaosWorker,
    ChaosWrites,
    NamedChaos,
)
from agent_perf.config.editor_schema import config_schema
from agent_perf.config.nearness import did_you_mean
from agent_perf.config.reading import PROFILE_VARIABLE, Effective, load_config, read_settings
from agent_perf.config.refusals import dotted, shown
from agent_perf.config.settings import Config, NamedLoad, NamedRequest, key_texts

__all__ = [
    "PROFILE_VARIABLE",
    "ChaosFault",
    "ChaosProxy",
    "ChaosWorker",
    "ChaosWrites",
    "Config",
    "Effective",
    "NamedChaos",
    "NamedLoad",
    "NamedRequest",
    "config_schema",
    "did_you_mean",
    "dotted",
    "key_texts",
    "load_config",
    "read_settings",
    "shown",
]
