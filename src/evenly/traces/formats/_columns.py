"""Files to columns: duckdb parses, numpy carries; no row passes through Python."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from evenly.core import Array, Floats, Ints
from evenly.traces.formats._errors import csv_fault, json_fault, line_of, refuse
from evenly.traces.formats._head import LINE_LIMIT

STAMP = r"^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*(?:Z|[+]00:?00)?$"  # digits beyond microseconds are cut
FEW = 4096  # different texts of a column up to which duckdb codes them


@dataclass(frozen=True, slots=True)
class Text:
    """A column of text: few labels, and the code of each row's label."""

    code: Ints
    "Index into `labels`; -1 where the file has nothing."
    labels: Array
    "Different texts, sorted."

    def __len__(self) -> int:
        return len(self.code)

    def plain(self) -> Array:
        """Return the text of each row; empty where the file has nothing."""
        return np.append(self.labels, "")[self.code]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file as they stand there, in the order of its rows."""

    path: Path
    header: int
    "Lines before the first row."
    numbers: Mapping[str, Array]
    "Columns of numbers by name; masked where the file has nothing. `NAME[]` is the flat content of a column of lists."
    texts: Mapping[str, Text]
    "Columns of text by name."
    rows: Ints | None = None
    "Row of the file that holds each entry; `None`: every row is one."

    def __len__(self) -> int:
        columns: list[Array | Text] = [*self.numbers.values(), *self.texts.values()]
        return len(columns[0])

    def __contains__(self, name: str) -> bool:
        return name in self.numbers or name in self.texts

    def number(self, name: str, missing: float | None = None) -> Floats:
        """Return a column of finite numbers; `missing` stands in for absent values, which are refused without it."""
        column = self.numbers[name]
        absent = np.zeros(len(column), bool)
        if np.ma.isMaskedArray(column):
            absent = np.ma.getmaskarray(column)
            if missing is None and absent.any():
                self.refuse(int(np.argmax(absent)), name, "", "a value is missing; repair or remove the line")
            column = column.filled(0.0 if missing is None else missing)
        bad = ~np.isfinite(column) & ~absent
        if bad.any():
            row = int(np.argmax(bad))
            self.refuse(row, name, column[row], "expected a finite number; repair or remove the line")
        return np.asarray(column, np.float64)

    def line(self, row: int) -> int:
        """Return the line of the file that holds a row."""
        return line_of(self.path, int(self.rows[row]) if self.rows is not None else row, self.header)

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
    table = (
        f"read_csv({literal(path)}, columns={struct(kinds)}, auto_detect=false, header=false, skip={header}, "
        "delim=',', quote='\"', escape='\"', compression='none')"
    )
    plain = {name: quoted(name) for name in wanted}
    if stamp:
        column = quoted(stamp)
        plain[stamp] = f"epoch_us(try_cast(regexp_extract({column}, '{STAMP}', 1) AS TIMESTAMP))"
        plain[f"{stamp} zone"] = f"regexp_matches({column}, '(Z|[+]00:?00)$')"
    try:
        found = _load(path, header, table, plain, [name for name in names if name not in plain])
    except duck_error() as error:
        csv_fault(path, names, wanted, header, str(error))
    if len(found) == 0:
        raise ValueError(f"{path}: holds a header and no request")
    return found


def read_json(path: Path, numbers: Sequence[str], lists: Sequence[str] = (), text: Sequence[str] = ()) -> Columns:
    """Return named columns of a file with one JSON object a line; a list column comes as lengths and one flat array.

    Raises `ValueError` for the first line that does not fit.
    """
    kinds = dict.fromkeys(numbers, "DOUBLE") | dict.fromkeys(text, "VARCHAR") | dict.fromkeys(lists, "BIGINT[]")
    table = (
        f"read_json({literal(path)}, columns={struct(kinds)}, format='newline_delimited', compression='none', "
        f"maximum_object_size={LINE_LIMIT})"
    )
    plain = {name: quoted(name) for name in numbers}
    plain |= {name: f"coalesce(len({quoted(name)}), 0)" for name in lists}
    try:
        found = _load(path, 0, table, plain, text, lists)
    except duck_error() as error:
        json_fault(path, numbers, lists, str(error))
    if len(found) == 0:
        raise ValueError(f"{path}: holds no request")
    if any(np.ma.is_masked(found.numbers[f"{name}[]"]) for name in lists):
        json_fault(path, numbers, lists, "a list holds null")
    return found


def connect() -> Any:
    """Return a fresh database in memory that loads nothing from the network."""
    import duckdb

    database = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    database.execute("SET enable_progress_bar = false")
    return database


def _load(
    path: Path, header: int, table: str, plain: Mapping[str, str], text: Sequence[str], lists: Sequence[str] = ()
) -> Columns:
    """Read the file once into a table of duckdb, then carry it over column by column."""
    wanted = [f"{value} AS {quoted(name)}" for name, value in plain.items()]
    wanted += [quoted(name) for name in text]
    wanted += [f"{quoted(name)} AS {quoted(name + '[]')}" for name in lists]
    with connect() as database:
        database.execute(f"CREATE TABLE file AS SELECT {', '.join(wanted)} FROM {table}")
        return carry(database, path, header, plain, text, [f"{name}[]" for name in lists])


def carry(
    database: Any, path: Path, header: int, plain: Iterable[str], text: Iterable[str], lists: Iterable[str]
) -> Columns:
    """Return the columns of the table `file`: numbers, texts, and the flat content of lists."""
    numbers = {name: _column(database, quoted(name)) for name in plain}
    numbers |= {name: _column(database, f"unnest({quoted(name)})") for name in lists}
    return Columns(path, header, numbers, {name: _text(database, quoted(name)) for name in text})


def _column(database: Any, value: str) -> Array:
    column: Array = database.execute(f"SELECT {value} AS x FROM file").fetchnumpy()["x"]
    return column


def _text(database: Any, name: str) -> Text:
    (count,) = database.execute(f"SELECT approx_count_distinct({name}) FROM file").fetchone()
    if count > FEW:
        column = _column(database, f"coalesce({name}, '')").astype(str)
        labels, code = np.unique(column, return_inverse=True)
        return Text(code - 1, labels[1:]) if len(labels) and labels[0] == "" else Text(code, labels)
    some = f"SELECT DISTINCT {name} AS x FROM file WHERE {name} <> '' ORDER BY x"
    labels = np.array([label for (label,) in database.execute(some).fetchall()], str)
    if len(labels) == 0:
        return Text(np.full(len(_column(database, "0")), -1), labels)
    database.execute(f"CREATE OR REPLACE TYPE label AS ENUM ({some})")
    code = _column(database, f"coalesce(enum_code(try_cast({name} AS label))::INTEGER, -1)")
    return Text(code.astype(np.int64), labels)


def struct(kinds: Mapping[str, str]) -> str:
    """Return column types as SQL."""
    return "{" + ", ".join(f"'{name.replace(chr(39), chr(39) * 2)}': '{kind}'" for name, kind in kinds.items()) + "}"


def literal(path: Path) -> str:
    """Return a path as SQL text."""
    return "'" + str(path).replace("'", "''") + "'"


def quoted(name: str) -> str:
    """Return a name as SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def duck_error() -> type[Exception]:
    """Return the class of the errors of duckdb."""
    import duckdb

    return duckdb.Error
