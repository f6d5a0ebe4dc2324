"""Both ranks of a training with all parts, forked from a process that has torch loaded.

`python -m tests.hosts.torch.killed FOLDER` runs it until a checkpoint is whole and both ranks kill themselves, then
again; it prints the losses of each run by step, as JSON.
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from evenly.hosts.torch.checkpoints import folder as versions
from examples.training.compare import RANKS
from examples.training.parts import Parts
from examples.training.train import train
from tests.hosts.torch.training import RUN

SOONEST = 4  # a step after which two checkpoints were asked for


def main(folder: Path) -> list[dict[str, float]]:
    """Return the losses of a run that was killed, and of the one after it."""
    found = []
    for attempt, wanted in enumerate((-signal.SIGKILL, 0)):
        told = folder / f"losses-{attempt}"
        ranks = [forked(rank, attempt, folder, told) for rank in range(RANKS)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in ranks]
        assert codes == [wanted] * RANKS, codes
        found.append(dict(json.loads(line) for line in told.read_text().splitlines()))
    return found


def forked(rank: int, attempt: int, folder: Path, told: Path) -> int:
    """Return the process of a rank, which is killed in the first attempt."""
    if child := os.fork():
        return child
    try:
        store = f"file://{folder / f'store-{attempt}'}"
        dist.init_process_group("gloo", init_method=store, rank=rank, world_size=RANKS)
        for meter in train(Parts.named("all"), RUN, folder / "run"):
            if rank == 0:
                with told.open("a") as file:
                    file.write(json.dumps([meter.step, meter.losses[-1]]) + "\n")
            if attempt == 0 and meter.step >= SOONEST:
                while not versions.versions(folder / "run"):
                    os.sched_yield()
                os.kill(os.getpid(), signal.SIGKILL)
        dist.destroy_process_group()
        os._exit(0)
    finally:
        os._exit(1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(main(Path(sys.argv[1]))))
