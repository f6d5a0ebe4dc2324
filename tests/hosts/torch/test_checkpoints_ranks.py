"""Several processes over gloo: a version is there when all ranks have theirs, and is read by any number of them."""

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")

SCRIPT = """
import sys
import torch
import torch.distributed as dist
from evenly.hosts.torch.checkpoints import Checkpoints
from evenly.hosts.torch.checkpoints.sharded import rows



def sharded(weight, ranks):
    # a layer whose weight is a DTensor, cut by rows
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    layer = torch.nn.Linear(7, 10, bias=False)
    mesh = init_device_mesh("cpu", (ranks,))
    layer.weight = torch.nn.Parameter(distribute_tensor(weight.clone(), mesh, [Shard(0)]))
    return layer


torch.set_num_threads(1)
rank, ranks, store, folder, what = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks)
whole = torch.arange(70.0).reshape(10, 7)
with Checkpoints(folder, buffer=1 << 16) as checkpoints:
    if what == "save":
        state = {"table": rows(whole, rank, ranks), "rank": rank, "bias": torch.ones(3), "model": sharded(whole, ranks)}
        checkpoints.save(state, 1)
        if rank == 1:
            state["table"] = rows(whole + 1, rank, ranks)
            checkpoints._writer.folder = checkpoints.folder / "version-0000000001" / "manifest.json"  # not a folder
        try:
            checkpoints.save(state, 2)
        except (OSError, ValueError) as error:
            print(type(error).__name__, "rank 1" in str(error))
    else:
        block = rows(torch.zeros(10, 7), rank, ranks)
        model = sharded(torch.zeros(10, 7), ranks)
        state = {"table": block, "bias": torch.zeros(3), "model": model}
        print(
            checkpoints.load(state),
            torch.equal(block.local, rows(whole, rank, ranks).local),
            torch.equal(model.weight.full_tensor(), whole),
        )
dist.destroy_process_group()
"""


def together(ranks: int, folder: Path, what: str) -> list[str]:
    """Run the script in so many processes; return what each said."""
    store = folder.with_name(f"store-{what}-{ranks}")
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    runs = [
        subprocess.Popen(
            [*command, str(rank), str(ranks), str(store), str(folder), what],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(ranks)
    ]
    try:
        said = [run.communicate(timeout=120) for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert all(run.returncode == 0 for run in runs), said
    return [out.strip() for out, _ in said]


def test_what_two_ranks_saved_two_and_three_read_and_a_rank_that_fails_fails_the_version(tmp_path: Path) -> None:
    from evenly.hosts.torch.checkpoints import folder as versions
    from evenly.hosts.torch.checkpoints.checkpoints import Checkpoints

    folder = tmp_path / "run"
    said = together(2, folder, "save")
    assert said == ["CheckpointError True", "NotADirectoryError False"]
    assert versions.versions(folder) == [1]
    assert together(3, folder, "load") == ["1 True True"] * 3
    state = {"table": None, "rank": None}
    with Checkpoints(folder, buffer=1 << 16) as checkpoints:
        assert checkpoints.load(state) == 1
    assert torch.equal(torch.as_tensor(state["table"]), torch.arange(70.0).reshape(10, 7))
    assert state["rank"] == 0
