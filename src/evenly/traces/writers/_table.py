"""Columns to files: duckdb formats and writes, so that no row passes through Python."""

from collections.abc import Mapping
from pathlib import Path

from evenly.core import Array


def copy(tables: Mapping[str, Mapping[str, Array]], query: str, path: Path, options: str) -> None:
    """Write the rows of an SQL query over named tables of columns to a file."""
    import duckdb

    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as database:
        database.execute("SET enable_progress_bar = false")
        for name, columns in tables.items():
            database.register(name, dict(columns))
        place = str(path).replace("'", "''")
        database.execute(f"COPY ({query}) TO '{place}' ({options})")


def lost(**kept: object) -> tuple[str, ...]:
    """Return the names of those columns that a trace has and a format lacks."""
    return tuple(name for name, column in kept.items() if column is not None)
