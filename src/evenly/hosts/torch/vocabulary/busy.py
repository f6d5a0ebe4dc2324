"""What a pipeline with its output layer on the last stage costs each process, and one with it on all of them."""

import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 as everybody calls it
from torch import Tensor, nn

from evenly.hosts.torch.pipelines.sharded import Sharded
from evenly.hosts.torch.vocabulary import ShardedInput, ShardedOutput
from evenly.train.pipeline.passes import Order

HIDDEN, SHAPE = 128, (1, 256)  # of a micro-batch
WORDS = 75 * HIDDEN  # an output layer of 6.25 layers, as of the 4B model with 256,000 words
LAYERS = 4  # of a stage
ROUNDS = 3  # of which the fastest counts, after one that does not


class Block(nn.Module):
    """As many products of width h as a transformer layer has weights, 12h² in all, without scores."""

    def __init__(self) -> None:
        super().__init__()
        self.square = nn.ModuleList(nn.Linear(HIDDEN, HIDDEN, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(HIDDEN, 4 * HIDDEN, bias=False), nn.Linear(4 * HIDDEN, HIDDEN, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the states after the layer."""
        y = x
        for part in self.square:
            y = part(y)
        found: Tensor = x + self.down(torch.tanh(self.up(y)))
        return found


def stage() -> nn.Sequential:
    """Return the layers of a stage."""
    return nn.Sequential(*(Block() for _ in range(LAYERS)))


def ends(rank: int, size: int, micro: int) -> float:
    """Return the processor seconds of a step of this process under torch's own 1F1B, tables on the ends."""
    from torch.distributed.pipelining import PipelineStage, Schedule1F1B

    layers = stage()
    if rank == 0:
        layers.insert(0, nn.Embedding(WORDS, HIDDEN))
    if rank == size - 1:
        layers.append(nn.Linear(HIDDEN, WORDS, bias=False))
    made = PipelineStage(layers, rank, size, torch.device("cpu"))
    schedule = Schedule1F1B(made, micro, loss_fn=lambda y, t: F.cross_entropy(y.flatten(0, 1), t.flatten()))
    tokens, labels = torch.randint(0, WORDS, (2, micro * SHAPE[0], SHAPE[1]))
    inputs = (tokens,) if rank == 0 else ()
    targets: dict[str, Any] = {"target": labels} if rank == size - 1 else {}
    return least(lambda: schedule.step(*inputs, **targets), layers)


def sharded(order: Order) -> float:
    """Return the processor seconds of a step of this process with tables on all of them."""
    layers = stage()
    embed, head = ShardedInput(WORDS, HIDDEN), ShardedOutput(HIDDEN, WORDS, barriers=order.barriers)
    pipeline = Sharded(order, [layers], embed, head)
    tokens, labels = torch.randint(0, WORDS, (2, order.micro, *SHAPE))
    return least(lambda: pipeline.step(list(tokens), list(labels)), layers, embed, head)


def least(step: Callable[[], Any], *modules: nn.Module) -> float:
    """Return the least processor seconds of a step; the first one counts for nothing."""
    taken = []
    for _ in range(1 + ROUNDS):
        for module in modules:
            module.zero_grad()
        start = time.process_time()
        step()
        taken.append(time.process_time() - start)
    return min(taken[1:])
