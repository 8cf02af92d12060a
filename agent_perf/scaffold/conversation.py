"""
What the model has to answer, so that a first request comes to its end.
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from typing import Any, Final

from agent_perf.scaffold.modules import Module, Sources
from agent_perf.scaffold.samples import UnknownTypeError, sample, sample_of_class
from agent_perf.scaffold.source_text import source_of

_AGENTS: Final = frozenset({"pydantic_ai.Agent", "pydantic_ai.agent.Agent"})
_TOOL_MARKS: Final = frozenset({"tool", "tool_plain", "function_tool"})
_LAST: Final = 'llm.text("Done.")'
"""A script's last turn repeats, and may be no call."""

_OUTPUTS: Final = ("output_type", "result_type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """
    A model's turns.

    Attributes:
        turns: Each a call of `agent_perf.llm`, as source.
        tool_hint: Likewise a call of one of the project's tools; empty if it has none.
        tool: Name of that tool.
    """

    turns: tuple[str, ...]
    tool_hint: str = ""
    tool: str = ""


def find_conversation(sources: Sources) -> Conversation:
    """Return what the model says to agents of *sources*: a text, or what their output is."""
    outputs = [found for module in sources for found in _outputs(sources, module)]
    turns: tuple[str, ...] = ("llm.text(tokens=40)",)
    if len(set(outputs)) == 1:
        turns = (outputs[0],) if outputs[0].startswith("llm.text") else (outputs[0], _LAST)
    tools = [found for module in sources for found in _tools(sources, module)]
    tool, hint = tools[0] if tools else ("", "")
    return Conversation(turns=turns, tool=tool, tool_hint=hint)


def _outputs(sources: Sources, module: Module) -> list[str]:
    found = []
    for node in module.nodes:
        if not isinstance(node, ast.Call):
            continue
        called = node.func.value if isinstance(node.func, ast.Subscript) else node.func
        is_agent = module.qualified(called) in _AGENTS
        for one in node.keywords:
            asks = one.arg in _OUTPUTS if is_agent else one.arg == "response_format"
            resolved = sources.resolve(module, one.value) if asks else None
            if resolved is None or not isinstance(resolved[1], ast.ClassDef):
                continue
            try:
                value = sample_of_class(sources, resolved[0], resolved[1])
            except UnknownTypeError:
                continue
            found.append(
                _call("final_result", value) if is_agent else f"llm.text({json.dumps(value)!r})"
            )
        if is_agent and not any(one.arg in _OUTPUTS for one in node.keywords):
            found.append("llm.text(tokens=40)")
    return found


def _tools(sources: Sources, module: Module) -> list[tuple[str, str]]:
    found = []
    for node in module.nodes:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        marks = [one.func if isinstance(one, ast.Call) else one for one in node.decorator_list]
        names = {
            one.attr if isinstance(one, ast.Attribute) else module.qualified(one).rpartition(".")[2]
            for one in marks
        }
        if not names & _TOOL_MARKS:
            continue
        arguments: dict[str, Any] = {}
        required = len(node.args.args) - len(node.args.defaults)
        try:
            for one in node.args.args[:required]:
                if one.arg in {"self", "ctx", "context"} or "RunContext" in _dump(one.annotation):
                    continue
                annotation = one.annotation or ast.Name(id="str")
                arguments[one.arg] = sample(sources, module, annotation, one.arg)
        except UnknownTypeError:
            continue
        found.append((node.name, _call(node.name, arguments)))
    return found


def _call(name: str, arguments: dict[str, Any]) -> str:
    words = "".join(f", {key}={source_of(value)}" for key, value in arguments.items())
    return f'llm.call_tool("{name}"{words})'


def _dump(node: ast.expr | None) -> str:
    return "" if node is None else ast.dump(node)
