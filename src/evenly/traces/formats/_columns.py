"""Files to columns: duckdb parses, numpy carries; no row passes through Python."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from evenly.core import Array, Floats, Ints
from evenly.traces.formats._errors import csv_fault, json_fault, line_of, refuse

STAMP = r"^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*(?:Z|[+]00:?00)?$"  # digits beyond microseconds are cut
LINE_LIMIT = 256 * 1024 * 1024  # bytes of one JSON line


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file as they stand there, in the order of its rows."""

    path: Path
    header: int
    "Lines before the first row."
    values: Mapping[str, Array]
    "Numbers as floats, text as strings; masked where the file has nothing."

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def number(self, name: str, missing: float | None = None) -> Floats:
        """Return a column of finite numbers; `missing` stands in for absent values, which are refused without it."""
        column = self.values[name]
        if np.ma.isMaskedArray(column):
            absent = np.ma.getmaskarray(column)
            if missing is None and absent.any():
                self.refuse(int(np.argmax(absent)), name, "", "a value is missing; repair or remove the line")
            column = column.filled(np.nan if missing is None else missing)
        bad = ~np.isfinite(column) if missing is None else np.isnan(column) & ~np.isnan(missing)
        if bad.any():
            row = int(np.argmax(bad))
            self.refuse(row, name, column[row], "expected a finite number; repair or remove the line")
        return np.asarray(column, np.float64)

    def text(self, name: str) -> Array:
        """Return a column of text; empty where the file has nothing."""
        column = self.values[name]
        return np.asarray(column.filled("") if np.ma.isMaskedArray(column) else column)

    def codes(self, name: str) -> tuple[Ints, Array]:
        """Return a code for each row of a text column, and the text of each code, in order of first appearance."""
        labels, first, inverse = np.unique(self.text(name).astype(str), return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))
        return rank[inverse].astype(np.int64), labels[np.argsort(first)]

    def line(self, row: int) -> int:
        """Return the line of the file that holds a row."""
        return line_of(self.path, row, self.header)

    def refuse(self, row: int, field: str, value: object, remedy: str) -> NoReturn:
        """Raise `ValueError` for one value of one row."""
        refuse(self.path, self.line(row), field, value, remedy)


def csv_names(head: str) -> list[str]:
    """Return the column names in the first line of a CSV file."""
    first = head.splitlines()[0] if head else ""
    try:
        return [name.strip() for name in next(csv.reader([first]), [])]
    except csv.Error:
        return []


def read_csv(path: Path, numbers: Sequence[str], header: int = 1, stamp: str = "") -> Columns:
    """Return all columns of a CSV file with a header line: those in `numbers` as numbers, the rest as text.

    A column `stamp` of dates and times comes as microseconds since 1970 and a second column, `stamp` with the suffix
    ` zone`, tells whether each row names UTC. Raises `ValueError` for the first line that does not fit.
    """
    with path.open("rb") as file:
        lines = [file.readline().decode("utf-8-sig", "replace") for _ in range(header)]
    names = csv_names(lines[-1])
    if len(set(names)) != len(names) or "" in names:
        refuse(path, header, "the header", ",".join(names), "every column needs a name of its own")
    wanted = [name for name in names if name in numbers]
    kinds = {name: "DOUBLE" if name in wanted else "VARCHAR" for name in names}
    chosen = "*"
    if stamp:
        column = _quoted(stamp)
        moment = f"epoch_us(try_cast(regexp_extract({column}, '{STAMP}', 1) AS TIMESTAMP))"
        chosen = f"* REPLACE ({moment} AS {column}), regexp_matches({column}, '(Z|[+]00:?00)$') AS {_quoted(stamp + ' zone')}"
    query = (
        f"SELECT {chosen} FROM read_csv($path, columns=$kinds, auto_detect=false, header=false, skip=$skip, delim=',', quote='\"', "
        "escape='\"', compression='none')"
    )
    try:
        values = _fetch(query, {"path": _literal(path), "kinds": kinds, "skip": header})
    except _duck_error() as error:
        csv_fault(path, names, wanted, header, str(error))
    found = Columns(path, header, values)
    if len(found) == 0:
        raise ValueError(f"{path}: holds a header and no request")
    return found


def read_json(path: Path, numbers: Sequence[str], lists: Sequence[str] = (), text: Sequence[str] = ()) -> Columns:
    """Return named columns of a file with one JSON object a line; a list column comes as lengths and one flat array.

    Raises `ValueError` for the first line that does not fit.
    """
    kinds = {name: "DOUBLE" for name in numbers} | {name: "VARCHAR" for name in text}
    kinds |= {name: "BIGINT[]" for name in lists}
    plain = [_quoted(name) for name in (*numbers, *text)] + [f"coalesce(len({_quoted(n)}), 0) AS {_quoted(n)}" for n in lists]
    table = (
        "read_json($path, columns=$kinds, format='newline_delimited', compression='none', "
        f"maximum_object_size={LINE_LIMIT})"
    )
    values = {"path": _literal(path), "kinds": kinds}
    try:
        columns = _fetch(f"SELECT {', '.join(plain)} FROM {table}", values)
        for name in lists:
            flat = _fetch(f"SELECT unnest({_quoted(name)}) AS flat FROM {table}", values)["flat"]
            columns[f"{name}[]"] = flat
    except _duck_error() as error:
        json_fault(path, numbers, lists, str(error))
    found = Columns(path, 0, columns)
    if len(found) == 0:
        raise ValueError(f"{path}: holds no request")
    for name in lists:
        if np.ma.isMaskedArray(columns[f"{name}[]"]) and np.ma.getmaskarray(columns[f"{name}[]"]).any():
            json_fault(path, numbers, lists, f"{name} holds null")
    return found


def connect() -> Any:
    """Return a fresh database in memory that neither loads extensions from the network nor prints a progress bar."""
    import duckdb

    return duckdb.connect(
        config={"autoinstall_known_extensions": "false", "enable_progress_bar": "false", "preserve_insertion_order": "true"}
    )


def _fetch(query: str, values: Mapping[str, Any]) -> dict[str, Array]:
    for name, value in values.items():
        query = query.replace(f"${name}", str(value) if not isinstance(value, dict) else _struct(value))
    with connect() as database:
        found: dict[str, Array] = database.execute(query).fetchnumpy()
    return found


def _struct(kinds: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"'{name.replace(chr(39), chr(39) * 2)}': '{kind}'" for name, kind in kinds.items()) + "}"


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _duck_error() -> type[Exception]:
    import duckdb

    return duckdb.Error
