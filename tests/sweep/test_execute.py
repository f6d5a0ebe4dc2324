"""Sweeps: reuse, equal bytes, failures, a real Dask cluster."""

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from evenly.core import Document
from evenly.sweep import folder, record
from evenly.sweep.execute import run
from evenly.sweep.plan import Cell, cells
from tests.sweep.samples import COMPARE, PYTHON, SCENARIO, content, document, written

RATES = {"trace.rate": [2, 4, 8]}
COUNTED = PYTHON.replace(
    '    "What a waiting request counts for."\n',
    '''    "What a waiting request counts for."

    def memory(self, seed, replicas):
        """Write down that a run begins."""
        with Path(__file__).with_name("log").open("a") as log:
            log.write(f"{self.weight} {seed}\\\\n")
        return np.zeros(1)
''',
).replace(
    "from dataclasses import dataclass",
    "from dataclasses import dataclass\nfrom pathlib import Path\n\nimport numpy as np",
)
FATAL = COUNTED.replace(
    "        return int(",
    """        if self.weight == 3.0 and request == 20 and Path(__file__).with_name("fatal").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return int(""",
).replace("from pathlib import Path", "import os\nimport signal\nfrom pathlib import Path")


def counted(folder: Path, policy: str = COUNTED) -> Document:
    """Return a scenario whose runs are written down in the file `log` beside it."""
    written(folder, policy.replace("\\\\n", "\\n"), "mine.py")
    return document(folder, SCENARIO + "route: {use: ./mine.py}\n")


def log(folder: Path) -> list[str]:
    return (folder / "log").read_text().splitlines() if (folder / "log").exists() else []


def test_equal_scenarios_give_equal_bytes_again_and_with_more_processes(tmp_path: Path) -> None:
    plan = cells(Document.parse(SCENARIO + COMPARE), 2)
    for name, jobs in (("once", 1), ("again", 1), ("apart", 2)):
        run(plan, tmp_path / name, jobs=jobs)
    once = content(tmp_path / "once")
    assert len(once) >= 4 * 4
    assert content(tmp_path / "again") == once
    assert content(tmp_path / "apart") == once


def test_runs_that_exist_are_read_and_give_the_same_outcomes(tmp_path: Path) -> None:
    plan = cells(counted(tmp_path), over={"route.weight": [1.0, 2.0]})
    first = run(plan, tmp_path / "out")
    assert len(log(tmp_path)) == 2
    second = run(plan, tmp_path / "out")
    assert len(log(tmp_path)) == 2
    for one, two in zip(first, second, strict=True):
        np.testing.assert_equal(dict(two.metrics), dict(one.metrics))
        np.testing.assert_equal(dict(two.items), dict(one.items))
        np.testing.assert_equal(dict(two.series["timeline"]), dict(one.series["timeline"]))


def test_outcomes_come_in_the_order_of_the_cells_however_many_processes(tmp_path: Path) -> None:
    plan = cells(Document.parse(SCENARIO), over={"trace.requests": [80, 20, 60, 40]})
    for jobs in (1, 2):
        found = run(plan, tmp_path / str(jobs), jobs=jobs)
        assert [len(outcome.items["arrival"]) for outcome in found] == [80, 20, 60, 40]


