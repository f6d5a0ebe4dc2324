"""The tables `task_events` and `task_usage` of Google's cluster trace of 2011."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evenly.traces.formats._errors import refuse
from evenly.traces.jobs.job import Job, Jobs, Part
from evenly.traces.jobs.lines import Row, csv_rows, first, number

EVENTS = (
    "time",
    "missing info",
    "job ID",
    "task index",
    "machine ID",
    "event type",
    "user",
    "scheduling class",
    "priority",
    "CPU request",
    "memory request",
    "disk space request",
    "different machines restriction",
)
"Columns of the published task events, which have no header."
USAGE = ("start time", "end time", "job ID", "task index", "machine ID", "CPU rate")
"First columns of the published task usage."
SUBMIT, SCHEDULE, EVICT, FAIL, FINISH, KILL, LOST = range(7)
MICROSECONDS = 1e6
LARGEST = 2.0**62  # microseconds from which on an event lies behind the trace, by the schema 2**63 - 1


@dataclass(slots=True)
class _Task:
    began: float | None = None
    cores: float = 0.0
    seconds: float = 0.0
    "Core-seconds of all times that it ran."


@dataclass(slots=True)
class _Job:
    user: str
    submit: float
    tasks: dict[str, _Task] = field(default_factory=dict)


def holds(path: Path) -> bool:
    """Tell whether a file is a table of task events, or a folder has one, by its first line."""
    try:
        fields = first(_table(path, "events"))
    except ValueError:
        return False
    return len(fields) == len(EVENTS) and (fields[0].isdigit() or _header(fields))


def _header(fields: list[str]) -> bool:
    """Tell whether a first line names columns, as files do that others made of the published ones."""
    text = " ".join(fields).lower()
    return "event type" in text and "user" in text and not fields[0].isdigit()


def _table(path: Path, what: str) -> Path:
    """Return the table of a folder whose name holds task and what."""
    if not path.is_dir():
        return path
    found = sorted(file for file in path.iterdir() if "task" in file.name and what in file.name and ".csv" in file.name)
    if len(found) != 1:
        raise ValueError(
            f"{path}: {len(found) or 'no'} tables of task {what}; there is one, such as task-{what}.csv.gz"
        )
    return found[0]


def read(path: Path, begin: float = 0.0, seconds: float | None = None, cores: float = 1.0) -> Jobs:
    """Return the jobs that were submitted from `begin` on for `seconds`, in the order of their submission.

    A task's work is the time from its SCHEDULE to its end, by its CPU request; a request of 1 is the largest machine,
    which counts for `cores`. Where `path` is a folder with a table of task usage too, the work is what tasks used. A
    job is submitted with its first task; jobs without work are left out. Raises `ValueError` that names file, line,
    field, value and remedy.
    """
    events = _table(path, "events")
    found = _submitted(events)
    used = path.is_dir()
    if used:
        _use(_table(path, "usage"), found)
    last = float("inf") if seconds is None else begin + seconds
    inside = [(job, _works(job, cores)) for job in found.values() if begin <= job.submit < last]
    chosen = sorted((pair for pair in inside if pair[1]), key=lambda pair: pair[0].submit)
    if not chosen:
        told = "used any CPU" if used else "was seen to run; put the table of task usage beside it and name the folder"
        raise ValueError(f"{path}: no task of a job that is submitted from {begin:g} s on {told}")
    start = chosen[0][0].submit
    origin = f"{events.name}, from {begin:g} s" + (f" for {seconds:g} s" if seconds is not None else "")
    jobs = (Job(job.user, job.submit - start, (Part(sum(w), (), w),), job.user) for job, w in chosen)
    return Jobs(tuple(jobs), origin)


def _works(job: _Job, cores: float) -> tuple[float, ...]:
    return tuple(task.seconds * cores for task in job.tasks.values() if task.seconds > 0)


def _submitted(path: Path) -> dict[str, _Job]:
    """Return jobs with the core-seconds between the events of their tasks."""
    found: dict[str, _Job] = {}
    for line, row in _lines(path, EVENTS):
        time = number(path, line, row, "time") / MICROSECONDS
        kind = int(number(path, line, row, "event type"))
        if kind > 8:
            refuse(path, line, "event type", row["event type"], "the schema knows 0 to 8; repair or remove the line")
        job = found.setdefault(str(row["job ID"]), _Job(str(row["user"]), time))
        task = job.tasks.setdefault(str(row["task index"]), _Task())
        if kind == SCHEDULE:
            task.began, task.cores = time, number(path, line, row, "CPU request", absent=0.0)
        elif kind in (EVICT, FAIL, FINISH, KILL, LOST) and task.began is not None:
            if time < LARGEST / MICROSECONDS:
                task.seconds += (time - task.began) * task.cores
            task.began = None
    return found


def _use(path: Path, found: dict[str, _Job]) -> None:
    """Put what tasks used in place of what they asked for."""
    for job in found.values():
        job.tasks.clear()
    for line, row in _lines(path, USAGE):
        start, end = (number(path, line, row, name) / MICROSECONDS for name in ("start time", "end time"))
        if end < start:
            refuse(path, line, "end time", row["end time"], "it is before the start; repair or remove the line")
        known = found.get(str(row["job ID"]))
        if known is not None:
            task = known.tasks.setdefault(str(row["task index"]), _Task())
            task.seconds += (end - start) * number(path, line, row, "CPU rate", absent=0.0)


def _lines(path: Path, names: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    """Return the rows with the names of the schema, for tables with and without a header."""
    fields = first(path)
    if len(fields) < len(names):
        raise ValueError(f"{path}:1: {len(fields)} columns; the published table has {len(names)} or more")
    wide = (*names, *(f"column {k}" for k in range(len(names), len(fields))))
    rows = csv_rows(path, wide)
    if fields[0] and not fields[0].replace(".", "").isdigit():
        next(rows)
    return rows
