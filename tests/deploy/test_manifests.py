"""
The manifests in deploy/: their shape, and that what they say of agent-perf is so.

The shape is a strict schema of the parts that are used. The whole was checked once against the
CRDs of Argo Rollouts and against Kubernetes' own schemas; docs/canary.md tells how.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml

import agent_perf.report
from agent_perf.cli.app import cli

DEPLOY = Path(__file__).parents[2] / "deploy"
SCHEMA = json.loads((Path(__file__).parent / "manifests.schema.json").read_text())
RESULT = json.loads((Path(agent_perf.report.__file__).parent / "schema/canary-1.json").read_text())
FILES = (
    "argo-rollouts/analysis-job",
    "argo-rollouts/analysis-web",
    "argo-rollouts/rollout",
    "kubernetes/smoke",
)


def documents(*names: str) -> list[dict[str, Any]]:
    return [
        one
        for name in names or FILES
        for one in yaml.safe_load_all((DEPLOY / f"{name}.yaml").read_text())
    ]


def found(value: Any, key: str) -> Iterator[Any]:
    """Yield each value of *key*, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from found(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from found(inner, key)


def told(words: list[str]) -> click.Context:
    """Return what a command line is understood as; it raises where it is not."""
    verb = cli.get_command(click.Context(cli), words[0])
    assert verb is not None
    return verb.make_context(words[0], words[1:])


@pytest.mark.parametrize("name", FILES)
def test_shape(name: str) -> None:
    """
    Each document has the fields that its kind has, and no other.
    """
    for one in documents(name):
        jsonschema.Draft202012Validator(SCHEMA).validate(one)


def test_a_wrong_field_is_seen() -> None:
    """
    The schema is strict: a word that is misspelled is no field.
    """
    (smoke,) = documents("kubernetes/smoke")
    smoke["spec"]["jobTemplate"]["spec"]["backofLimit"] = 0

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(smoke)


def test_commands_are_ours() -> None:
    """
    Every command line in a container is one that agent-perf understands.
    """
    lines = [
        [re.sub(r"{{.*?}}", "1", word) for word in container["args"]]
        for containers in found(documents(), "containers")
        for container in containers
        if container.get("command") == ["agent-perf"]
    ]

    assert ["canary", "canary", "smoke"] == sorted(line[0] for line in lines)
    for line in lines:
        told(line)


def test_the_workflow_is_ours() -> None:
    """
    Every agent-perf in it is understood; secrets come by the environment.
    """
    flow = yaml.safe_load((DEPLOY / "github-actions/deploy.yml").read_text())
    steps = flow["jobs"]["canary"]["steps"]
    lines = [
        shlex.split(step["run"].partition(" > ")[0])
        for step in steps
        if step.get("run", "").startswith("agent-perf")
    ]

    assert ["smoke", "canary"] == [line[1] for line in lines]
    for line in lines:
        told(line[1:])
    assert "${{ secrets." not in "".join(step.get("run", "") for step in steps)


def test_templates_fit_the_rollout() -> None:
    """
    Each analysis names a template that is there, and gives it the arguments that it wants.
    """
    wanted = {
        one["metadata"]["name"]: {arg["name"] for arg in one["spec"]["args"]}
        for one in documents("argo-rollouts/analysis-job")
    }
    (rollout,) = (one for one in documents("argo-rollouts/rollout") if one["kind"] == "Rollout")
    steps = rollout["spec"]["strategy"]["canary"]["steps"]

    assert [5, 25, 50, 100] == [step["setWeight"] for step in steps if "setWeight" in step]
    analyses = [step["analysis"] for step in steps if "analysis" in step]
    assert 4 == len(analyses)
    for one in analyses:
        (template,) = one["templates"]
        assert {arg["name"] for arg in one["args"]} == wanted[template["templateName"]]


def test_conditions_name_what_a_result_has() -> None:
    """
    The words of the web metric are those of `agent-perf canary --format json`.
    """
    (web,) = documents("argo-rollouts/analysis-web")
    (metric,) = web["spec"]["metrics"]

    for condition in ("successCondition", "failureCondition"):
        match = re.fullmatch(r'result\.(\w+) == "(\w+)"', metric[condition])
        assert match is not None
        assert match[2] in RESULT["properties"][match[1]]["enum"]


def test_nothing_runs_as_root() -> None:
    """
    Our containers have no privileges, no token of the cluster, and a limit of memory.
    """
    for spec in found(documents(), "spec"):
        for container in spec.get("containers", ()):
            if container.get("command") == ["agent-perf"]:
                assert spec["securityContext"]["runAsNonRoot"] is True
                assert spec["automountServiceAccountToken"] is False
                assert ["ALL"] == container["securityContext"]["capabilities"]["drop"]
                assert "memory" in container["resources"]["limits"]
