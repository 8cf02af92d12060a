"""Tests that measure: what they get, and how they fail."""

from __future__ import annotations

import pytest

pytest_plugins = ("pytester",)


def test_a_scenario_is_measured(run) -> None:
    """A test gets exact numbers of a scenario, with their units, and work per request."""
    result = run(
        """
        def test_search(world):
            run = world.run(search, users=20)

            assert 0 < run.p50_s <= run.mean_s * 2
            assert run.p50_s < run.p95_s < run.p99_s < run.max_s < 0.005
            assert run.requests == 200
            assert 1 < run.redis_trips < 1.2
            assert run.paths["hit"] + run.paths["miss"] == 200
            assert run.llm_calls == run.cost_usd == 0
            assert run.success_ratio == 1
            assert run.errors == {}
            assert run.throughput_hz > 1
            assert run.slowest.latency_s == run.max_s
            assert run.quantile_s("0.5", path="hit") < 0.001
            assert repr(run).startswith("<run shop.search@20: median ")

        def test_the_same_again(world):
            first, second = (world.run(search, seed=7).run for _ in range(2))

            assert first == second
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*= agent-perf =*", "PASS 2 benchmarks, held to targets alone*"])


def test_a_failed_assertion_shows_where_the_time_went(run) -> None:
    """What a failed test shows holds latencies, critical path, work and a real request."""
    result = run(
        """
        def test_search(world):
            run = world.run(search, users=20)
            assert run.p95_s < 0.0001
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*where 0.000* = <run shop.search@20: median *>.p95_s",
            "*- agent-perf: test_search -*",
            "shop.search@20: P50 *, P95 *, P99 *; 200 requests, 0 failed",
            "  critical path, per request:",
            "*%*redis.trip (1.0* of it)",
            "  work, per request: *redis_trips*",
            "  request *, at the rank of the P95 (*):",
            "*█*redis.trip GET",
        ]
    )


def test_an_async_test_runs_in_virtual_time(run) -> None:
    """An async test runs in a world of its own: an hour passes at once, services answer."""
    result = run(
        """
        import asyncio, time

        async def test_inside(world):
            redis = world.redis.client()
            before_s, real_s = world.now_s(), time.perf_counter()
            await asyncio.sleep(3600)
            await redis.set("a", "1")

            assert 3600 < world.now_s() - before_s < 3601
            run = await world.measure(lambda: redis.get("a"), users=5, requests=100)
            assert run.redis_trips == 1
            assert run.name == "test_shop.test_inside@5"
            again = await world.measure(lambda: redis.get("a"), users=5, requests=100)
            assert again.run.latency_ns == run.run.latency_ns
            assert again.name == "test_shop.test_inside_2@5"
            await redis.aclose()

        class TestShop:
            @pytest.mark.parametrize("key", ["a b"])
            async def test_method(self, world, tmp_path, key):
                assert tmp_path.is_dir()
                run = await world.measure(lambda: world.sleep("tool.call"), requests=20)
                assert run.name == "test_shop.TestShop.test_method_a_b@1"

        @pytest.mark.world(seed=2)
        async def test_seed(world):
            assert world.draws.seed == 2
        """,
        "-W",
        "error",
    )

    result.assert_outcomes(passed=3)


def test_a_busy_loop_is_charged_to_requests_in_an_async_test_too(run) -> None:
    """A request begins when its user has thought, not when the loop has time for it."""
    result = run(
        """
        LATENCIES = []

        @pytest.mark.world(cpu="calls")
        async def test_inside(world):
            async def work(ask):
                world.charge(0.05)

            run = await world.measure(work, users=5, requests=20)
            LATENCIES.append(run.max_s)

        def test_outside(world):
            async def work(world):
                world.charge(0.05)

            run = world.measure(work, users=5, requests=20, cpu="calls")
            assert 0.1 < LATENCIES[0] == pytest.approx(run.max_s, rel=0.01)
        """
    )

    result.assert_outcomes(passed=2)


def test_targets_fail_as_in_the_gate(run) -> None:
    """A missed target is told on the gate's line; a kept one is silent."""
    result = run(
        """
        @pytest.mark.targets(p95="150ms", max_redis_trips=3, max_llm_calls=0)
        def test_kept(world):
            world.run(search, users=20)

        @pytest.mark.targets(p95="1us", max_redis_trips=1)
        def test_missed(world):
            world.run(search, users=20)

        @pytest.mark.targets({"latency.hit.p95": "1us"})
        async def test_no_such_path(world):
            await world.measure(lambda: world.sleep("tool.call"), requests=20)

        @pytest.mark.targets(p95="1s")
        def test_nothing_measured(world):
            pass
        """
    )

    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(
        [
            "FAIL shop.search@20 latency.p95 observed=*µs limit=1µs interval=*",
            "FAIL shop.search@20 request.redis_trips observed=3 limit=1 interval=*",
            "UNDECIDED test_shop.test_no_such_path@1 latency.hit.p95 target of 1 µs*",
            "ERROR this test has targets and measured nothing: *",
        ]
    )


