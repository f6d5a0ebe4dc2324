"""A pipeline as it is usually cut: the input layer on its first rank, the output layer on its last one."""

import time
from collections.abc import Sequence
from typing import Any

import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from evenly.hosts.torch.unpadded.packed import IGNORED
from evenly.train.pipeline.passes import FORWARD, Order


class Ends:
    """Runs an order without a sharded vocabulary, one stage a rank; `step` is that of evenly's `Sharded`.

    torch's own pipelines ask for micro-batches of one shape in all steps, which documents do not have.
    """

    def __init__(self, order: Order, stage: nn.Module, embed: Tensor, head: Tensor) -> None:
        """Keep the table that this rank computes with, of `embed` and `head`, [vocabulary, D]."""
        self.rank, self.last = dist.get_rank(), dist.get_world_size() - 1
        self.passes, self.stage, self.width = order.lists()[self.rank], stage, embed.shape[1]
        self.embed = nn.Embedding.from_pretrained(embed.clone(), freeze=False) if self.rank == 0 else None
        self.head = linear(head) if self.rank == self.last else None
        self.dtype = embed.dtype
        self.seconds: list[float] = []
        "Processor seconds of this thread in each pass of the last step, in their order; waiting takes none."

    def step(self, tokens: Sequence[Tensor], labels: Sequence[Tensor]) -> float:
        """Compute one step, add its gradients to the parameters, and return the mean loss of all tokens that count."""
        self.tokens, self.labels = tokens, labels
        self.scale = 1.0 / sum(int((part != IGNORED).sum()) for part in labels)
        self.saved: dict[int, tuple[Tensor, Tensor]] = {}
        self.sent: list[Any] = []
        self.seconds, self.loss = [], tokens[0].new_zeros((), dtype=self.dtype)
        for kind, _, batch in self.passes:
            begin = time.thread_time()
            (self._forward if kind == FORWARD else self._backward)(batch)
            self.seconds.append(time.thread_time() - begin)
        for work in self.sent:
            work.wait()
        dist.broadcast(self.loss, self.last)
        return float(self.loss)

    def _forward(self, batch: int) -> None:
        x = self.embed(self.tokens[batch]) if self.embed is not None else self._received(batch, self.rank - 1)
        y = self.stage(x)
        if self.head is not None:
            logits = self.head(y).flatten(0, -2)
            y = cross_entropy(logits, self.labels[batch].flatten(), reduction="sum", ignore_index=IGNORED) * self.scale
            self.loss += y.detach()
        else:
            self.sent.append(dist.isend(y.detach().contiguous(), self.rank + 1, tag=batch))
        self.saved[batch] = x, y

    def _backward(self, batch: int) -> None:
        x, y = self.saved.pop(batch)
        y.backward(None if self.head is not None else self._received(batch, self.rank + 1).detach())
        if self.embed is None:
            self.sent.append(dist.isend(x.grad.contiguous(), self.rank - 1, tag=batch))

    def _received(self, batch: int, rank: int) -> Tensor:
        """Return states, or their gradient, of a micro-batch from a neighbour."""
        found = self.loss.new_empty(*self.tokens[batch].shape, self.width)
        dist.recv(found, rank, tag=batch)
        return found.requires_grad_()


def linear(weight: Tensor) -> nn.Linear:
    """Return a linear layer with a copy of a weight."""
    made = nn.Linear(*weight.shape[::-1], bias=False)
    made.weight = nn.Parameter(weight.clone())
    return made
