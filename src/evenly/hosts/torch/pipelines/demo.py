"""Train a small model on a pipeline whose vocabulary lies on all ranks, one stage a rank.

`torchrun --nproc-per-node 2 -m evenly.hosts.torch.pipelines.demo`
"""

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from evenly.hosts.torch.pipelines.sharded import Sharded
from evenly.hosts.torch.vocabulary import ShardedInput, ShardedOutput
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.schedules.one_f_one_b import OneFOneB
from evenly.train.pipeline.times import Times

WORDS, HIDDEN, STEPS = 101, 32, 30


def main() -> None:
    """Learn which word follows which; print the loss of some steps."""
    dist.init_process_group("gloo")
    torch.set_num_threads(1)
    rank, size = dist.get_rank(), dist.get_world_size()
    one, part, none = np.ones(size), np.full(size, 0.25), np.zeros(size)
    times = Times(forward=one, input=one, weight=one, softmax=part, gradient=part, embed=none, scatter=none)
    order = OneFOneB().order(Job(size, 4 * size, "two-barriers", times))
    torch.manual_seed(rank)
    stage = nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN))
    head = ShardedOutput(HIDDEN, WORDS)
    embed = ShardedInput(WORDS, HIDDEN, tied=head)
    pipeline = Sharded(order, [stage], embed, head)
    optimiser = torch.optim.AdamW([*stage.parameters(), *head.parameters()], lr=1e-2)
    data = torch.Generator().manual_seed(0)  # the same words on all ranks
    for step in range(STEPS):
        tokens = torch.randint(0, WORDS, (order.micro, 2, 16), generator=data)
        optimiser.zero_grad()
        loss = pipeline.step(list(tokens), list((tokens + 1) % WORDS))
        optimiser.step()
        if rank == 0 and step % 10 in (0, 9):
            print(f"step {step}: loss {loss:.3f}, {pipeline.held:g} micro-batches held")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
