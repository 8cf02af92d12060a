"""Synthetic data: what is asked."""

import json
import tracemalloc
import zlib
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.load.data import (
    Zipf,
    conversation,
    edge_cases,
    json_payload,
    prose,
    questions,
    random_bytes,
)
from agent_perf.sim import U53, Draws

# Chi-square with 49 degrees of freedom passes this once in a thousand (any table).
CHI_SQUARE_49_P001 = 85.4


@pytest.mark.parametrize("exponent", [0, 0.75, 1, 1.25, 2])
def test_zipf_draws_ranks_as_the_law_says(exponent: float) -> None:
    """
    20,000 keyed draws of 50 ranks fit the exact probabilities, computed in floats here.
    """
    zipf, draws, count = Zipf(50, exponent), Draws(3), 20_000
    seen = Counter(zipf.at(draws.u53_for("key", request_id)) for request_id in range(count))
    weights = [(rank + 1) ** -exponent for rank in range(50)]
    expected = [count * weight / sum(weights) for weight in weights]

    chi_square = sum((seen[rank] - e) ** 2 / e for rank, e in enumerate(expected))

    assert chi_square < CHI_SQUARE_49_P001


@given(count=st.integers(1, 300), quarters=st.integers(0, 16))
def test_zipf_shares_are_the_exact_ones(count: int, quarters: int) -> None:
    """
    Each rank's share is the law's within 1e-12, and the first and last draw stay in range.
    """
    zipf = Zipf(count, quarters / 4)
    total = sum((rank + 1) ** (-quarters / 4) for rank in range(count))

    assert (0, count - 1) == (zipf.at(0), zipf.at(U53 - 1)) or count > 100
    assert 0 <= zipf.at(U53 - 1) < count
    for rank in {0, count // 2, count - 1}:
        assert (rank + 1) ** (-quarters / 4) / total == pytest.approx(
            float(zipf.share(rank)), rel=1e-12
        )


@pytest.mark.parametrize(
    "make",
    [
        lambda: Zipf(0),
        lambda: Zipf(2_000_000),
        lambda: Zipf(5, 1.1),
        lambda: Zipf(5, -1),
        lambda: Zipf(5, float("nan")),
        lambda: prose(-1),
        lambda: random_bytes(1 << 30),
        lambda: json_payload(3),
        lambda: list(questions(-1)),
        lambda: list(questions(1, edge_ratio=2)),
        lambda: list(conversation(-1)),
        lambda: list(conversation(1, user_tokens=(5, 2))),
    ],
)
def test_impossible_data_is_refused(make) -> None:
    """
    What cannot be made is told with the value and what would do.
    """
    with pytest.raises(ConfigError, match="want"):
        make()


@given(size_bytes=st.integers(11, 20_000), seed=st.integers(0, 5))
def test_payloads_have_exact_sizes(size_bytes: int, seed: int) -> None:
    """
    Bytes, words and JSON come in exactly the size asked for, the same for the same seed.
    """
    assert size_bytes == len(random_bytes(size_bytes, seed=seed))
    assert size_bytes == len(prose(size_bytes, seed=seed).encode())
    assert prose(size_bytes, seed=seed) == prose(size_bytes, seed=seed)
    payload = json_payload(size_bytes, seed=seed)
    assert size_bytes == len(payload)
    assert size_bytes - 11 == len(json.loads(payload)["text"])


def test_words_compress_and_random_bytes_do_not() -> None:
    """
    A compressor finds half of the words superfluous, and none of the bytes.
    """
    assert len(zlib.compress(prose(50_000).encode())) < 25_000
    assert len(zlib.compress(random_bytes(50_000))) > 50_000


def test_conversations_grow() -> None:
    """
    Each turn's history is all that was said before; a longer conversation begins the same.
    """
    turns = list(conversation(40, seed=2))

    said = 0
    for index, turn in enumerate(turns):
        assert said == turn.history_tokens
        assert ("assistant" if index % 2 else "user") == turn.role
        assert 4 * turn.tokens == len(turn.text)
        said += turn.tokens
    assert turns[:10] == list(conversation(10, seed=2))
    assert turns[:10] != list(conversation(10, seed=3))


def test_fifty_thousand_questions_take_no_memory() -> None:
    """
    A volume run is made as it is taken: 50,000 questions, all different, in under 1 MiB.
    """
    list(islice(questions(100), 100))
    tracemalloc.start()
    try:
        count = sum(1 for _ in questions(50_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 50_000 == count
    assert peak < 1 << 20
    assert 5_000 == len(set(questions(5_000)))


def test_edge_cases_are_mixed_in_as_often_as_asked() -> None:
    """
    One in ten of 5,000 questions is an edge case, within three standard deviations.
    """
    texts = {case.text for case in edge_cases()}
    mixed = sum(question in texts for question in questions(5_000, edge_ratio=0.1))

    assert abs(mixed - 500) < 64


def test_edge_cases_have_all_families() -> None:
    """
    Names are unique; the families of the requirement are there; null bytes are refused.
    """
    cases = edge_cases()
    families = {case.family for case in cases}

    assert len(cases) == len({case.name for case in cases}) > 60
    assert families >= {
        "empty",
        "json",
        "length",
        "malformed",
        "null",
        "number",
        "sql",
        "unicode",
        "xss",
    }
    assert all("validation" == case.expect for case in cases if "\0" in case.text)