def test_progress_rises_to_the_number_of_cells(tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []
    plan = cells(Document.parse(SCENARIO), over=RATES)
    run(plan, tmp_path, progress=lambda done, total: told.append((done, total)))
    done = [d for d, _ in told]
    assert done == sorted(done)
    assert told[-1] == (3, 3)
    assert {total for _, total in told} == {3}


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_failing_run_names_its_point_and_the_others_are_kept(tmp_path: Path, jobs: int) -> None:
    policy = PYTHON.replace("        return int(", "        assert self.weight < 2, 'too heavy'\n        return int(")
    written(tmp_path, policy, "mine.py")
    over = {"route.weight": [3.0, 1.0, 4.0]}
    plan = cells(document(tmp_path, SCENARIO + "route: {use: ./mine.py}\n"), over=over)
    line = policy.splitlines().index("        assert self.weight < 2, 'too heavy'") + 1
    said = f"route.weight=3.0 seed=3: {tmp_path / 'mine.py'}:{line} in choose: AssertionError: too heavy"
    with pytest.raises(ValueError, match="seed=3") as caught:
        run(plan, tmp_path / "out", jobs=jobs)
    assert str(caught.value).splitlines() == [said, said.replace("3.0", "4.0")]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [plan[1].folder]


def test_a_sweep_that_was_killed_goes_on_where_it_was_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    plan = cells(counted(tmp_path, FATAL), over={"route.weight": [1.0, 2.0, 3.0, 4.0]})
    run(plan, tmp_path / "whole")
    (tmp_path / "log").unlink()
    (tmp_path / "fatal").touch()
    command = [sys.executable, "-m", "evenly", "sweep", "scenario.yaml", "--over", "route.weight=1.0,2.0,3.0,4.0"]
    command += ["--out", "out"]
    killed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert {path.name for path in (tmp_path / "out").glob("*/")} == {cell.folder for cell in plan[:2]}
    assert len(log(tmp_path)) == 3
    (tmp_path / "fatal").unlink()
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)
    assert again.returncode == 0, again.stderr
    assert [line.split()[0] for line in log(tmp_path)] == ["1.0", "2.0", "3.0", "3.0", "4.0"]
    whole = content(tmp_path / "whole")
    assert {name: data for name, data in content(tmp_path / "out").items() if "/" in name} == whole


def test_a_process_that_is_killed_while_it_writes_leaves_no_run(tmp_path: Path) -> None:
    written(tmp_path)
    code = """
import os, signal, sys
from pathlib import Path
from evenly.cli import main
Path.rename = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
sys.argv = ["evenly", "compare", "scenario.yaml", "--out", "out"]
main()
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = [path for path in (tmp_path / "out").iterdir() if path.is_dir()]
    assert [path.name.startswith(".draft-") for path in left] == [True]
    with pytest.raises(ValueError, match="none of the 1 runs is complete; run the same command again"):
        record.read(tmp_path / "out")
    (cell,) = cells(Document.read(tmp_path / "scenario.yaml"))
    run([cell], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == [cell.folder]


def test_a_report_draws_the_last_comparison_of_a_folder_and_no_other(tmp_path: Path) -> None:
    first = cells(Document.parse(SCENARIO + COMPARE), 2)
    second = cells(Document.parse(SCENARIO), over=RATES)
    for title, plan in (("first", first), ("second", second)):
        folder.prepare(tmp_path)
        record.write(plan, title, tmp_path)
        run(plan, tmp_path)
    title, found, paths, missing = record.read(tmp_path)
    assert (title, missing) == ("second", 0)
    assert [cell.title for cell in found] == [cell.title for cell in second]
    assert [path.name for path in paths] == [cell.folder for cell in second]
    (one,) = record.read(tmp_path / first[0].folder)[1]
    assert one.label == "one"


@pytest.mark.slow
def test_a_dask_cluster_gives_the_bytes_that_this_process_gives(tmp_path: Path) -> None:
    distributed = pytest.importorskip("dask.distributed")
    plan = cells(Document.parse(SCENARIO + COMPARE), 2)
    run(plan, tmp_path / "here")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own, about their own
        run(plan, tmp_path / "local", jobs=2, backend="dask")
        with distributed.LocalCluster(n_workers=1, host="127.0.0.1", dashboard_address=None) as cluster:
            run(plan, tmp_path / "named", backend="dask", scheduler=cluster.scheduler_address)
    assert content(tmp_path / "local") == content(tmp_path / "here")
    assert content(tmp_path / "named") == content(tmp_path / "here")


def test_a_scheduler_that_is_not_there_is_named() -> None:
    distributed = pytest.importorskip("dask.distributed")
    import dask

    assert distributed
    plan = cells(Document.parse(SCENARIO))
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
        pytest.raises(ValueError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"),
    ):
        run(plan, None, backend="dask", scheduler="tcp://127.0.0.1:9")


def test_a_cell_can_be_sent_to_another_process() -> None:
    import pickle

    (cell,) = cells(Document.parse(SCENARIO))
    again: Cell = pickle.loads(pickle.dumps(cell))
    assert again == cell
    assert again.digest == cell.digest
    assert os.sep not in again.folder
