"""A model endpoint in a process of its own: scripted words, drawn times, no bill."""

from agent_perf.live.model.script_file import ModelScript, load_model_script
from agent_perf.live.model.server import ModelOptions, ModelServer

__all__ = ["ModelOptions", "ModelScript", "ModelServer", "load_model_script"]
