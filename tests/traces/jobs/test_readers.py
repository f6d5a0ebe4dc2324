"""Tables of jobs: what is read of them, and what is said of those that cannot be."""

import gzip
import json
from pathlib import Path

import duckdb
import pytest

from evenly.traces.jobs import alibaba, google, recorded

CSV = "job,user,submit,work,kind\nj1,ann,10,8.5,sort\nj2,bob,4,2,\n"
BATCH = (
    "M1,2,j_1,1,Terminated,100,110,100.0,0.3\n"
    "R2_1,1,j_1,1,Terminated,110,130,50,0.3\n"
    "task_Nzg3,1,j_2,3,Terminated,90,95,,0.1\n"
    "M1,1,j_3,1,Failed,90,95,100,0.1\n"
)
EVENTS = (
    "600000000,,7,0,,0,ann,0,0,0.5,0.1,0,0\n"
    "601000000,,7,0,3,1,ann,0,0,0.5,0.1,0,0\n"
    "605000000,,7,0,3,4,ann,0,0,0.5,0.1,0,0\n"
    "603000000,,9,0,,0,bob,0,0,0.25,0.1,0,0\n"
)


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_recorded_jobs_are_read_from_csv_json_and_parquet(tmp_path: Path) -> None:
    path = file(tmp_path, "jobs.csv", CSV)
    found = recorded.read(path)
    assert [(job.user, job.submit, job.work, job.kind) for job in found.jobs] == [
        ("bob", 0.0, 2.0, ""),
        ("ann", 6.0, 8.5, "sort"),
    ]
    packed = tmp_path / "jobs.csv.gz"
    packed.write_bytes(gzip.compress(CSV.encode()))
    assert recorded.read(packed).jobs == found.jobs
    lines = [{"job": "j", "user": "ann", "submit": 0, "finish": 3.0, "kind": "k", "tasks": [1.0, 2.0]}]
    jobs = recorded.read(file(tmp_path, "jobs.jsonl", "".join(json.dumps(line) + "\n" for line in lines)))
    assert jobs.jobs[0].parts[0].seconds == (1.0, 2.0)
    parquet = tmp_path / "jobs.parquet"
    row = "SELECT 'j' AS job, 'ann' AS \"user\", 0.0 AS submit, [1.0, 2.0] AS tasks"
    duckdb.execute(f"COPY ({row}) TO '{parquet}' (FORMAT parquet)")
    assert recorded.read(parquet).jobs[0].parts == jobs.jobs[0].parts
    assert all(recorded.holds(one) for one in (path, packed, parquet, tmp_path / "jobs.jsonl"))


def test_stages_come_behind_those_that_they_wait_for(tmp_path: Path) -> None:
    text = "job,user,submit,tasks,stage,after\nj,a,0,1 1,join,left right\nj,a,0,2,left,\nj,a,0,3,right,\n"
    (job,) = recorded.read(file(tmp_path, "jobs.csv", text)).jobs
    assert [(part.work, part.after) for part in job.parts] == [(2.0, ()), (3.0, ()), (2.0, (0, 1))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("job,user,submit,work\nj,a,0\n", r"jobs.csv:2: the line is .* 3 fields where there are 4"),
        ("job,user,submit,work\nj,a,x,1\n", r"jobs.csv:2: submit is 'x'; expected a finite number"),
        ("job,user,submit,work\nj,a,0,-1\n", r"jobs.csv:2: work is '-1'; expected a number of at least 0"),
        ("job,user,submit,work\nj,,0,1\n", r"jobs.csv:2: user is ''; a row needs job, user, submit"),
        ("job,submit,work\nj,0,1\n", r"jobs.csv:2: user is ''"),
        ("job,user,submit,work\nj,a,0,1\nj,a,0,1\n", r"jobs.csv:3: stage is ''; line 2 has it already"),
        ("job,user,submit,work,stage\nj,a,0,1,x\nj,b,0,1,y\n", r"jobs.csv:3: user is 'b'; job 'j' is of user 'a'"),
        ("job,user,submit,work,stage,after\nj,a,0,1,x,y\n", r"jobs.csv:2: after is 'y'; the job has no such stage"),
        ("job,user,submit,work,stage,after\nj,a,0,1,x,x\n", r"jobs.csv:2: after is 'x'; stages wait for each other"),
        ("job,user,user,submit,work\nj,a,b,0,1\n", r"jobs.csv:1: the header is 'user'; two columns have this name"),
        ("job,user,submit,work,tasks\nj,a,0,3,1 1\n", r"jobs.csv:2: work is '3'; the tasks beside it take 2 core"),
        ("job,user,submit,work\n", "holds no job"),
        ("", "holds no job"),
    ],
)
def test_what_is_wrong_in_a_record_is_said_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        recorded.read(file(tmp_path, "jobs.csv", text))


