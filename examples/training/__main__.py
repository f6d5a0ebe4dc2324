"""Train with the parts that are named: `torchrun --nproc-per-node 2 -m examples.training --on all`."""

import argparse
from pathlib import Path

import torch
import torch.distributed as dist

from examples.training.parts import Parts, Run
from examples.training.train import train


def main() -> None:
    """Train under torchrun; print the losses, with all their digits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", default="all", help="all, none, or names of parts with commas between them")
    parser.add_argument("--steps", type=int, default=Run().steps, help="steps to train")
    parser.add_argument("--every", type=int, default=Run().every, help="steps from one checkpoint to the next")
    parser.add_argument(
        "--checkpoints", type=Path, default=Path("runs/training/checkpoints"), help="a run goes on from what is there"
    )
    asked = parser.parse_args()
    dist.init_process_group("gloo")
    torch.set_num_threads(1)
    for meter in train(Parts.named(asked.on), Run(steps=asked.steps, every=asked.every), asked.checkpoints):
        if dist.get_rank() == 0:
            print(f"step {meter.step}: loss {meter.losses[-1]!r}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
