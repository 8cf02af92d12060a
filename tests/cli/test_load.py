"""The verb load: what it prints, writes and refuses."""

from __future__ import annotations

import html
import json
import logging
import re
import shlex
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import pytest

from agent_perf import codec
from agent_perf.cli.load_options import LoadOptions, shape_of
from agent_perf.cli.load_targets import promise_of, targets_of
from agent_perf.cli.load_text import sparkline
from agent_perf.cli.log_tally import tallied_logs
from agent_perf.errors import UsageError
from agent_perf.load import Closed, Constant, Gamma, Poisson, Ramp, Soak
from agent_perf.records import Promise
from agent_perf.report import draw_load
from agent_perf.suite import run_load
from tests.cli.command import agent_perf
from tests.shop import make_shop, write
from tests.suite.test_loading import other, queue


def options(**given) -> LoadOptions:
    nothing = dict.fromkeys(LoadOptions.__slots__)
    given = {
        "targets": (),
        "own_targets": True,
        "speed": 1.0,
        "closed": False,
        "find_knee": False,
        "tier": "client",
        **given,
    }
    return LoadOptions(**{**nothing, **given})


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    return make_shop(tmp_path_factory.mktemp("load") / "shop")


def test_a_load_is_printed_and_written(shop) -> None:
    """
    The table has rate, goodput, percentiles and a timeline; one file is the whole record,
    one beside it its picture, and the page in its folder is named.
    """
    done = agent_perf(
        shop, "load", "shop.answer", "--shape", "spike", "--for", "12", "--within", "0.015"
    )
    folder = shop / "reports/load"
    run = codec.load_load_run((folder / "shop.answer.json").read_bytes(), "it")
    told = f"report: {folder / 'shop.answer/index.html'}"

    assert (0, told) == (done.returncode, done.stderr.strip())
    assert (folder / "shop.answer.svg").read_text() == draw_load(run)
    for word in ("shop.answer: spike 20/s for 12 s", "offered", "good", "P95", "in flight", "█"):
        assert word in done.stdout
    assert run.latency.count == run.offered > 200
    assert 15_000_000 == run.good_within_ns
    assert 0 < run.good < run.offered


def test_the_timeline_and_the_price_of_work_can_be_chosen(shop) -> None:
    """
    `--bucket` is the timeline's step; with `--cpu calls` code takes time.
    """
    path = shop / "reports/load/shop.answer.json"
    runs = []
    for more in ((), ("--cpu", "calls")):
        done = agent_perf(
            shop, "load", "shop.answer", "--rate", "9", "--for", "6", "--bucket", "0.5", *more
        )
        assert 0 == done.returncode, done.stderr
        runs.append(codec.load_load_run(path.read_bytes(), "it"))
    free, charged = runs

    assert (500_000_000, 500_000_000) == (free.timeline.bucket_ns, charged.timeline.bucket_ns)
    assert free.latency.p50_ns < charged.latency.p50_ns
    assert free.environment.key != charged.environment.key


@pytest.mark.slow
def test_a_scenario_that_is_only_named_is_measured_only_by_its_name(shop) -> None:
    """
    Neither a run of all nor a pattern finds it; its own name does, and `load` with it.
    """
    write(
        shop,
        "benchmarks/soak.py",
        "from agent_perf import scenario\n\n\n"
        "@scenario('shop.soak', users=(1,), requests=5, only_named=True)\n"
        "async def soak(world):\n"
        "    async def request(ask):\n"
        "        await world.tool('look up')\n\n"
        "    yield request\n",
    )
    found = {
        only: json.loads(
            agent_perf(shop, "run", "worktree", "--format", "json", *only.split()).stdout
        )["worktree"]["runs"].keys()
        for only in ("", "--only shop.*", "--only shop.soak", "--only shop.soak@1")
    }
    done = agent_perf(shop, "load", "shop.soak", "--rate", "5", "--for", "5")
    (shop / "benchmarks/soak.py").unlink()

    assert {"shop.answer@1", "shop.answer@5"} == found[""] == found["--only shop.*"]
    assert {"shop.soak@1"} == found["--only shop.soak"] == found["--only shop.soak@1"]
    assert (0, True) == (done.returncode, "shop.soak: poisson 5/s" in done.stdout)


def test_a_trace_is_replayed(shop, tmp_path) -> None:
    """
    JSON lines become requests; the record can be printed as JSON.
    """
    trace = tmp_path / "trace.jsonl"
    trace.write_text('{"at_s": 0, "weight": 3}\n{"at_s": 2.5, "user": "ann"}\n')

    done = agent_perf(shop, "load", "shop.answer", "--trace", str(trace), "--format", "json")
    run = json.loads(done.stdout)

    assert 0 == done.returncode
    assert (4, "trace trace.jsonl", 1) == (run["offered"], run["shape"], run["users"])