def test_batch_tasks_of_alibaba_become_stages(tmp_path: Path) -> None:
    path = file(tmp_path, "batch_task.csv", BATCH)
    assert alibaba.holds(path)
    found = alibaba.read(path)
    assert [(job.submit, job.user, job.work) for job in found.jobs] == [(0.0, "3", 5.0), (10.0, "1", 30.0)]
    assert [(part.seconds, part.after) for part in found.jobs[1].parts] == [((10.0, 10.0), ()), ((10.0,), (0,))]
    headed = file(tmp_path, "headed.csv", ",".join(alibaba.COLUMNS) + "\n" + BATCH)
    assert alibaba.read(headed).jobs == found.jobs
    assert len(alibaba.read(path, begin=95.0, seconds=10.0)) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("M1,x,j,1,Terminated,1,2,100,0\n", "instance_num is 'x'"),
        ("M1,1,j,1,Terminated,5,2,100,0\n", "end_time is '2'; it is before start_time, 5"),
        ("M1,1,j,1,Terminated,1,2,100\n", "8 fields where there are 9"),
        ("M1,1,j,1,Failed,1,2,100,0\n", "no job that ended"),
        ("M1_2,1,j,1,Terminated,1,2,100,0\nM2_1,1,j,1,Terminated,1,2,100,0\n", "wait for each other"),
        ("M1,1,j,1,Terminated,1,2,100,0\nR1,1,j,1,Terminated,1,2,100,0\n", "has this number already"),
    ],
)
def test_what_is_wrong_in_batch_tasks_is_said(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        alibaba.read(file(tmp_path, "batch_task.csv", line))


def test_task_events_of_google_are_read_with_and_without_a_header(tmp_path: Path) -> None:
    path = file(tmp_path, "task-events.csv", EVENTS)
    assert google.holds(path)
    assert not google.holds(file(tmp_path, "other.csv", CSV))
    (job,) = google.read(path).jobs
    assert (job.user, job.submit, job.work) == ("ann", 0.0, 2.0)
    assert google.read(path, cores=10.0).jobs[0].work == 20.0
    headed = file(tmp_path, "headed.csv", ",".join(google.EVENTS) + "\n" + EVENTS)
    assert google.read(headed).jobs == (job,)


def test_usage_beside_the_events_says_what_tasks_took(tmp_path: Path) -> None:
    file(tmp_path, "task-events.csv", EVENTS)
    file(tmp_path, "task-usage.csv", "600000000,900000000,9,0,3,0.01,0\n")
    (job,) = google.read(tmp_path).jobs
    assert job.user == "bob"
    assert job.work == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x,,7,0,,0,ann,0,0,0.5,0,0,0\n", "time is 'x'"),
        ("1,,7,0,,9,ann,0,0,0.5,0,0,0\n", "event type is '9'; the schema knows 0 to 8"),
        ("1,,7,0,,0,ann,0,0,0.5,0,0,0\n", "put the table of task usage beside it"),
    ],
)
def test_what_is_wrong_in_task_events_is_said(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        google.read(file(tmp_path, "task-events.csv", "1,,8,0,,0,bob,0,0,0.5,0,0,0\n" + line))
