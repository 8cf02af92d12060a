"""`agent-perf validate`, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent_perf.cli.validate_text import write_page
from agent_perf.errors import UsageError
from tests.cli.command import agent_perf

ROOT = Path(__file__).parents[2]
_SHORT = ("--requests", "100", "--learn", "100")


@pytest.mark.slow
def test_rates_are_asked_in_both_times(redis_url: str) -> None:
    """At each share of the limit, quantiles and throughput are predicted, measured, and told."""
    done = agent_perf(
        ROOT,
        *("validate", "cache.redis_get", *_SHORT, "--rounds", "2", "--shares", "60%,30%"),
        *("--redis-url", "embedded", "--format", "json"),
    )
    told = json.loads(done.stdout)

    # How far off it is, is the machine's matter.
    assert done.returncode in {0, 1, 4}
    assert told["within"] == (done.returncode == 0)
    assert [0.3, 0.6] == [pytest.approx(rate["knee_ratio"]) for rate in told["rates"]]
    for rate in told["rates"]:
        assert {"p50", "p95", "p99", "throughput"} == rate["predictions"].keys()
        assert 2 == rate["round_count"]
        assert all(one["live"] > 0 < one["virtual"] for one in rate["predictions"].values())
    assert 0 < told["cpu_mean_ns"]


@pytest.mark.slow
def test_a_long_virtual_run_stands_beside_a_short_live_one(redis_url: str) -> None:
    """Ten virtual minutes are compared with two real seconds, path by path."""
    done = agent_perf(
        ROOT,
        *("validate", "cache.redis_get", *_SHORT, "--rate", "50"),
        *("--live-for", "2", "--virtual-for", "600", "--redis-url", "embedded"),
    )

    assert done.returncode in {0, 1}
    assert "600 s of virtual time against 2 s of real time, at 50/s" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--shares", "many"), "--shares 'many'"),
        (("--shares", "20%,120%"), "--shares '120%'"),
        (("--judged-to", "200%"), "--judged-to '200%'; want a share up to 100%"),
        (("--live-for", "5"), "--live-for and --virtual-for go together"),
        (("--rate", "5"), "--rate goes with"),
        (("--error-max", "-1"), "--error-max"),
    ],
)
def test_what_cannot_be_compared_ends_with_2(arguments, said: str) -> None:
    """An option that says nothing is told, before anything is started."""
    done = agent_perf(ROOT, "validate", "cache.redis_get", *arguments)

    assert 2 == done.returncode
    assert said in done.stderr


def test_a_page_keeps_what_is_around_its_table(tmp_path: Path) -> None:
    """Only what is between the marks is replaced; without marks nothing is."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- validate:rates -->\nold\n<!-- validate:rates end -->\nafter\n")
    write_page(page, ["new"])

    assert (
        "before\n<!-- validate:rates -->\n\nnew\n\n<!-- validate:rates end -->\nafter\n"
        == page.read_text()
    )
    with pytest.raises(UsageError, match="validate:long"):
        write_page(page, ["new"], mark="long")