def test_the_highest_rate_is_searched(shop) -> None:
    """
    A scenario without queues carries any rate; the file holds each probe, and what the page says
    to type next holds all that was promised.
    """
    done = agent_perf(
        shop,
        "load",
        "shop.answer",
        "--find-knee",
        "--target",
        "success_ratio>98%",
        "--target",
        "p95=30ms",
        "--to",
        "4",
        "--for",
        "9",
    )
    path = shop / "reports/load/shop.answer.capacity.json"
    capacity = codec.load_capacity(path.read_bytes(), "it")
    page = path.with_name("shop.answer.capacity") / "index.html"
    (line,) = set(re.findall(r"agent-perf load [^<]*--for 600[^<]*", page.read_text()))
    words = shlex.split(html.unescape(line))
    targets = [word for option, word in pairwise(words) if option == "--target"]

    assert 0 == done.returncode
    assert {"success_ratio": 0.98, "latency.p95": 0.03} == targets_of(targets)
    assert "carries 4/s, the highest rate tried" in done.stdout
    assert [1.0, 2.0, 4.0] == [probe.rate_hz for probe in capacity.probes]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shop.gone",), "no scenario 'shop.gone'; did you mean 'shop.answer'"),
        (("shop.answer", "--rate", "nan"), "rate_hz=nan"),
        (("shop.answer", "--trace", "gone.jsonl"), "cannot read gone.jsonl"),
        (("shop.answer", "shop.answer=2"), "scenario 'shop.answer' is named twice"),
        (("shop.answer", "--find-knee", "--target", "p95=1", "--seed", "3"), "--seed 3"),
        (("shop.answer", "--find-knee", "--target", "p95=1", "--to", "inf"), "high_hz=inf; want"),
    ],
)
def test_what_cannot_be_is_told_and_ends_with_2(shop, arguments, said: str) -> None:
    """
    A name, a number or a file that cannot be used: one line, and exit code 2.
    """
    done = agent_perf(shop, "load", *arguments)

    assert 2 == done.returncode
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_options_choose_the_shape() -> None:
    """
    Without any, the scenario's own load; a rate alone is Poisson; a soak lasts an hour.
    """
    assert queue.load == shape_of(options(), queue)
    assert Poisson(rate_hz=20, for_s=60) == shape_of(options(), other)
    assert Poisson(rate_hz=5, for_s=60) == shape_of(options(rate_hz=5), queue)
    assert Constant(rate_hz=5, for_s=9) == shape_of(
        options(shape="constant", rate_hz=5, for_s=9), queue
    )
    assert Gamma(rate_hz=20, for_s=60) == shape_of(options(shape="gamma"), queue)
    assert Ramp(from_hz=2, to_hz=20, for_s=60) == shape_of(options(shape="ramp", rate_hz=2), queue)
    assert Soak(rate_hz=20, for_s=3600) == shape_of(options(shape="soak"), queue)
    assert Closed(users=7, for_s=60) == shape_of(options(closed=True, users=7), queue)
    for name in ("spike", "burst", "stress"):
        assert 60 == shape_of(options(shape=name), queue).length_s
    with pytest.raises(UsageError, match="--shape and --closed"):
        shape_of(options(shape="ramp", closed=True), queue)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"closed": True, "rate_hz": 5.0}, "--rate has no meaning for --closed"),
        ({"closed": True, "in_flight_max": 5}, "--max-in-flight has no meaning for --closed"),
        ({"shape": "constant", "to_hz": 5.0}, "--to has no meaning for --shape constant"),
        ({"rate_hz": 5.0, "speed": 2.0}, "--speed has no meaning for --shape poisson"),
        ({"trace": Path("day.jsonl"), "for_s": 5.0}, "--for has no meaning for --trace"),
        ({"shape": "stress", "rate_hz": 5.0, "to_hz": 5.0}, "stairs want to go up"),
    ],
)
def test_what_a_load_would_not_heed_is_refused(given, said: str) -> None:
    """
    An option without effect means that something else is measured than was meant.
    """
    with pytest.raises(UsageError, match=said):
        shape_of(options(**given), queue)


def test_stairs_take_as_long_as_asked() -> None:
    """
    Ten stairs, however near the two rates are to each other.
    """
    stairs = shape_of(options(shape="stress", rate_hz=5.0, to_hz=6.0, for_s=30.0), queue)

    assert 30.0 == stairs.length_s


