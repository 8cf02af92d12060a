import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf import codec
from agent_perf.errors import StoreError
from agent_perf.records import Exemplar, OperationTotal, Span
from tests.runs import make_run

RUN = make_run(
    errors={3: "timeout"},
    operations={"redis.trip": OperationTotal(count=1, busy_ns=2, critical_ns=1)},
    exemplar=Exemplar(
        request_id=1,
        latency_ns=5,
        spans=(Span(name="redis.trip", detail="GET", start_ns=0, end_ns=5),),
    ),
)


@given(
    latency_ns=st.lists(st.integers(0, 2**60), min_size=1, max_size=50).map(tuple),
    detail=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_a_run_survives_its_file(latency_ns, detail) -> None:
    """Whatever is in a run, reading what was written gives an equal one."""
    run = make_run(latency_ns=latency_ns, path=("",) * len(latency_ns), details={detail: 1})

    assert run == codec.load_run(codec.dump_run(run), "test")


def test_equal_runs_are_equal_bytes() -> None:
    """Files can be compared byte by byte."""
    assert codec.dump_run(RUN) == codec.dump_run(codec.load_run(codec.dump_run(RUN), "test"))


@given(length=st.integers(0, len(codec.dump_run(RUN)) - 1))
def test_a_cut_file_is_refused_wherever_it_is_cut(length) -> None:
    """No prefix of a file is taken for a whole one."""
    with pytest.raises(StoreError, match=r"half\.json is not a whole agent-perf file"):
        codec.load_run(codec.dump_run(RUN)[:length], "half.json")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"schema_version":1', b'"schema_version":2', "has schema version 2.*upgrade"),
        (b'"schema":"run"', b'"schema":"baseline"', "holds 'baseline'; want an agent-perf 'run'"),
        (b'"users":1', b'"users":"many"', r"Expected `int`, got `str` - at `\$.users`"),
        (b'"seed":1,', b"", "missing required field `seed`"),
        (b'"path":["",', b'"path":[', "100 latencies and 99 paths"),
    ],
)
def test_what_is_not_ours_is_refused_by_name(old, new, said) -> None:
    """A file of another kind, version or shape is told apart, with what is wrong in it."""
    data = codec.dump_run(RUN)
    assert old in data

    with pytest.raises(StoreError, match=said):
        codec.load_run(data.replace(old, new), "x.json")


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    """Reading a missing file names it."""
    with pytest.raises(StoreError, match="nothing.json: No such file"):
        codec.read_file(tmp_path / "nothing.json")


def test_a_folder_that_cannot_be_written_is_named(tmp_path) -> None:
    """A file in the place of the folder is told as what it is."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="make the folder writable"):
        codec.write_atomic(tmp_path / "file" / "x.json", b"{}")
