"""The application's own tests; no server and no key: what is around it is simulated."""

from benchmarks import chat


def test_a_question_is_cached_for_everybody(world):
    run = world.run(chat.help_question, users=5, requests=60)

    assert run.success_ratio == 1
    assert run.paths["hit"] > 0
    assert run.quantile_s("0.5", path="hit") < 0.010
    assert run.llm_calls < 2


def test_an_order_is_two_statements(world):
    run = world.run(chat.order_question, users=5, requests=40)

    assert run.success_ratio == 1
    assert run.db_statements <= 3


def test_a_stream_ends_with_its_sources(world):
    run = world.run(chat.streamed_answer, users=5, requests=20)

    assert run.success_ratio == 1
