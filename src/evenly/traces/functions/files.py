"""Find the tables in a folder by their first lines, and say what is wrong with one that cannot be read."""

import csv
import gzip
import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from evenly.traces.formats._columns import csv_names, literal, struct
from evenly.traces.formats._errors import refuse
from evenly.traces.functions.schema import NEEDED, NUMBERS, TABLES

MEMORY = "1GB"  # that a database may take; what does not fit goes to disk
NEAR = 0.6  # share of a table's columns from which on a file is meant to be one
SERIES = "series"


@dataclass(frozen=True, slots=True)
class Found:
    """The files of one table of one region, in the order of their names."""

    region: str
    "Name of the folder below the one that was asked for, or of that one."
    table: str
    "cold_starts, requests, functions, or `series`."
    files: tuple[Path, ...]
    metric: str = ""
    "Of a series: the name of its folder, such as `num_cold_starts`."


def find(folder: Path) -> list[Found]:
    """Return the tables in a folder and those below it, plain or gzip.

    Raises `ValueError` if there is none, and for a file that lacks some columns of the table it is meant to be.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder" if not folder.exists() else f"{folder}: not a folder")
    groups: dict[tuple[str, str, str], list[Path]] = {}
    for path in sorted(path for end in ("*.csv", "*.csv.gz") for path in folder.rglob(end)):
        below = path.relative_to(folder).parts
        region = below[0] if len(below) > 1 and below[0] not in TABLES else folder.name
        table = table_of(path)
        if table:
            metric = path.parent.name if table == SERIES else ""
            groups.setdefault((region, table, metric), []).append(path)
    if not groups:
        known = "; ".join(f"{name}: {', '.join(columns[:4])}, ..." for name, columns in TABLES.items())
        raise ValueError(f"{folder}: holds no table of a function platform; a table is a CSV file with columns {known}")
    return [Found(region, table, tuple(files), metric) for (region, table, metric), files in sorted(groups.items())]


def table_of(path: Path) -> str:
    """Return which table a file is, from its header; empty for another file.

    Raises `ValueError` for one that has most columns of a table but not all.
    """
    names = csv_names(header(path))
    for table, columns in TABLES.items():
        missing = [name for name in columns if name not in names]
        if not missing:
            return table
        if len(missing) <= (1 - NEAR) * len(columns):
            told = ", ".join(f"'{name}'" for name in missing)
            raise ValueError(
                f"{path}:1: looks like the table {table}, but lacks {told}; add the column or rename the one"
            )
    return SERIES if names[:2] == ["day", "time"] and len(names) > 2 else ""


def header(path: Path) -> str:
    """Return the first line of a file, plain or gzip."""
    try:
        with opened(path) as file:
            return str(file.readline())
    except (OSError, EOFError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file as text, plain or gzip."""
    if path.name.endswith(".gz"):
        with gzip.open(path, "rt", encoding="utf-8-sig", errors="replace") as packed:
            yield packed
    else:
        with path.open(encoding="utf-8-sig", errors="replace") as plain:
            yield plain


def source(path: Path, table: str) -> str:
    """Return a file as SQL: numbers of its table as DOUBLE, the rest as text."""
    names = csv_names(header(path))
    numbers = NUMBERS.get(table)
    kinds = {name: "DOUBLE" if (numbers is None or name in numbers) else "VARCHAR" for name in names}
    packed = "gzip" if path.name.endswith(".gz") else "none"
    return (
        f"read_csv({literal(path)}, columns={struct(kinds)}, auto_detect=false, header=false, skip=1, delim=',', "
        f"quote='\"', escape='\"', nullstr=['', 'nan', 'NaN', 'NULL', 'null'], compression='{packed}')"
    )


@contextmanager
def database() -> Iterator[Any]:
    """Open a database in memory; what exceeds `MEMORY` goes to a folder of its own, which is removed in the end."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="evenly-") as folder:
        settings: dict[str, Any] = {
            "autoinstall_known_extensions": "false",
            "memory_limit": MEMORY,
            "temp_directory": folder,
        }
        with duckdb.connect(config=settings) as found:
            found.execute("SET enable_progress_bar = false")
            found.execute("SET preserve_insertion_order = false")
            yield found


def fault(path: Path, table: str, reason: str) -> NoReturn:
    """Raise `ValueError` for the first line of a file that does not fit its header, or as the database said it."""
    with opened(path) as file:
        names = csv_names(file.readline())
        for line, row in _rows(file):
            if len(row) != len(names):
                told = f"{len(row)} fields where the header has {len(names)}; was it cut off?"
                refuse(path, line, "the line", ",".join(row), told)
            for name, text in zip(names, row, strict=True):
                _check(path, line, table, name, text)
    raise ValueError(f"{path}: not readable as CSV: {reason.strip().splitlines()[0]}")


def _rows(file: Any) -> Iterator[tuple[int, list[str]]]:
    for line, text in enumerate(file, 2):
        if text.strip():
            yield line, next(csv.reader([text.rstrip("\r\n")]), [])


def _check(path: Path, line: int, table: str, name: str, text: str) -> None:
    numbers: Mapping[str, tuple[str, ...]] = NUMBERS
    if table in numbers and name not in numbers[table]:
        return
    try:
        value = float(text) if text.strip() else math.nan
    except ValueError:
        value = math.nan
        if text.strip().lower() not in ("nan", "null"):
            refuse(path, line, name, text, "expected a number; repair or remove the line")
    if name in NEEDED.get(table, ()) and not math.isfinite(value):
        refuse(path, line, name, text, "a number is needed here; repair or remove the line")
    if name in NEEDED.get(table, ()) and value < 0:
        refuse(path, line, name, text, "times are at least 0; repair or remove the line")