def test_wrong_markers_are_told_before_the_test_runs(run) -> None:
    """A marker that cannot be read is an error of its test, with the way out."""
    result = run(
        """
        @pytest.mark.targets(p59="1s")
        def test_name(world):
            assert False

        @pytest.mark.targets(p95="fast")
        def test_amount(world):
            assert False

        @pytest.mark.targets("p95")
        def test_form(world):
            assert False

        @pytest.mark.world("wire")
        async def test_world(world):
            assert False

        @pytest.mark.world(users=(1, 50))
        async def test_unknown(world):
            assert False

        @pytest.mark.world(seed=2)
        def test_plain(world):
            assert False
        """
    )

    result.assert_outcomes(errors=6)
    result.stdout.fnmatch_lines(
        [
            "*p59='1s' is no promise; did you mean 'p99'*",
            "*p95='fast'; want a time*",
            "*want limits by name*",
            "*want options by name*",
            "*world(users=...): a world has seed, tier*world.measure(f, users=50)*",
            "*is for async tests*world.run(f, seed=...)*",
        ]
    )


def test_misuse_is_told_with_the_way_out(run) -> None:
    """What cannot be meant is refused in words, and the test fails."""
    result = run(
        """
        from agent_perf.errors import UsageError, TooFewSamplesError

        @pytest.mark.parametrize(
            ("wrong", "told"),
            [
                (lambda world: world.run(7), "want a scenario, the name of one, or an async"),
                (lambda world: world.run("shop.serach"), "no benchmark package 'benchmarks' in"),
                (lambda world: world.run(search, users=0), "users=0; want an integer >= 1"),
                (lambda world: world.run(search, sead=2), "scenario shop.search has no sead"),
                (lambda world: world.run(search, tier="wires"), "tier='wires'; want one of stub"),
                (lambda world: world.redis, "make the test `async def`"),
            ],
        )
        def test_usage(world, wrong, told):
            with pytest.raises(UsageError, match=told):
                wrong(world)

        def test_names(world):
            with pytest.raises(AttributeError, match="world has no 'nothing'"):
                world.nothing
            run = world.run(search, requests=10)
            with pytest.raises(AttributeError, match="a run has no 'p59_s'; did you mean 'p9"):
                run.p59_s
            with pytest.raises(TooFewSamplesError, match="P95 of 10 samples"):
                run.p95_s

        async def test_inside(world):
            with pytest.raises(UsageError, match="await world.measure"):
                world.run(search)
            with pytest.raises(UsageError, match="pytest.mark.world"):
                await world.measure(lambda: world.sleep("tool.call"), seed=3)
        """
    )

    result.assert_outcomes(passed=8)


def test_an_assertion_in_a_request_fails_the_test(run) -> None:
    """A request whose assertion does not hold is no mere failed request of a run."""
    result = run(
        """
        async def test_it(world):
            async def request(ask):
                await world.sleep("tool.call")
                assert ask.index != 3

            run = await world.measure(request, requests=20)
            assert run.errors == {"AssertionError": 1}
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAIL *test_it@1 assertions in requests observed=1 limit=0 *"])


@pytest.mark.slow
def test_a_command_is_executed(run) -> None:
    """A command gives medians of its executions; its targets and its failure fail the test."""
    result = run(
        """
        import sys
        from agent_perf import command

        BARE = [sys.executable, "-I", "-S", "-c"]
        batch = command("batch.ok", [*BARE, "bytearray(64 * 2**20)"], executions=2)
        broken = command("batch.no", [*BARE, "raise SystemExit('no orders')"])

        def test_command(world):
            run = world.run(batch)
            assert run.wall_s > 0 and run.cpu_s > 0
            assert 64 * 2**20 < run.memory_bytes < 90 * 2**20
            assert len(run.run.executions) == 2

        @pytest.mark.targets({"memory.peak": "20MiB"})
        def test_target(world):
            world.run(batch)

        def test_broken(world):
            world.run(broken)
        """
    )

    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "FAIL batch.ok memory.peak observed=7*MiB limit=20MiB interval=none",
            "E *BrokenError: command batch.no: *ended with exit 1: no orders",
        ]
    )


def test_other_tests_are_left_alone(run) -> None:
    """A project's own fixture called world, and tests without it, are not touched."""
    result = run(
        """
        @pytest.fixture
        def world():
            return "flat"

        @pytest.mark.targets(1)
        def test_own(world):
            assert world == "flat"
        """
    )

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*= agent-perf =*")
