"""Names as an attacker would choose them, in the records of what runs in real time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

from agent_perf.records import (
    Bottleneck,
    CheckResult,
    Environment,
    Exemplar,
    FaultWindow,
    LiveLoad,
    LoadDecision,
    LoadRun,
    Outcome,
    Span,
    StateChange,
    Tier,
)
from tests.report import loads
from tests.report.test_live_load import TAKEN

MS: Final = 1_000_000

NAMES: Final[Mapping[str, str]] = {
    "script": "<script>alert(1)</script>",
    "attribute": "\"'><img src=x onerror=alert(1)>",
    "end of script": '</script></style></title></svg><script type="application/json">{"a":1}',
    "link": "[x](javascript:alert(1)) javascript:alert(1) <a href='javascript:alert(1)'>x</a>",
    "entities": "&lt;script&gt;alert(1)&lt;/script&gt; &#60;b&#62; &quot; &amp;amp; &nosuch;",
    "direction": "\u202egnp.exe\u2066 \u200fcode",
    "nothing": "a\x00b\x00<b>\x00",
    "long": "<i onclick=alert(1)>" * 500,
    "comment": "--><!-- x --!> ]]> <![CDATA[ <?php ?>",
    "lines": "one\n\n# two\n\n<details open ontoggle=alert(1)>\r\n- three\t| four |",
    "terminal": "\x1b]0;title\x07\x1b[2J\x9b31m\rFAKE PASS\x08",
    "template": "{{ 7 * 7 }} {% raw %} ${7*7} %(x)s {0}",
    "mention": "@everyone ![x](https://example.com/x.png) https://example.com/",
    "path": "../../../../etc/passwd\\..\\..",
    "surrogate": "\ud800 lone \udfff\ufffe",
}


def harmless(text: str) -> str:
    """Return a word of the same length, which nothing obeys."""
    return re.sub(r"[^\w ]|_", "x", text, flags=re.ASCII)


def service_run(text: str) -> LoadRun:
    """Return a load on a service, with *text* wherever a name or a message comes from outside."""
    run = _named(loads.full_run(), text)
    return replace(
        run,
        tier=Tier.LIVE,
        commit="",
        live=LiveLoad(
            url=text,
            generator=text,
            workers=2,
            worker_cpu_ratio=(0.5, 0.7),
            late_count=2,
            problems=(text,),
            resources=replace(TAKEN, name=text, end=text),
        ),
    )


def scenario_run(text: str) -> LoadRun:
    """Return the load of a scenario in real time, likewise."""
    return replace(_named(loads.full_run(), text), tier=Tier.LIVE)


def chaos_run(text: str) -> LoadRun:
    """Return an experiment, its faults, states and promises called *text*."""
    run = _named(loads.faulty_run(), text)
    window = FaultWindow(name=text, service=text, kind=text, start_ns=4_000 * MS, end_ns=6_000 * MS)
    check = CheckResult(name=text, passed=True, observed=1.0, limit=2.0, unit="s", text=text)
    return replace(
        run,
        scenarios={f"chaos.{text}": 1},
        tier=Tier.LIVE,
        fault_windows=(
            window,
            replace(window, name=f"{text} again", start_ns=8_000 * MS, end_ns=9_000 * MS),
        ),
        states=(
            StateChange(at_ns=4_000 * MS, name=f"worker.{text}", state=text),
            StateChange(at_ns=5_000 * MS, name=f"worker.{text}", state="up"),
        ),
        checks=(
            check,
            replace(check, passed=False, observed=3.0),
            replace(check, passed=None, observed=None),
        ),
        exemplars=(),
    )


def decision_on(run: LoadRun, decision: LoadDecision, text: str) -> LoadDecision:
    """Return *decision* as a gate that let everything through would have it."""
    told = tuple(replace(one, text=text, metric=one.metric) for one in decision.targets)
    return replace(decision, targets=told, lines=(text,), notes=(text,), outcome=Outcome.FAIL)


def bottleneck(text: str) -> Bottleneck:
    """Return what holds a load back, called *text*."""
    return every_text(
        Bottleneck(kind="pool", name="", text="", brief="", ceiling_hz=20.0), text, keep={"kind"}
    )


def every_text(record: Any, text: str, keep: frozenset[str] | set[str] = frozenset()) -> Any:
    """Return *record* with *text* for each of its strings, but the fields in *keep*."""
    assert is_dataclass(record)
    changed = {
        item.name: text
        for item in fields(record)
        if item.name not in keep and isinstance(getattr(record, item.name), str)
    }
    return replace(record, **changed)  # type: ignore[type-var]


def _named(run: LoadRun, text: str) -> LoadRun:
    """Return *run* with *text* in each place that all loads have."""
    summary = run.latency
    operation = next(iter(run.operations.values()))
    level = next(iter(run.levels.values()), None)
    span = Span(name=text, detail=text, start_ns=0, end_ns=3 * MS)
    exemplar = Exemplar(
        request_id=1,
        latency_ns=9 * MS,
        spans=(span, replace(span, start_ns=3 * MS, end_ns=8 * MS)),
    )
    buckets = tuple(replace(one, errors={text: 1}) for one in run.timeline.buckets)
    return replace(
        run,
        scenarios={text: 1, f"{text} two": 3},
        shape=text,
        commit=text,
        environment=Environment(
            python=text, harness="a" * 64, scenario="b" * 64, packages={text: text}
        ),
        errors={text: 3, "ValueError": 1},
        paths={text: summary, "hit": summary},
        counts={**run.counts, text: 7, f"http_bytes:{text}": 9},
        operations={text: operation, "db.statement": operation},
        levels=run.levels if level is None else {**run.levels, text: level},
        timeline=replace(run.timeline, buckets=buckets),
        exemplars=(exemplar,),
        first_failure=text,
        targets={**run.targets, text: 1.0},
        stopped=text,
        trace_digest=text,
    )
