"""The table `batch_task` of Alibaba's cluster trace of 2018."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from evenly.traces.formats._errors import refuse
from evenly.traces.jobs.job import Job, Jobs, Part
from evenly.traces.jobs.lines import Row, csv_rows, first, number
from evenly.traces.jobs.recorded import ordered

COLUMNS = (
    "task_name",
    "instance_num",
    "job_name",
    "task_type",
    "status",
    "start_time",
    "end_time",
    "plan_cpu",
    "plan_mem",
)
"In the order of the published file, which has no header."
NAME = re.compile(r"[A-Za-z]+(?P<own>\d+)(?P<after>(?:_\d+)*)")
ENDED = "Terminated"
STATUSES = (ENDED, "Failed", "Running", "Waiting", "Cancelled", "Interrupted", "Ready")


@dataclass(slots=True)
class _Job:
    kind: str
    begin: float
    tasks: dict[str, tuple[tuple[str, ...], Part]] = field(default_factory=dict)


def holds(path: Path) -> bool:
    """Tell whether a file is such a table, by its first line."""
    try:
        fields = first(path)
    except ValueError:
        return False
    return tuple(fields) == COLUMNS or (len(fields) == len(COLUMNS) and fields[4] in STATUSES)


def read(path: Path, begin: float = 0.0, seconds: float | None = None) -> Jobs:
    """Return the jobs that began from `begin` on for `seconds`, in the order of their submission.

    The table's tasks are stages here, their instances tasks; `M2_1` waits for task 1. Every instance is taken to run as
    long as its task and to do that for as many core-seconds as it planned cores; a job is submitted when its first task
    begins. No user is named: jobs of one type stand for a user. Tasks that did not end well are left out, and so is a
    parent that is not in the table. Raises `ValueError` that names file, line, field, value and remedy.
    """
    names = () if tuple(first(path)) == COLUMNS else COLUMNS
    found: dict[str, _Job] = {}
    for line, row in csv_rows(path, names):
        if row["status"] == ENDED:
            _add(path, line, row, found)
    last = float("inf") if seconds is None else begin + seconds
    chosen = [job for job in found.values() if begin <= job.begin < last]
    if not chosen:
        raise ValueError(f"{path}: no job that ended begins from {begin:g} s on; choose another part")
    chosen.sort(key=lambda job: job.begin)
    origin = f"{path.name}, from {begin:g} s" + (f" for {seconds:g} s" if seconds is not None else "")
    return Jobs(tuple(_job(path, job, chosen[0].begin) for job in chosen), origin)


def _add(path: Path, line: int, row: Row, found: dict[str, _Job]) -> None:
    start, end = number(path, line, row, "start_time"), number(path, line, row, "end_time")
    if start == 0 or end == 0:  # by the schema, outside the trace
        return
    if end < start:
        refuse(
            path, line, "end_time", row["end_time"], f"it is before start_time, {row['start_time']}; remove the line"
        )
    instances = number(path, line, row, "instance_num", 1)
    cores = number(path, line, row, "plan_cpu", absent=100.0) / 100.0
    each = (end - start) * cores
    name = NAME.fullmatch(str(row["task_name"]))
    own, after = (name["own"], tuple(name["after"].split("_")[1:])) if name else (str(row["task_name"]), ())
    job = found.setdefault(str(row["job_name"]), _Job(str(row["task_type"]), start))
    if own in job.tasks:
        refuse(path, line, "task_name", row["task_name"], f"job '{row['job_name']}' has this number already")
    job.begin = min(job.begin, start)
    job.tasks[own] = (after, Part(each * int(instances), (), (each,) * int(instances)))


def _job(path: Path, job: _Job, begin: float) -> Job:
    after = {own: tuple(parent for parent in parents if parent in job.tasks) for own, (parents, _) in job.tasks.items()}
    names = ordered(after)
    if len(names) < len(job.tasks):
        raise ValueError(f"{path}: tasks of a job that begins at {job.begin:g} wait for each other; repair their names")
    place = {own: k for k, own in enumerate(names)}
    tasks = ((own, job.tasks[own][1]) for own in names)
    parts = tuple(Part(part.work, tuple(place[p] for p in after[own]), part.seconds) for own, part in tasks)
    return Job(job.kind, job.begin - begin, parts, job.kind)
