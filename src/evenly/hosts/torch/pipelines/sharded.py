"""A pipeline whose input and output layer lie on all its stages, in the order of a schedule."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from evenly.hosts.torch.vocabulary import ShardedInput, ShardedOutput
from evenly.hosts.torch.vocabulary import shard as parts
from evenly.train.pipeline.passes import BACKWARD, EMBED, FORWARD, GRADIENT, SCATTER, SOFTMAX, Order

ASYNC = {"async_op": True}


@dataclass(slots=True)
class _Step:
    """What one step keeps between its passes, by micro-batch."""

    tokens: Sequence[Tensor]
    labels: Sequence[Tensor]
    scale: float
    "Of the loss of a token."
    embedded: dict[int, tuple[Any, Tensor]] = field(default_factory=dict)
    saved: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    "Input and output of this stage, from its forward to its backward pass."
    shards: dict[int, parts.Shard] = field(default_factory=dict)
    meetings: dict[int, tuple[Any, list[Tensor]]] = field(default_factory=dict)
    "In order; those whose sums have not come in."
    sums: dict[int, tuple[Any, Tensor]] = field(default_factory=dict)
    "Gradients of the states of the last stage."
    pending: list[Any] = field(default_factory=list)
    "What was sent, until it has arrived."
    loss: float = 0.0


class Sharded:
    """One stage of a pipeline with one stage a rank, and its shards of the input and the output layer.

    All ranks make it and call `step` with the same tokens and labels. Meetings of all ranks are on their way while passes
    go on; a rank waits for them where the order has the pass that needs them.

    Reference: M. T. Yeung, P. Qi, M. Lin and X. Wan, "Balancing pipeline parallelism with vocabulary parallelism", 2024.
    """

    def __init__(self, order: Order, stage: nn.Module, embed: ShardedInput, head: ShardedOutput) -> None:
        """Prepare; raise `ValueError` for an order or layers that do not fit each other or the ranks."""
        order.check()
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        if order.devices != self.size or order.chunks != 1:
            raise ValueError(f"the order has {len(order.home)} stages on {order.devices} devices, not one on {self.size}")
        if order.barriers != head.barriers:
            raise ValueError(f"the order has {order.barriers} barriers, the output layer {head.barriers}")
        self.passes, self.micro = order.lists()[self.rank], order.micro
        if any(kind not in self._verbs() for kind, _, _ in self.passes):
            raise ValueError("the order splits backward passes; this pipeline computes whole ones")
        self.stage, self.embed, self.head = stage, embed, head
        self.first, self.last = self.rank == 0, self.rank == self.size - 1
        names = ("embed", "states", "sums", "gradients", "returned")
        self.groups = {name: dist.new_group() for name in names}  # so that none waits for another's turn
        self.held = 0
        "Most micro-batches whose activations this rank held at once in the last step."

    def step(self, tokens: Sequence[Tensor], labels: Sequence[Tensor]) -> float:
        """Compute one step, add its gradients to the parameters, and return the mean loss of all tokens that count.

        `tokens` and `labels` are those of each micro-batch, [b, s], all alike in shape.
        """
        if len(tokens) != self.micro or len(labels) != self.micro or len({part.shape for part in tokens}) != 1:
            raise ValueError(f"a step has {self.micro} micro-batches of one shape, not {len(tokens)} and {len(labels)}")
        count = sum(int((part != self.head.ignore).sum()) for part in labels)
        step, self.held = _Step(tokens, labels, 1.0 / max(count, 1)), 0
        verbs = self._verbs()
        for kind, _, batch in self.passes:
            self._advance(step)
            verbs[kind](step, batch)
            self.held = max(self.held, len(step.saved))
        for work in step.pending:
            work.wait()
        return step.loss * step.scale

    def _verbs(self) -> dict[int, Any]:
        return {
            FORWARD: self._forward,
            BACKWARD: self._backward,
            SOFTMAX: self._softmax,
            GRADIENT: self._gradient,
            EMBED: self._embed,
            SCATTER: self._scatter,
        }

    def _empty(self, step: _Step) -> Tensor:
        """Return room for the states of a micro-batch, [b, s, h]."""
        return self.head.weight.new_empty(*step.tokens[0].shape, self.head.hidden)

    def _embed(self, step: _Step, batch: int) -> None:
        part = self.embed.part(step.tokens[batch])
        work = dist.all_reduce(part, group=self.groups["embed"], **ASYNC)
        if self.first:
            step.embedded[batch] = work, part
        else:
            step.pending.append(work)

    def _forward(self, step: _Step, batch: int) -> None:
        if self.first:
            work, x = step.embedded.pop(batch)
            work.wait()
        else:
            x = self._empty(step)
            dist.recv(x, self.rank - 1, tag=2 * batch)
        y = self.stage(x.requires_grad_())
        step.saved[batch] = x, y
        if self.last:
            sent = y.detach().contiguous()
            step.pending.append(dist.broadcast(sent, self.rank, group=self.groups["states"], **ASYNC))
        else:
            step.pending.append(dist.isend(y.detach().contiguous(), self.rank + 1, tag=2 * batch))

    def _softmax(self, step: _Step, batch: int) -> None:
        if self.last:
            x = step.saved[batch][1].detach()
        else:
            x = self._empty(step)
            dist.broadcast(x, self.size - 1, group=self.groups["states"])
        shard = self.head.softmax(x.reshape(-1, self.head.hidden), step.labels[batch].reshape(-1))
        room = [torch.empty_like(shard.sums) for _ in range(self.size)]
        step.shards[batch] = shard
        step.meetings[batch] = dist.all_gather(room, shard.sums, group=self.groups["sums"], **ASYNC), room

    def _advance(self, step: _Step) -> None:
        """Go on with the meetings that are over, in their order, and let go of what has arrived."""
        step.pending = [work for work in step.pending if not work.is_completed()]
        while step.meetings and (batch := next(iter(step.meetings))) is not None:
            if not step.meetings[batch][0].is_completed():
                return
            self._settle(step, batch)

    def _settle(self, step: _Step, batch: int) -> None:
        """Wait for the sums of a micro-batch; with one barrier, send off the gradient of its states."""
        for known in [known for known in step.meetings if known <= batch]:
            work, room = step.meetings.pop(known)
            work.wait()
            shard = step.shards[known]
            step.loss += float(parts.settle(shard, torch.stack(room)).sum())
            if self.head.barriers == 1:
                self._sum(step, known, parts.early(shard, self.head.weight.detach()))

    def _sum(self, step: _Step, batch: int, part: Tensor) -> None:
        part *= step.scale
        work = dist.all_reduce(part, group=self.groups["gradients"], **ASYNC)
        if self.last:
            step.sums[batch] = work, part
        else:
            step.pending.append(work)

    def _gradient(self, step: _Step, batch: int) -> None:
        self._settle(step, batch)
        shard = step.shards.pop(batch)
        logits = parts.minus_labels(shard)
        if self.head.barriers == 2:
            self._sum(step, batch, logits @ self.head.weight.detach())
        _add(self.head.weight, (logits.T @ shard.x) * step.scale)

    def _backward(self, step: _Step, batch: int) -> None:
        if self.last:
            self._settle(step, batch)
            work, flat = step.sums.pop(batch)
            work.wait()
            gradient = flat.reshape(*step.tokens[batch].shape, self.head.hidden)
        else:
            gradient = self._empty(step)
            dist.recv(gradient, self.rank + 1, tag=2 * batch + 1)
        x, y = step.saved.pop(batch)
        y.backward(gradient)
        assert x.grad is not None
        if self.first:
            step.pending.append(dist.broadcast(x.grad, 0, group=self.groups["returned"], **ASYNC))
            step.embedded[batch] = None, x.grad
        else:
            step.pending.append(dist.isend(x.grad, self.rank - 1, tag=2 * batch + 1))

    def _scatter(self, step: _Step, batch: int) -> None:
        if self.first:
            gradient = step.embedded.pop(batch)[1]
        else:
            gradient = self._empty(step)
            dist.broadcast(gradient, 0, group=self.groups["returned"])
        _add(self.embed.weight, self.embed.scattered(step.tokens[batch], gradient))


def _add(parameter: nn.Parameter, gradient: Tensor) -> None:
    """Add to the gradient of a parameter."""
    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
