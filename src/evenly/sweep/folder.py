"""The folder of one run: what was asked, what came out, written at once or not at all.

`scenario.yaml` repeats the run, `marks.json` holds figures and facts, `items.parquet` one row a request, `load.parquet`
the work by step and worker, `series-NAME.parquet` the time series. Equal runs give equal bytes: no clock, no host name.
"""

import glob
import hashlib
import json
import math
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import evenly
from evenly.core import Array, Document, Load, Outcome
from evenly.core.strict import dump

FORMAT = 1  # raised when a folder of an older version can no longer be read
DRAFT = ".draft-"


def write(outcome: Outcome, document: Document, path: Path) -> None:
    """Write a run folder at `path`; it appears complete, and one that is there already stays.

    Raises `ValueError` if the place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=_draft(), dir=path.parent))
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        _fill(outcome, document, draft)
        draft.chmod(0o755)
        draft.rename(path)
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        if isinstance(error, OSError) and exists(path):
            return  # another process was faster; equal runs give equal bytes
        if isinstance(error, OSError):
            raise ValueError(f"{path}: cannot be written: {error.strerror or error}") from None
        raise


def prepare(out: Path) -> None:
    """Make the folder of a comparison, and remove what processes that died here left half-written.

    Raises `ValueError` if it cannot be written, before anything has run.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_draft(), dir=out)
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        raise ValueError(f"{out}: cannot be written: {error.strerror}") from None
    for left in out.glob(f"{DRAFT}{_host()}-*"):
        number = left.name.removeprefix(f"{DRAFT}{_host()}-").partition("-")[0]
        if number.isdigit() and not _alive(int(number)):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def read(path: Path) -> Outcome:
    """Return the outcome in a run folder; raise `ValueError` if it is none."""
    try:
        marks = json.loads((path / "marks.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ValueError(f"{path}: no run folder; it has no readable marks.json") from None
    if marks.get("format") != FORMAT:
        raise ValueError(f"{path}: written in format {marks.get('format')}, this evenly reads {FORMAT}; run it again")
    table = _read(path / "load.parquet")
    span = table.pop("span", None)
    work = np.stack(list(table.values()), axis=1)
    series = {file.stem.removeprefix("series-"): _read(file) for file in sorted(path.glob("series-*.parquet"))}
    return Outcome(
        label=marks["label"],
        metrics={name: math.nan if value is None else value for name, value in marks["metrics"].items()},
        load=Load(work, span, marks["load"]["unit"], marks["load"]["worker"]),
        items=_read(path / "items.parquet"),
        series=series,
        facts=marks["facts"],
    )


def document_of(path: Path) -> Document:
    """Return the document that a run folder was made from."""
    return Document.read(path / "scenario.yaml")


def exists(path: Path) -> bool:
    """Tell whether a complete run folder is there."""
    return (path / "marks.json").is_file()


def write_text(path: Path, text: str | Iterable[str]) -> None:
    """Write a text file, whole or part by part, so that it appears complete.

    Raises `ValueError` if the place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_draft(), dir=path.parent)
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines([text] if isinstance(text, str) else text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ValueError(f"{path}: cannot be written: {error.strerror}") from None
        raise


def _draft() -> str:
    """Return how the names of drafts of this process begin; nothing that reads runs looks at them."""
    return f"{DRAFT}{_host()}-{os.getpid()}-"


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _alive(process: int) -> bool:
    if os.name != "posix":
        return True  # no harmless way to ask; drafts stay
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _fill(outcome: Outcome, document: Document, folder: Path) -> None:
    marks = {
        "format": FORMAT,
        "evenly": evenly.__version__,
        "label": outcome.label,
        "metrics": {name: value if math.isfinite(value) else None for name, value in outcome.metrics.items()},
        "facts": dict(outcome.facts),
        "load": {"unit": outcome.load.unit, "worker": outcome.load.worker},
    }
    (folder / "scenario.yaml").write_text(dump(dict(document.raw)), encoding="utf-8")
    load: dict[str, Array] = {f"worker_{k}": outcome.load.work[:, k] for k in range(outcome.load.work.shape[1])}
    if outcome.load.span is not None:
        load["span"] = outcome.load.span
    _write(load, folder / "load.parquet")
    _write(outcome.items, folder / "items.parquet")
    for name, columns in outcome.series.items():
        _write(columns, folder / f"series-{name}.parquet")
    (folder / "marks.json").write_text(json.dumps(marks, indent=1) + "\n", encoding="utf-8")


@cache
def _database() -> Any:
    """Return a database in memory for this process: to open one takes longer than to write a table."""
    import duckdb

    return duckdb.connect(config={"threads": 1})


def _write(columns: Mapping[str, Array], path: Path) -> None:
    with _database().cursor() as con:
        con.register("columns", {name: np.ascontiguousarray(column) for name, column in columns.items()})
        target = str(path).replace("'", "''")
        con.execute(f"COPY (SELECT * FROM columns) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def _read(path: Path) -> dict[str, Any]:
    import duckdb

    with _database().cursor() as con:
        source = glob.escape(str(path)).replace("'", "''")
        try:
            table = con.execute(f"SELECT * FROM read_parquet('{source}', hive_partitioning=false)").fetchnumpy()
        except duckdb.Error:
            raise ValueError(
                f"{path.parent}: damaged, {path.name} cannot be read; remove the folder and run again"
            ) from None
    return {name: _unmasked(column) for name, column in table.items()}


def _unmasked(column: Any) -> Any:
    """Return a column with NaN where the table has none: NaN is written as a missing value."""
    return np.ma.filled(column, np.nan) if np.ma.is_masked(column) else np.ma.getdata(column)
