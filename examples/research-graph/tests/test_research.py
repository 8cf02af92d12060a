"""The application's own tests; no model and no library is needed, and waiting takes no time."""

from benchmarks import research


def test_a_good_report_takes_three_calls(world):
    run = world.run(research.graph, users=2, requests=20)

    assert run.success_ratio == 1
    assert run.llm_calls == 3


def test_a_review_sends_a_report_back_once(world):
    run = world.run(research.endpoint, users=2, requests=20)

    assert run.success_ratio == 1
    assert run.llm_calls == 5


def test_a_busy_library_is_asked_again(world):
    run = world.run(research.busy, users=2, requests=20)

    assert run.success_ratio == 1
    assert run.http_requests > 6
