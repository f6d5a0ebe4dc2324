"""Jobs as people record them: a line a job, or a line a stage."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evenly.traces.formats._errors import refuse
from evenly.traces.jobs.job import Job, Jobs, Part
from evenly.traces.jobs.lines import Row, csv_rows, first, json_rows, number, parquet_rows

NEEDED = ("job", "user", "submit")
AMOUNTS = ("tasks", "work")
ALIKE = 1e-3  # relative, and seconds: tables round
COLUMNS = (*NEEDED, *AMOUNTS, "kind", "stage", "after", "bytes", "finish")


@dataclass(slots=True)
class _Stage:
    line: int
    after: tuple[str, ...]
    part: Part


@dataclass(slots=True)
class _Job:
    line: int
    user: str
    submit: float
    kind: str
    stages: dict[str, _Stage] = field(default_factory=dict)


def holds(path: Path) -> bool:
    """Tell whether a file has the columns of recorded jobs, by its header or its first row."""
    try:
        if not path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson", ".json", ".parquet")):
            return _known(first(path))
        row = next(_rows(path, most=1), None)
    except ValueError:
        return False
    return row is not None and _known(list(row[1]))


def _known(names: list[str]) -> bool:
    return all(name in names for name in NEEDED) and any(name in names for name in AMOUNTS)


def read(path: Path) -> Jobs:
    """Return the jobs in a CSV, JSON-lines or parquet file, in the order of their submission.

    A row has `job`, `user`, `submit` (seconds) and `tasks`, the seconds of each task (a list, or text with blanks
    between), or `work`, core-seconds that the split may cut. It may have `kind`, `bytes`, and where a job has several
    rows, `stage` and `after`, the stages it waits for (a list, or text with blanks between). Times count from the first
    submission.
    Raises `ValueError` that names file, line, field, value and remedy.
    """
    found: dict[str, _Job] = {}
    for line, row in _rows(path):
        for name in NEEDED:
            if str(row.get(name, "")).strip() == "":
                refuse(path, line, name, row.get(name, ""), f"a row needs {', '.join(NEEDED)}; name the column so")
        _add(path, line, row, found)
    if not found:
        raise ValueError(f"{path}: holds no job")
    begin = min(job.submit for job in found.values())
    jobs = sorted(found.values(), key=lambda job: (job.submit, job.line))
    return Jobs(tuple(_job(path, job, begin) for job in jobs), path.name)


def _rows(path: Path, most: int | None = None) -> Iterator[tuple[int, Row]]:
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        return parquet_rows(path, most)
    if name.endswith((".jsonl", ".ndjson", ".json")):
        return json_rows(path)
    return csv_rows(path)


def _add(path: Path, line: int, row: Row, found: dict[str, _Job]) -> None:
    """Add a row to its job."""
    name, user = str(row["job"]), str(row["user"])
    submit = number(path, line, row, "submit", -math.inf)
    job = found.setdefault(name, _Job(line, user, submit, str(row.get("kind") or "")))
    if (job.user, job.submit) != (user, submit):
        told = f"job '{name}' is of user '{job.user}' at {job.submit:g} in line {job.line}; a job has one of each"
        refuse(path, line, "user" if job.user != user else "submit", user if job.user != user else submit, told)
    stage = str(row.get("stage") or "")
    if stage in job.stages:
        told = f"line {job.stages[stage].line} has it already; give every row of a job a `stage` of its own"
        refuse(path, line, "stage", stage, told)
    seconds = tuple(_each(path, line, row))
    work = sum(seconds) if seconds else number(path, line, row, "work")
    if seconds and not math.isclose(number(path, line, row, "work", absent=work), work, rel_tol=ALIKE, abs_tol=ALIKE):
        refuse(
            path, line, "work", row["work"], f"the tasks beside it take {work:g} core-seconds; leave one of them out"
        )
    size = number(path, line, row, "bytes", absent=0.0)
    job.stages[stage] = _Stage(line, tuple(_texts(row.get("after"))), Part(work, (), seconds, size))


def _each(path: Path, line: int, row: Row) -> Iterator[float]:
    for text in _texts(row.get("tasks")):
        yield number(path, line, {"tasks": text}, "tasks")


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    return [str(entry) for entry in value] if isinstance(value, list | tuple) else str(value).split()


def _job(path: Path, job: _Job, begin: float) -> Job:
    """Return a job with its stages, parents first."""
    for stage in job.stages.values():
        for parent in stage.after:
            if parent not in job.stages:
                refuse(path, stage.line, "after", parent, f"the job has no such stage; it has {', '.join(job.stages)}")
    names = ordered({name: stage.after for name, stage in job.stages.items()})
    if len(names) < len(job.stages):
        name = next(name for name in job.stages if name not in names)
        refuse(path, job.stages[name].line, "after", " ".join(job.stages[name].after), "stages wait for each other")
    return Job(job.user, job.submit - begin, in_order(names, job.stages), job.kind)


def in_order(names: list[str], stages: dict[str, _Stage]) -> tuple[Part, ...]:
    """Return the stages in an order of their names, each with the places of its parents."""
    place = {name: k for k, name in enumerate(names)}
    parts = (stages[name].part for name in names)
    return tuple(
        Part(part.work, tuple(sorted(place[parent] for parent in stages[name].after)), part.seconds, part.size)
        for name, part in zip(names, parts, strict=True)
    )


def ordered(after: dict[str, tuple[str, ...]]) -> list[str]:
    """Return names so that each comes behind those that it waits for; those in a circle are left out.

    >>> ordered({"reduce": ("map",), "map": ()})
    ['map', 'reduce']
    """
    done: dict[str, None] = {}
    rest = dict(after)
    while rest:
        ready = [name for name, parents in rest.items() if all(parent in done for parent in parents)]
        if not ready:
            break
        for name in ready:
            done[name] = None
            del rest[name]
    return list(done)
