"""`evenly measure` on tables of jobs, and a table of Google's trace from end to end."""

import gzip
import json
from pathlib import Path

import pytest

from tests.cli.user import evenly

CSV = "job,user,submit,work\nj1,ann,10,8\nj2,bob,4,2\n"


def test_measure_tells_who_asks_for_the_cluster(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text(CSV)
    said = evenly("measure", "jobs.csv", "--json", cwd=tmp_path)
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["jobs"]["cores_to_keep_up"] == pytest.approx(10 / 6)
    assert [row["of_the_work"] for row in found["heaviest_users"]] == [0.8, 0.2]
    shown = evenly("measure", "jobs.csv", cwd=tmp_path)
    assert "Who asks for the cluster" in shown.out
    assert "Heaviest users" in (tmp_path / "runs" / "jobs-measured" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("jobs.csv", CSV.replace("4,2", "x,2").encode(), "jobs.csv:3: submit is 'x'"),
        ("jobs.csv", b"job,user,submit,work\nj1,ann,10\n", "jobs.csv:2: the line is 'j1,ann,10'; 3 fields where there"),
        ("jobs.csv.gz", gzip.compress(CSV.encode() * 400, mtime=0)[:-60], "jobs.csv.gz"),
        ("jobs.jsonl", b'{"job": "a", "user": "u", "submit": 0, "work": 1}\n{"job"\n', "jobs.jsonl:2: the line is"),
    ],
)
def test_a_mistake_in_a_table_ends_with_one_line_and_code_2(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    said = evenly("measure", name, cwd=tmp_path)
    assert said.code == 2
    assert message in said.err.replace("\n", "")
    assert not (tmp_path / "runs").exists()


def test_the_public_sample_of_google_is_measured_and_compared(tmp_path: Path, data: Path) -> None:
    folder = data / "google_cluster_2011_sample"
    said = evenly("measure", str(folder), "--json", cwd=tmp_path)
    assert said.code == 0, said.err
    assert json.loads(said.out)["jobs"]["jobs"] == 70
    text = f"kind: jobs\ntrace: {{use: google-tasks, path: {folder}, cores: 8}}\n"
    (tmp_path / "google.yaml").write_text(text + "compare: {fifo: {queue: first-come}, uwfq: {queue: uwfq}}\n")
    said = evenly("compare", "google.yaml", "--json", cwd=tmp_path)
    assert said.code == 0, said.err
    fifo, uwfq = (run["metrics"] for run in json.loads(said.out))
    assert uwfq["response_users"] < fifo["response_users"]
