"""Read named columns of CSV and JSON lines, fast, and say exactly what is wrong where.

DuckDB reads and casts column by column. Where a value does not cast, a second query finds its line.
"""

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import Array

HEAD = 65_536  # bytes looked at to recognise a format
KINDS = {"number": "DOUBLE", "whole": "BIGINT", "text": "VARCHAR", "time": "TIMESTAMP"}
MEANING = {"number": "a number", "whole": "a whole number", "text": "text", "time": "a date and time"}


@dataclass(frozen=True, slots=True)
class Source:
    """A text file, plain or gzipped, and how its rows are written."""

    path: Path
    lines: str = "csv"
    "`csv` with a header, or `json` with one object a line."
    skip: int = 0
    "Lines before the header."

    def query(self, names: Mapping[str, str]) -> str:
        """Return the SQL that yields the columns as text."""
        name = str(self.path).replace("'", "''")
        packed = "gzip" if is_gzip(self.path) else "none"
        if self.lines == "csv":
            return (
                f"read_csv('{name}', header=true, all_varchar=true, compression='{packed}', skip={self.skip}, "
                "delim=',', quote='\"', escape='\"', null_padding=false, strict_mode=true)"
            )
        wanted = ", ".join(f"'{column}': 'JSON'" for column in names.values())
        return (
            f"read_json('{name}', format='newline_delimited', columns={{{wanted}}}, compression='{packed}', "
            "maximum_object_size=1073741824)"
        )


def is_gzip(path: Path) -> bool:
    """Tell whether a file is gzipped, by its first bytes."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def head(path: Path) -> str:
    """Return the beginning of a text file, whole lines of it.

    Raises `ValueError` if the file is empty, no UTF-8 text, or a broken gzip.
    """
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
            raw = file.read(HEAD)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ValueError(f"{path}: the gzip data ends early or is damaged; download or compress the file again") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    if not raw.strip():
        raise ValueError(f"{path}: the file is empty")
    if len(raw) == HEAD:
        raw = raw[: raw.rfind(b"\n") + 1] or raw
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None


def read(source: Source, columns: Mapping[str, tuple[str, str]]) -> dict[str, Array]:
    """Return columns by our name; `columns` maps it to (name in the file, kind).

    Kinds: `number`, `whole`, `text`, `time` (seconds). Raises `ValueError` that names file, line, field and value for
    the first value that is missing or of another kind.
    """
    names = {ours: theirs for ours, (theirs, _) in columns.items()}
    with _connection(source) as con:
        text = {ours: _as_text(source, theirs) for ours, theirs in names.items()}
        casts = ", ".join(f'try_cast({text[ours]} AS {KINDS[kind]}) AS "{ours}"' for ours, (_, kind) in columns.items())
        table = con.execute(f"SELECT {casts} FROM {source.query(names)}").fetchnumpy()
        found: dict[str, Array] = {}
        for ours, (theirs, kind) in columns.items():
            column = table[ours]
            if np.ma.is_masked(column):
                row = int(np.flatnonzero(np.ma.getmaskarray(column))[0])
                value = con.execute(
                    f"SELECT {text[ours]} FROM {source.query(names)} LIMIT 1 OFFSET {row}"
                ).fetchall()[0][0]
                _reject(source, row, theirs, kind, value)
            plain = np.ma.getdata(column)
            found[ours] = plain.astype("datetime64[us]").astype(np.int64) / 1e6 if kind == "time" else plain
    return found


def lists(source: Source, field: str) -> tuple[Array, Array]:
    """Return lengths and flat values of a column of whole-number lists, for JSON lines.

    Raises `ValueError` for the first row whose value is no such list.
    """
    with _connection(source) as con:
        query = source.query({"list": field})
        sizes = con.execute(f'SELECT len(try_cast("{field}" AS BIGINT[])) AS n FROM {query}').fetchnumpy()["n"]
        if np.ma.is_masked(sizes):
            row = int(np.flatnonzero(np.ma.getmaskarray(sizes))[0])
            value = con.execute(f'SELECT "{field}" FROM {query} LIMIT 1 OFFSET {row}').fetchall()[0][0]
            raise ValueError(f"{source.path}:{line_of(source, row)}: {field} is a list of whole numbers, found {value}")
        flat = con.execute(f'SELECT unnest(try_cast("{field}" AS BIGINT[])) AS v FROM {query}').fetchnumpy()["v"]
    if np.ma.is_masked(flat):
        raise ValueError(f"{source.path}: {field} holds an entry that is no whole number")
    return np.ma.getdata(sizes).astype(np.int64), np.ma.getdata(flat).astype(np.int64)


def line_of(source: Source, row: int) -> int:
    """Return the line of a row, counted from 1."""
    return row + 1 + (source.skip + 1 if source.lines == "csv" else 0)


def _as_text(source: Source, name: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    return quoted if source.lines == "csv" else f"({quoted} ->> '$')"


def _reject(source: Source, row: int, field: str, kind: str, value: Any) -> None:
    place = f"{source.path}:{line_of(source, row)}"
    if value is None or not str(value).strip():
        raise ValueError(f"{place}: {field} is missing; it is {MEANING[kind]}")
    raise ValueError(f"{place}: {field} is {MEANING[kind]}, found '{str(value)[:80]}'")


@contextmanager
def _connection(source: Source) -> Iterator[Any]:
    import duckdb

    con = duckdb.connect(config={"threads": 2})
    try:
        yield con
    except duckdb.Error as error:
        text = str(error)
        line = re.search(r"[Ll]ine:?\s+(\d+)", text)
        place = f"{source.path}:{line.group(1)}" if line else str(source.path)
        what = text.splitlines()[0].split("Error: ")[-1]
        raise ValueError(f"{place}: not readable as {source.lines}: {what}") from None
    finally:
        con.close()
