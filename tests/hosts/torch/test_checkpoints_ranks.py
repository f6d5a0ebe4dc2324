"""Several processes over gloo: a version is there when all ranks have theirs, and is read by any number of them."""

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")
from evenly.hosts.torch.checkpoints import Checkpoints  # noqa: E402
from evenly.hosts.torch.checkpoints import folder as versions  # noqa: E402

SCRIPT = """
import sys
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor
from evenly.hosts.torch.checkpoints import Checkpoints, Sharded
from evenly.hosts.torch.checkpoints.sharded import rows

torch.set_num_threads(1)
rank, store, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
mesh = init_device_mesh("cpu", (2,))
whole = torch.arange(70.0).reshape(10, 7)
columns = Sharded(torch.zeros(10, 3 + rank), (10, 7), (0, 3 * rank))


def layer(weight):
    made = torch.nn.Linear(7, 10, bias=False)
    made.weight = torch.nn.Parameter(distribute_tensor(weight.clone(), mesh, [Shard(0)]))
    return made


with Checkpoints(folder, buffer=1 << 16) as checkpoints:
    state = {"table": rows(whole, rank, 2), "rank": rank, "bias": torch.ones(3), "model": layer(whole)}
    checkpoints.save(state, 1)
    if rank == 1:
        checkpoints._writer.folder = checkpoints.folder / "version-0000000001" / "manifest.json"  # not a folder
    try:
        checkpoints.save(state, 2)
    except (OSError, ValueError) as error:
        print(type(error).__name__, "rank 1" in str(error))
    model = layer(torch.zeros(10, 7))
    bias = distribute_tensor(torch.zeros(3), mesh, [Shard(0)])
    again = {"table": columns, "rank": None, "model": model, "bias": bias}
    print(checkpoints.load(again), again["rank"] == rank and torch.equal(bias.full_tensor(), torch.ones(3)))
    print(torch.equal(columns.local, whole[:, 3 * rank : 3 + 4 * rank]))
    print(torch.equal(model.weight.full_tensor(), whole))
dist.destroy_process_group()
"""


def together(folder: Path) -> list[list[str]]:
    """Run the script in two processes; return what each said, line by line."""
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    runs = [
        subprocess.Popen(
            [*command, str(rank), str(folder.with_name("store")), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [run.communicate(timeout=300) for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert all(run.returncode == 0 for run in runs), said
    return [out.splitlines() for out, _ in said]


def test_what_two_ranks_saved_they_read_cut_otherwise_and_so_does_one(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    said = together(folder)
    assert [lines[0] for lines in said] == ["CheckpointError True", "NotADirectoryError False"]
    assert [lines[1:] for lines in said] == [["1 True", "True", "True"]] * 2
    assert versions.versions(folder) == [1], "a rank that fails fails the version on all"
    state = {"table": None, "rank": None, "bias": torch.zeros(3)}
    with Checkpoints(folder, buffer=1 << 16) as checkpoints:
        assert checkpoints.load(state) == 1
    assert torch.equal(torch.as_tensor(state["table"]), torch.arange(70.0).reshape(10, 7))
    assert state["rank"] == 0
