"""A project's own latency tables: written, read, drawn from, and told when they are bad."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agent_perf import codec
from agent_perf.errors import ConfigError
from agent_perf.records import TABLES_FILE, CalibratedTable, CalibratedTables
from agent_perf.sim import (
    U53,
    Draws,
    LatencyTable,
    default_tables,
    own_tables,
    request_scope,
)

GRID = default_tables()["redis.trip"].grid


def tables_file(**each_ns: int) -> CalibratedTables:
    """Return tables that are constant: ``redis__trip=5`` is 5 ns for redis.trip."""
    return CalibratedTables(
        agent_perf="0.1.0",
        python="CPython 3.11.7",
        grid=GRID,
        tables=tuple(
            CalibratedTable(
                name=name.replace("__", "."),
                service="Redis 7.0.15",
                where="this machine",
                how="GET",
                measured_at="2026-11-21T12:00:00Z",
                rate_hz=5.0,
                sample_count=200,
                value_ns=(ns,) * len(GRID),
            )
            for name, ns in each_ns.items()
        ),
    )


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """
    Tables survive their file, one line for each list of numbers, and give the draws they promise.
    """
    rising = tuple(1_000 + point // 10**12 for point in GRID)
    one = tables_file(redis__trip=1).tables[0]
    file = CalibratedTables(
        agent_perf="0.1.0",
        python="3",
        grid=GRID,
        tables=(CalibratedTable(**{**_fields(one), "value_ns": rising}),),
    )
    path = tmp_path / TABLES_FILE
    path.write_bytes(codec.dump_tables(file))

    assert file == codec.load_tables(path.read_bytes(), "file")
    assert 25 > len(path.read_text().splitlines())
    table = own_tables(tmp_path / "shop.py")["redis.trip"]
    assert LatencyTable(name="redis.trip", grid=GRID, value_ns=rising) == table
    draws = Draws(7, own_tables(tmp_path / "shop.py"))
    with request_scope(3):
        assert table.at(draws.u53_for("redis.trip", 3)) == draws.ns("redis.trip")


def test_the_schema_holds_what_is_written() -> None:
    """
    What is written is valid by the schema that `agent-perf schema tables` prints, and what lacks a
    key, or has another one, is not.
    """
    schema = json.loads(files("agent_perf.config").joinpath("schema/tables-1.json").read_text())
    validator = Draft202012Validator(schema)
    document = json.loads(codec.dump_tables(tables_file(redis__trip=5)))
    table = document["data"]["tables"][0]

    assert [] == list(validator.iter_errors(document))
    assert set(table) == set(
        schema["properties"]["data"]["properties"]["tables"]["items"]["required"]
    )
    for key in table:
        shorter = {name: value for name, value in table.items() if name != key}
        changed = {**document, "data": {**document["data"], "tables": [shorter]}}
        assert not validator.is_valid(changed)
    assert not validator.is_valid({**document, "more": 1})


def test_without_a_file_ours_hold(tmp_path: Path) -> None:
    """
    A project that has measured nothing has no tables of its own.
    """
    assert {} == own_tables(tmp_path / "shop.py")


def _fields(table: CalibratedTable) -> dict[str, Any]:
    return {name: getattr(table, name) for name in CalibratedTable.__dataclass_fields__}


def _with(change: Any) -> bytes:
    document = json.loads(codec.dump_tables(tables_file(redis__trip=5, db__statement=9)))
    change(document["data"])
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{", "not a whole agent-perf file"),
        (b'{"schema": "run", "schema_version": 1, "data": {}}', "want an agent-perf 'latency_tab"),
        (_with(lambda data: data.pop("grid")), "required field `grid`"),
        (_with(lambda data: data["tables"][1].pop("how")), r"`how` - at `\$\.tables\[1\]`"),
        (
            _with(lambda data: data["tables"][0]["value_ns"].__setitem__(3, "x")),
            r"at `\$\.tables\[0\]\.value_ns\[3\]`",
        ),
        (
            _with(lambda data: data["tables"][1]["value_ns"].__setitem__(7, 2)),
            r"'db.statement': value_ns\[7\] = 2 is less than the one before it, 9",
        ),
        (
            _with(lambda data: data["tables"][0]["value_ns"].__setitem__(0, -1)),
            r"'redis.trip': values from \(-1,\)",
        ),
        (_with(lambda data: data["tables"][0]["value_ns"].pop()), "280 values for a grid of 281"),
        (_with(lambda data: data["tables"].append(data["tables"][0])), "'redis.trip' is there twi"),
        (_with(lambda data: data["grid"].__setitem__(0, 1)), "want it to ascend from 0"),
        (_with(lambda data: data["tables"][0].update(name="trip")), "table 'trip'; want a name"),
        (_with(lambda data: data["tables"][0].update(rate_hz=0)), "rate_hz = 0"),
    ],
)
def test_a_bad_file_is_told_with_its_key(tmp_path: Path, data: bytes, told: str) -> None:
    """
    The message names the file and what in it is wrong; it is the user's to mend: exit code 2.
    """
    (tmp_path / TABLES_FILE).write_bytes(data)

    with pytest.raises(ConfigError, match=told) as caught:
        own_tables(tmp_path / "shop.py")

    assert str(tmp_path / TABLES_FILE) in str(caught.value)
    assert 2 == caught.value.exit_code


def test_points_are_of_the_same_size() -> None:
    """
    The grid of files has the resolution of draws.
    """
    assert (0, U53) == (tables_file(redis__trip=1).grid[0], tables_file(redis__trip=1).grid[-1])
