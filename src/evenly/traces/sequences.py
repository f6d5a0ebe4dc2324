"""Lengths of the sequences of a tokenised data set, read from the files that people have."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import Ints

NUMBERS = ("length", "num_tokens", "n_tokens", "token_count", "seq_len", "seqlen")
LISTS = {"attention_mask": "list_sum", "input_ids": "len", "token_ids": "len", "tokens": "len"}
READERS = {
    ".parquet": "read_parquet({})",
    ".jsonl": "read_json({}, format = 'newline_delimited')",
    ".ndjson": "read_json({}, format = 'newline_delimited')",
    ".json": "read_json({})",
    ".csv": "read_csv({})",
    ".txt": "read_csv({}, header = false, auto_detect = false, columns = {{'length': 'VARCHAR'}}, delim = '\\t')",
}
PATTERN = frozenset("*?[]")  # duckdb would take such a path for a pattern of many


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """How long the sequences of a data set are."""

    length: Ints
    "Tokens, at least 1: of each sequence, or each length once where there are counts."
    count: Ints | None = None
    "Sequences of each length, where the file is a histogram."

    @property
    def number(self) -> int:
        """Return how many sequences there are."""
        return len(self.length) if self.count is None else int(self.count.sum())


def read(path: str | Path) -> Sequences:
    """Return the lengths in a file, or in all files of one kind in a folder, sorted by name.

    Parquet, JSON lines or CSV with a column `length` (or `num_tokens`, `n_tokens`, `token_count`, `seq_len`, `seqlen`),
    with a list `attention_mask`, whose ones are counted, or with a list `input_ids`, `token_ids` or `tokens`; a column
    `count` beside `length` makes a histogram. A `.txt` file has one length a line. Raises `ValueError` that names file,
    column, row and remedy.
    """
    path = Path(path)
    columns = _columns(path)
    length = _whole(path, columns["length"], "length", 1)
    if "count" not in columns:
        return Sequences(length)
    count = _whole(path, columns["count"], "count", 0)
    if not count.any():
        raise ValueError(f"{path}: a histogram without sequences; every count is 0")
    return Sequences(length[count > 0], count[count > 0])


def holds(path: Path) -> bool:
    """Tell whether a file or folder is a data set by its name and columns, whatever stands in its rows."""
    try:
        _columns(path, rows=False)
    except ValueError:
        return path.name.endswith(".parquet")
    return True


def _columns(path: Path, rows: bool = True) -> Mapping[str, Any]:
    """Return the columns of lengths and counts; empty ones without `rows`."""
    import duckdb

    files, reader = _files(path)
    source = reader.format("$files")
    asked: dict[str, Any] = {"files": [str(file) for file in files]}
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as database:
        try:
            described = database.execute(f"DESCRIBE SELECT * FROM {source}", asked).fetchall()
            kinds = {str(row[0]): str(row[1]) for row in described}
            wanted = f"SELECT {_chosen(path, kinds)} FROM {source} WHERE {rows}"
            return dict(database.execute(wanted, asked).fetchnumpy())
        except duckdb.Error as error:
            raise ValueError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None


def _files(path: Path) -> tuple[list[Path], str]:
    """Return the files to read and how; raise `ValueError` for none and for a kind that nothing reads."""
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    if PATTERN & set(str(path)):
        raise ValueError(f"{path}: the name holds one of * ? [ ], which stand for many files here; rename it")
    for suffix, reader in READERS.items():
        ends = (suffix, f"{suffix}.gz")
        found = sorted(file for file in (path.rglob("*") if path.is_dir() else [path]) if file.name.endswith(ends))
        if found:
            return found, reader
    arrow = (
        " (a data set of arrow files: `to_parquet` writes it)" if path.is_dir() and any(path.rglob("*.arrow")) else ""
    )
    raise ValueError(f"{path}: holds no file that ends in {', '.join(READERS)}{arrow}")


def _chosen(path: Path, kinds: dict[str, str]) -> str:
    """Return what to select: a length and, in a histogram, a count."""
    for name in NUMBERS:
        if name in kinds and not kinds[name].endswith("[]"):
            wanted = [_number(name, kinds[name], "length")]
            return ", ".join(wanted + ([_number("count", kinds["count"], "count")] if "count" in kinds else []))
    for name, function in LISTS.items():
        if kinds.get(name, "").endswith("[]"):
            return f"CAST({function}({name}) AS DOUBLE) AS length"
    known = ", ".join((*NUMBERS, *LISTS))
    raise ValueError(
        f"{path}: no column of lengths or token ids among {', '.join(kinds)}; rename one to one of {known}"
    )


def _number(column: str, kind: str, name: str) -> str:
    """Return what to select for a column of numbers; what is none becomes null."""
    text = f"trim({column})" if kind == "VARCHAR" else column  # the function keeps duckdb from casting as it reads
    return f"TRY_CAST({text} AS DOUBLE) AS {name}"


def _whole(path: Path, column: Any, name: str, least: int) -> Ints:
    """Return a column of whole numbers; raise `ValueError` for the first row that has none."""
    values = np.ma.filled(np.ma.asarray(column, np.float64), np.nan)
    if not len(values):
        raise ValueError(f"{path}: holds no sequence")
    wrong = np.flatnonzero(~((values >= least) & (values == np.floor(values)) & (values < 2**53)))
    if len(wrong):
        row = int(wrong[0])
        found = "nothing that is a number" if np.isnan(values[row]) else f"{values[row]:g}"
        raise ValueError(
            f"{path}: row {row + 1}: {name} is a whole number from {least}, found {found}; mend or drop it"
        )
    return values.astype(np.int64)
