"""One clear sentence for whatever is wrong with a trace file."""

import csv
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

LONGEST = 100_000_000  # tokens; far above any model's context, far below a mistaken unit
SHOWN = 60  # characters of a value that a message quotes


def refuse(path: Path, line: int | None, field: str, value: object, remedy: str) -> NoReturn:
    """Raise `ValueError` that names file, line, field, value and remedy."""
    place = f"{path}:{line}" if line is not None else str(path)
    text = str(value)
    shown = text if len(text) <= SHOWN else text[:SHOWN] + "..."
    raise ValueError(f"{place}: {field} is {shown!r}; {remedy}")


def line_of(path: Path, row: int, header: int = 1) -> int:
    """Return the line of data row `row`, counted from 0, behind `header` lines; blank lines hold no row."""
    seen = -1
    number = header
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            if number > header and text.strip(b"\r\n \t"):
                seen += 1
                if seen == row:
                    return number
    return number


def text_of(path: Path, line: int) -> str:
    """Return a line of a file."""
    with path.open("rb") as file:
        return next(itertools.islice(file, line - 1, None), b"").decode("utf-8", "replace").rstrip("\r\n")


def csv_fault(path: Path, names: Sequence[str], numbers: Iterable[str], header: int, reason: str) -> NoReturn:
    """Raise `ValueError` for the first line of a CSV file that does not fit its header."""
    numeric = [index for index, name in enumerate(names) if name in set(numbers)]
    for number, text in _lines(path, header):
        try:
            row = next(csv.reader([text]), [])
        except csv.Error as error:
            refuse(path, number, "the line", text, f"not valid CSV ({error}); repair or remove it")
        if len(row) != len(names):
            refuse(
                path, number, "the line", text, f"{len(row)} fields where the header has {len(names)}; was it cut off?"
            )
        for index in numeric:
            if not is_number(row[index]):
                refuse(path, number, names[index], row[index], "expected a number; repair or remove the line")
    raise ValueError(f"{path}: not readable as CSV: {_first_line(reason)}")


def json_fault(path: Path, numbers: Iterable[str], lists: Iterable[str], reason: str, within: str = "") -> NoReturn:
    """Raise `ValueError` for the first line of a JSONL file that is not an object with the wanted fields.

    `within` names a list of such objects, which may hold further ones under the same name.
    """
    for number, text in _lines(path, 0):
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            refuse(path, number, "the line", text, "not valid JSON; was it cut off?")
        if not isinstance(row, dict):
            refuse(path, number, "the line", text, "expected one JSON object a line")
        for entry in _entries(path, number, row, within):
            _check(path, number, entry, numbers, lists)
    raise ValueError(f"{path}: not readable as JSON lines: {_first_line(reason)}")


def _entries(path: Path, line: int, row: dict[str, Any], within: str) -> Iterator[dict[str, Any]]:
    yield row
    inner = row.get(within) if within else None
    if inner is not None and not (isinstance(inner, list) and all(isinstance(entry, dict) for entry in inner)):
        refuse(path, line, within, inner, "expected a list of JSON objects; repair or remove the line")
    for entry in inner or ():
        yield from _entries(path, line, entry, within)


def _check(path: Path, line: int, row: dict[str, Any], numbers: Iterable[str], lists: Iterable[str]) -> None:
    for name in numbers:
        if row.get(name) is not None and not is_number(str(row[name])):
            refuse(path, line, name, row[name], "expected a number; repair or remove the line")
    for name in lists:
        inner = row.get(name)
        whole = isinstance(inner, list) and all(type(item) is int and abs(item) < 1 << 63 for item in inner)
        if inner is not None and not whole:
            refuse(path, line, name, inner, "expected a list of whole numbers; repair or remove the line")


def is_number(text: str) -> bool:
    """Return whether `text` is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _lines(path: Path, header: int) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        for number, text in itertools.islice(enumerate(file, 1), header, None):
            try:
                line = text.decode("utf-8")
            except UnicodeDecodeError:
                refuse(path, number, "the line", ascii(text), "not UTF-8 text; save the file as UTF-8")
            if "\0" in line:
                refuse(path, number, "the line", ascii(text), "it holds NUL bytes; the file is damaged or not text")
            if line.strip():
                yield number, line.rstrip("\r\n")


def _first_line(reason: str) -> str:
    return reason.strip().splitlines()[0] if reason.strip() else "unknown reason"
