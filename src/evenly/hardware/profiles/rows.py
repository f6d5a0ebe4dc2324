"""Rows of published CSV tables, plain or gzipped, with numbers already read."""

import csv
import gzip
import os
import zlib
from collections.abc import Iterable, Sequence
from math import inf
from pathlib import Path
from typing import Any, TextIO


def find(folder: Path, name: str) -> Path | None:
    """Return `name.csv` or `name.csv.gz` of a folder, or `folder` itself if it is that file."""
    if folder.is_file():
        return folder if folder.name.startswith(f"{name}.csv") else None
    return next((folder / f"{name}{end}" for end in (".csv", ".csv.gz") if (folder / f"{name}{end}").is_file()), None)


def rows(
    path: Path, numbers: Sequence[str], words: Sequence[str] = (), blank: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the columns `numbers`, `words`, and `blank` of a table; a blank number is 0 in the columns `blank`.

    Columns of `blank` may be missing altogether. Raises `ValueError` naming file, line, column and value if the file
    cannot be read, is empty, lacks a column or holds something else than a number of at least 0.
    """
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            return list(_read(file, path, numbers, words, blank))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"cannot read '{path}': {error}") from error


def _read(
    file: TextIO, path: Path, numbers: Sequence[str], words: Sequence[str], blank: Sequence[str]
) -> Iterable[dict[str, Any]]:
    table = csv.DictReader(file)
    columns = table.fieldnames or []
    missing = [name for name in (*numbers, *words) if name not in columns]
    if missing:
        raise ValueError(f"'{path}' has no column {', '.join(missing)}; it has: {', '.join(columns[:12]) or 'nothing'}")
    for row in table:
        found: dict[str, Any] = {name: row[name] for name in words}
        for name in (*numbers, *blank):
            text = row.get(name)
            if not text and name in blank:
                found[name] = 0.0
                continue
            try:
                found[name] = float(text or "nothing")
            except ValueError:
                found[name] = -1.0
            if not 0 <= found[name] < inf:
                raise ValueError(f"'{path}', line {table.line_num}: {name} is a number of at least 0, not '{text}'")
        yield found


def stamp(path: Path) -> int:
    """Return a number that changes when a file under `path` changes, so that what was read can be kept."""
    folders = [str(path)]
    files: list[tuple[str, int, int]] = []
    if path.is_file():
        state = path.stat()
        return hash((str(path), state.st_mtime_ns, state.st_size))
    while folders:
        with os.scandir(folders.pop()) as inside:
            for item in inside:
                if item.is_dir():
                    folders.append(item.path)
                else:
                    state = item.stat()
                    files.append((item.path, state.st_mtime_ns, state.st_size))
    return hash(tuple(sorted(files)))
