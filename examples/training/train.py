"""The training: two stages of a pipeline, and a switch for each part.

Each part takes the place of what stands in its `else`; nothing else of the loop knows which are on.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.data import BatchSampler

from evenly.hosts.torch.batches.sampler import DistributedBatchSampler
from evenly.hosts.torch.checkpoints import Checkpoints
from evenly.hosts.torch.experts import BiasBalancer
from evenly.hosts.torch.pipelines.sharded import Sharded
from evenly.hosts.torch.vocabulary import ShardedInput, ShardedOutput
from evenly.train.batches.dealers.partitioned import Partitioned
from evenly.train.experts.balancers.nothing import Nothing
from evenly.train.experts.balancers.proportional import Proportional
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import Order
from evenly.train.pipeline.schedules.one_f_one_b import OneFOneB
from evenly.train.pipeline.times import Times
from examples.training.ends import Ends
from examples.training.meter import Meter
from examples.training.model import Stage
from examples.training.parts import Parts, Run
from examples.training.rows import Padded, Unpadded
from examples.training.saving import TorchSave
from examples.training.text import documents

PRICES = Proportional(3e-2)
"Chosen on seed 3, which no figure sees: best of sign 3e-2, proportional 3e-2 and 1e-1."
BUFFER = 32 << 20  # bytes of host memory for checkpoints, several states


def train(parts: Parts, run: Run, folder: Path) -> Iterator[Meter]:
    """Train as one of the ranks of `torch.distributed`, from the newest checkpoint in `folder` on, if there is one.

    Yields what was metered so far, after each step.
    """
    pipeline, model, stage = built(parts, run)
    optimizer = torch.optim.AdamW(model.parameters(), lr=run.rate, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    balancer = BiasBalancer(stage, PRICES if parts.experts else Nothing(), group=alone()).follow(optimizer)
    state = {"model": model, "optimizer": optimizer, "balancer": balancer, "step": 0}
    meter = Meter(sum(weight.numel() for weight in model.parameters()))
    texts = documents(run.size.vocabulary, run.size.length, run.seed)
    layout = Unpadded if parts.unpadded else Padded
    with saver(parts, folder, optimizer) as checkpoints:
        checkpoints.load(state)
        for step, chosen in enumerate(dealt(parts, run, texts, state["step"]), state["step"]):
            meter.begin()
            rows = [layout([texts[k] for k in micro_batch]) for micro_batch in chosen]
            stage.expect(rows)
            loss = pipeline.step([each.tokens for each in rows], [each.labels for each in rows])
            with meter.stall():
                checkpoints.wait()  # the optimizer does so by itself; here it is timed
            optimizer.step()
            optimizer.zero_grad()
            if (step + 1) % run.every == 0:
                with meter.stall():
                    checkpoints.async_save({**state, "step": step + 1}, step + 1)
                meter.saved += 1
            meter.end(step, loss, pipeline, rows, balancer)
            yield meter


def dealt(parts: Parts, run: Run, texts: Sequence[Tensor], start: int) -> Iterator[list[list[int]]]:
    """Yield the documents of each micro-batch of a step, from step `start` on.

    A step has the same documents whichever parts are on.
    """
    if parts.batches:
        lengths, dealer = [len(text) - 1 for text in texts], Partitioned(multiple=run.micro)
        # Both ranks compute all documents: a pipeline is one rank of data parallelism.
        sampler: Any = DistributedBatchSampler(lengths, run.batch, dealer=dealer, ranks=1, rank=0, shuffle=False)
    else:
        sampler = BatchSampler(range(len(texts)), run.documents, drop_last=True)
    micro_batches = islice(sampler, run.micro * start, run.micro * run.steps)
    while step := list(islice(micro_batches, run.micro)):
        yield step


def built(parts: Parts, run: Run) -> tuple[Any, nn.ModuleList, Stage]:
    """Return the pipeline, all that this rank has weights of, and its stage.

    Every rank draws the whole model, so that weights do not hang on where they lie, and keeps its part.
    """
    torch.manual_seed(run.seed)
    rank, ranks = dist.get_rank(), dist.get_world_size()
    dtype = torch.float64 if run.double else torch.float32
    embed, head = torch.randn(2, run.size.vocabulary, run.size.width).to(dtype) * run.size.width**-0.5
    stage = [Stage(run.size, k, ranks, parts.auxiliary / run.micro) for k in range(ranks)][rank].to(dtype)
    known = order(parts, run, ranks)
    if parts.vocabulary:
        sharded = ShardedInput.of(embed), ShardedOutput.of(head)
        return Sharded(known, [stage], *sharded), nn.ModuleList([stage, *sharded]), stage
    pipeline = Ends(known, stage, embed, head)
    tables: list[Any] = [table for table in (pipeline.embed, pipeline.head) if table is not None]
    return pipeline, nn.ModuleList([stage, *tables]), stage


def order(parts: Parts, run: Run, ranks: int) -> Order:
    """Return one forward, one backward; passes take as long as they have weights, twice that backward."""
    size = run.size
    layer = 4 * size.width**2 + (size.active + 2) * 2 * size.width * size.inner
    stage, none = np.full(ranks, size.layers / ranks * layer), np.zeros(ranks)
    shard = np.full(ranks, size.vocabulary * size.width / ranks)
    times = Times(forward=stage, input=stage, weight=stage, softmax=shard, gradient=2 * shard, embed=none, scatter=none)
    return OneFOneB().order(Job(ranks, run.micro, "two-barriers" if parts.vocabulary else "ends", times))


def alone() -> Any:
    """Return a group of this rank: no other one has the experts of its stage, so none is to share their counts."""
    return [dist.new_group([rank]) for rank in range(dist.get_world_size())][dist.get_rank()]


def saver(parts: Parts, folder: Path, optimizer: torch.optim.Optimizer) -> Any:
    """Return what makes the checkpoints."""
    if parts.checkpoints:
        return Checkpoints(folder, guard=optimizer, buffer=BUFFER)
    return TorchSave(folder)