def test_a_result_that_cannot_be_written_is_printed(shop, tmp_path) -> None:
    """
    A folder that cannot be made costs the file, not the figures of a long load.
    """
    (tmp_path / "file").write_text("")
    done = agent_perf(
        shop, "load", "shop.answer", "--for", "5", "--reports", str(tmp_path / "file/reports")
    )

    assert 3 == done.returncode
    assert "offered" in done.stdout
    assert "cannot write" in done.stderr


def test_a_load_without_a_request_measured_nothing(shop) -> None:
    """
    Nothing asked is no pass: exit code 5.
    """
    done = agent_perf(shop, "load", "shop.answer", "--rate", "1", "--for", "0.01")

    assert 5 == done.returncode
    assert "no request arrived: poisson 1/s for 0.01 s" in done.stderr


def test_a_load_without_an_answer_is_broken(shop) -> None:
    """
    If all requests fail, the figures are printed, and the exit code is 3.
    """
    write(
        shop,
        "benchmarks/closed.py",
        textwrap.dedent(
            """\
            from agent_perf import scenario

            @scenario("shop.closed")
            async def closed(world):
                async def request(ask):
                    raise ValueError("closed on Sundays")

                yield request
            """
        ),
    )
    done = agent_perf(shop, "load", "shop.closed", "--rate", "1", "--for", "20")

    assert 3 == done.returncode
    assert "offered" in done.stdout
    assert "requests was answered: the first failed with ValueError" in done.stdout


def test_a_missed_target_fails_and_the_report_can_be_written_again(shop, tmp_path) -> None:
    """
    One line, exit code 1, a page; `report FILE.json` says the same of the record, without a run.
    """
    done = agent_perf(
        shop, "load", "shop.answer", "--rate", "30", "--for", "6", "--target", "p95<1ms"
    )
    record = shop / "reports/load/shop.answer.json"
    page = (shop / "reports/load/shop.answer/index.html").read_text()
    again = agent_perf(shop, "report", str(record), "--reports", str(tmp_path))

    assert (1, 1) == (done.returncode, again.returncode)
    assert "FAIL shop.answer latency.p95 observed=" in done.stdout
    assert done.stdout == again.stdout
    assert "the target of" in page
    assert (tmp_path / "load/shop.answer/index.html").is_file()


def test_a_load_ends_when_its_time_is_over(shop) -> None:
    """
    A day's load with a second to run in: told, kept, and no pass.
    """
    done = agent_perf(
        shop, "load", "shop.answer", "--rate", "50", "--for", "86400", "--time-budget", "0.5"
    )
    path = shop / "reports/load/shop.answer.json"
    run = codec.load_load_run(path.read_bytes(), "it")

    assert 4 == done.returncode
    assert "note: no more requests were sent after" in done.stderr
    assert 0 < run.latency.count == run.offered


def test_a_rate_that_is_not_carried_is_a_missed_target(shop) -> None:
    """
    If even the lowest rate breaks the promise, a search ends with 1, and says why.
    """
    done = agent_perf(
        shop,
        "load",
        "shop.answer",
        "--find-knee",
        "--target",
        "p95<1ms",
        "--rate",
        "5",
        "--for",
        "5",
    )

    assert 1 == done.returncode
    assert "carries not even the lowest rate" in done.stdout
    assert "FAIL shop.answer latency.p95 observed=" in done.stdout


def test_targets_are_read() -> None:
    """
    Short names are completed, seconds or milliseconds; a search's promise is made of them.
    """
    assert {"latency.p95": 0.15, "error_ratio": 0.001} == targets_of(
        ["p95=0.15", "error_ratio<0.1%"]
    )
    assert {"latency.miss.p99": 0.15} == targets_of(["miss.p99<150ms"])
    assert {"resources.db_in_use.peak": 25.0} == targets_of(["db_in_use.peak <= 25"])
    assert {"dropped_ratio": 0.0, "throughput": 20.0} == targets_of(
        ["dropped_ratio=0", "throughput>=20"]
    )
    assert Promise(quantile="p99", within_s=0.15) == promise_of(targets_of(["p99=150ms"]))
    assert Promise(path="miss", within_s=0.15, good_ratio_min=0.9) == promise_of(
        targets_of(["miss.p95=0.15", "error_ratio=0.1"])
    )


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["p95"], "want one as p95<150ms"),
        (["p95=soon"], "duration 'soon'"),
        (["p95=0"], "want it finite, > 0"),
        (["p94=1"], "'p94'; want one of p50"),
        (["p95=1.2.3"], "duration '1.2.3'"),
        (["p95>1"], "less is better; want '<'"),
        (["throughput<5"], "more is better; want '>'"),
        (["eror_ratio<1%"], "did you mean 'error_ratio'"),
        (["work.llm_calls<2"], "no metric 'work.llm_calls'"),
        (["p95<1", "latency.p95<2"], "has a target already"),
    ],
)
def test_a_target_that_is_none_is_refused(texts, said: str) -> None:
    """
    What is no target, bounds the wrong side or is there twice is named, with the way out.
    """
    with pytest.raises(UsageError, match=re.escape(said)):
        targets_of(texts)


