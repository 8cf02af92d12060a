"""
The latency tables of a project, as `config` and `doctor` tell of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent_perf import codec
from agent_perf.config import Config
from agent_perf.errors import ConfigError, StoreError
from agent_perf.records import TABLES_FILE, CalibratedTables


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTables:
    """
    What is beside the benchmarks of a project.

    Attributes:
        file: Relative to the project's root.
        tables: What is in it; None if there is no such file.
    """

    file: str
    tables: CalibratedTables | None

    @property
    def line(self) -> str:
        """The same in one line."""
        if self.tables is None:
            return f"latency tables: those of agent-perf; {self.file} would hold the project's own"
        return f"latency tables: {self.file}: {described(self.tables)}"


def find_tables(root: Path, config: Config) -> FoundTables:
    """
    Return the tables beside the benchmarks of the project in *root*.

    Raises:
        ConfigError: If the file is not valid.
    """
    path = root / config.benchmarks / TABLES_FILE
    tables = read_tables(path) if path.is_file() else None
    return FoundTables(file=f"{config.benchmarks}/{TABLES_FILE}", tables=tables)


def read_tables(path: Path) -> CalibratedTables:
    """
    Return what is in the file *path*.

    Raises:
        ConfigError: If it cannot be read, or is not valid.
    """
    try:
        return codec.load_tables(codec.read_file(path), str(path))
    except StoreError as error:
        raise ConfigError(str(error)) from error


def described(tables: CalibratedTables) -> str:
    """Return which operations *tables* hold, and how old they are."""
    if not tables.tables:
        return "no table"
    names = ", ".join(table.name for table in tables.tables)
    oldest = min(table.measured_at for table in tables.tables).partition("T")[0]
    return f"{names}; the oldest of {oldest}"
