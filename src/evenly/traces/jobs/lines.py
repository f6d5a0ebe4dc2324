"""Rows of a table with the line that each stands in, and what is said of a value that cannot be."""

import csv
import gzip
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from evenly.traces.formats._errors import refuse

Row = Mapping[str, Any]


def opened(path: Path) -> TextIO:
    """Open a file as text, plain or gzip; raise `ValueError` where there is none."""
    if not path.is_file():
        raise ValueError(f"{path}: {'is a folder, not a table' if path.is_dir() else 'no such file'}")
    if path.name.endswith(".gz"):
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def first(path: Path) -> list[str]:
    """Return the fields of the first line."""
    try:
        return [field.strip() for field in next(csv.reader(_lines(path)), [])]
    except csv.Error as error:
        raise ValueError(f"{path}: cannot be read as a table: {error}") from None


def csv_rows(path: Path, names: Sequence[str] = ()) -> Iterator[tuple[int, Row]]:
    """Return the rows of a CSV file; its columns are `names`, or else those of its header."""
    reader = csv.reader(_lines(path))
    try:
        for fields in reader:
            if not fields:
                continue
            if not names:
                names = [field.strip() for field in fields]
                twice = next((name for name in names if name and names.count(name) > 1), "")
                if twice:
                    refuse(path, reader.line_num, "the header", twice, "two columns have this name; rename one")
                continue
            if len(fields) != len(names):
                told = f"{len(fields)} fields where there are {len(names)} columns; was the line cut off?"
                refuse(path, reader.line_num, "the line", ",".join(fields), told)
            yield reader.line_num, dict(zip(names, fields, strict=True))
    except csv.Error as error:
        raise ValueError(f"{path}:{reader.line_num + 1}: cannot be read as CSV: {error}") from None


def json_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Return the objects of a file with one JSON object a line."""
    for line, text in enumerate(_lines(path), 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            refuse(path, line, "the line", text.strip(), "not valid JSON; was it cut off?")
        if not isinstance(row, dict):
            refuse(path, line, "the line", text.strip(), "expected one JSON object a line")
        yield line, row


def _lines(path: Path) -> Iterator[str]:
    try:
        with opened(path) as file:
            yield from file
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None


def parquet_rows(path: Path, most: int | None = None) -> Iterator[tuple[int, Row]]:
    """Return the rows of a parquet file, at most so many, numbered from 1."""
    import duckdb

    try:
        with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as database:
            asked = {"path": str(path), "most": most}
            found = database.execute("SELECT * FROM read_parquet($path) LIMIT $most", asked)
            names = [column[0] for column in found.description or ()]
            rows = found.fetchall()
    except duckdb.Error as error:
        raise ValueError(f"{path}: cannot be read as parquet: {str(error).splitlines()[0]}") from None
    for line, row in enumerate(rows, 1):
        yield line, {name: value for name, value in zip(names, row, strict=True) if value is not None}


def number(path: Path, line: int, row: Row, name: str, least: float = 0.0, absent: float | None = None) -> float:
    """Return a finite number of at least `least`; `absent` where the field is empty, which is refused without it."""
    value = row.get(name, "")
    if absent is not None and str(value).strip() == "":
        return absent
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not (math.isfinite(found) and found >= least):
        wanted = "a finite number" if least == -math.inf else f"a number of at least {least:g}"
        refuse(path, line, name, value, f"expected {wanted}; repair or remove the line")
    return found
