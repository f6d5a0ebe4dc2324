"""Write the tables of a function platform, so that they can be read like the published ones."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from evenly.core import Array
from evenly.traces.formats._columns import quoted
from evenly.traces.functions.schema import COLD, FUNCTIONS, REQUESTS
from evenly.traces.writers._table import copy

DAY = 86_400.0


def write_cold_starts(columns: Mapping[str, Array], folder: Path) -> list[Path]:
    """Write cold starts, one file a day, from the columns of the table; `time` counts from the start of all days."""
    day = (columns["time"] // DAY).astype(np.int64)
    table = {**columns, "day": day, "time": columns["time"] - day * DAY}
    return _by_day(table, COLD, day, folder / "cold_starts")


def write_requests(columns: Mapping[str, Array], folder: Path) -> list[Path]:
    """Write requests, one file a day; times that a column lacks are empty."""
    day = (columns["time_worker"] // DAY).astype(np.int64)
    return _by_day(columns, REQUESTS, day, folder / "requests")


def write_functions(columns: Mapping[str, Array], folder: Path) -> Path:
    """Write the functions of a region."""
    return _save(columns, FUNCTIONS, folder / "functions.csv")


def _by_day(columns: Mapping[str, Array], names: tuple[str, ...], day: Array, folder: Path) -> list[Path]:
    made = []
    for one in np.unique(day).tolist():
        rows = day == one
        made.append(_save({name: columns[name][rows] for name in columns}, names, folder / f"day_{one:02d}.csv"))
    return made


def _save(columns: Mapping[str, Array], names: tuple[str, ...], path: Path) -> Path:
    """Write one file, whole or not at all; a column that is not there is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    asked = ", ".join(quoted(name) if name in columns else f"NULL AS {quoted(name)}" for name in names)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        copy(
            {"rows": {name: columns[name] for name in names if name in columns}},
            f"SELECT {asked} FROM rows",
            beside,
            "FORMAT csv, HEADER",
        )
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path