def test_a_search_wants_one_latency() -> None:
    """
    Without a latency, with two, or with what a search does not look for, there is no promise.
    """
    for texts in ([], ["p95<1", "p99<2"], ["p95<1", "throughput>5"], ["mean<1"]):
        with pytest.raises(UsageError, match="--find-knee|a search wants"):
            promise_of(targets_of(texts))


def test_logs_are_told_once_with_how_often() -> None:
    """
    A warning per request is one line in the end; what is below a warning is none.
    """
    lines: list[str] = []
    log = logging.getLogger("shop")
    with tallied_logs(lines):
        for number in range(1200):
            log.warning("no %d", number)
        log.error("once")
        log.info("never")
        for number in range(7):
            log.error(f"lost\ntask {number}", exc_info=ValueError("gone"))  # noqa: G004

    assert lines == [
        "1,200 x WARNING shop: no %d",
        "7 x ERROR shop: lost (ValueError: gone)",
        "1 x ERROR shop: once",
    ]


def test_what_is_printed_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """
    An application that prints with each request does not get between the answer's lines: how
    many lines there were is told, and the first; whoever keeps the stream may write later.
    """
    lines: list[str] = []
    with tallied_logs(lines):
        print("\n  Entered")  # noqa: T201  # As applications do.
        print("verbose mode.")  # noqa: T201  # As applications do.
        kept = sys.stdout
        for _ in range(1200):
            sys.stdout.write("prompt ä\n")
        sys.stdout.buffer.write(b"bytes\xff\n")
        print("x" * 100_000, end="")  # noqa: T201  # As applications do.
    kept.write("bye\n")

    assert ["1,204 lines printed, the first: Entered"] == lines
    assert "" == capsys.readouterr().out


def test_a_sparkline_is_scaled_to_its_largest() -> None:
    """
    By hand: nothing is blank, the least a low bar, the largest a full one.
    """
    assert " ▁▅█" == sparkline([0, 0.1, 4, 8])
    assert "" == sparkline([])
    assert "  " == sparkline([0, 0])


def test_records_of_loads_come_back_as_they_were() -> None:
    """
    A load's file holds all of it.
    """
    run = run_load([(queue, 1), (other, 1)], Poisson(rate_hz=10, for_s=5), good_within_s=0.1)

    assert run == codec.load_load_run(codec.dump_load_run(run), "it")


@pytest.mark.parametrize(
    ("number", "tier"),
    [("SIGTERM", "client"), pytest.param("SIGINT", "live", marks=pytest.mark.slow)],
)
def test_what_an_interrupted_load_measured_is_told(shop, number, tier) -> None:
    """
    Ctrl-C and SIGTERM: no more is sent, the record and the report are there, and the code is 130.
    """
    write(
        shop,
        "benchmarks/ended.py",
        "import asyncio\nimport signal\n\nfrom agent_perf import scenario\n\n\n"
        "@scenario('shop.ended', users=(1,), requests=5, warmup=0, only_named=True)\n"
        "async def ended(world):\n"
        "    async def request(ask):\n"
        "        await asyncio.sleep(0.001)\n"
        f"        if ask.request_id == 20:\n            signal.raise_signal(signal.{number})\n\n"
        "    yield request\n",
    )
    done = agent_perf(
        shop, "load", "shop.ended", "--shape", "constant", "--rate", "40", "--for", "3600",
        "--tier", tier,
    )  # fmt: skip
    (shop / "benchmarks/ended.py").unlink()
    run = codec.load_load_run((shop / "reports/load/shop.ended.json").read_bytes(), "it")

    assert 130 == done.returncode, done.stderr
    assert 21 == run.offered == run.latency.count == run.good
    assert run.stopped.startswith("interrupted: no more requests were sent after ")
    assert "shop.ended: constant 40/s" in done.stdout
    assert f"report: {shop / 'reports/load/shop.ended/index.html'}" in done.stderr
