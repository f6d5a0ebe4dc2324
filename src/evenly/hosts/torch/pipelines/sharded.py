"""A pipeline whose input and output layer lie on all its ranks, in the order of a schedule."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from evenly.hosts.torch.vocabulary import ShardedInput, ShardedOutput
from evenly.hosts.torch.vocabulary import shard as parts
from evenly.train.pipeline.passes import (
    BACKWARD,
    EMBED,
    FORWARD,
    GRADIENT,
    INPUT,
    SCATTER,
    SOFTMAX,
    WEIGHT,
    Order,
)

ASYNC = {"async_op": True}
Key = tuple[int, int]
"""Stage and micro-batch."""


@dataclass(slots=True)
class _Step:
    """What one step keeps between its passes."""

    tokens: Sequence[Tensor]
    labels: Sequence[Tensor]
    scale: float
    "Of the loss of a token."
    embedded: dict[int, tuple[Any, Tensor]] = field(default_factory=dict)
    "States of the input layer, on the rank of the first stage, on their way."
    inputs: dict[Key, Tensor] = field(default_factory=dict)
    "From a stage of this rank to the next one, which is also here."
    gradients: dict[Key, Tensor] = field(default_factory=dict)
    "The same on the way back; of stage -1 those of the input layer."
    saved: dict[Key, tuple[Tensor, Tensor]] = field(default_factory=dict)
    "Input and output of a stage, from its forward pass until its last gradient."
    weights: dict[Key, Any] = field(default_factory=dict)
    "What gradients of weights are computed from."
    shards: dict[int, parts.Shard] = field(default_factory=dict)
    meetings: dict[int, tuple[Any, list[Tensor]]] = field(default_factory=dict)
    "In order; those whose sums have not come in."
    sums: dict[int, tuple[Any, Tensor]] = field(default_factory=dict)
    "Gradients of the states of the last stage."
    pending: list[Any] = field(default_factory=list)
    "What was sent, until it has arrived."
    loss: float = 0.0


class Sharded:
    """The stages of one rank, and its shards of the input and the output layer.

    All ranks make it and call `step` with the same tokens and labels. Meetings of all ranks are on their way while
    passes go on; a rank waits for them where the order has the pass that needs them.

    Reference: M. T. Yeung et al., "Balancing pipeline parallelism with vocabulary parallelism", 2024.
    """

    def __init__(self, order: Order, stages: Sequence[nn.Module], embed: ShardedInput, head: ShardedOutput) -> None:
        """Prepare the stages of this rank, in their order; raise `ValueError` if order and layers do not fit."""
        order.check()
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        own = [stage for stage, device in enumerate(order.home.tolist()) if device == self.rank]
        if order.devices != self.size or len(own) != len(stages):
            raise ValueError(
                f"the order has {order.devices} devices and {len(own)} stages here, not {self.size} and {len(stages)}"
            )
        if order.barriers != head.barriers:
            raise ValueError(f"the order has {order.barriers} barriers, the output layer {head.barriers}")
        self.home: list[int] = order.home.tolist()
        self.passes, self.micro, self.chunks = order.lists()[self.rank], order.micro, order.chunks
        self.stages, self.embed, self.head = dict(zip(own, stages, strict=True)), embed, head
        self.first, self.last = self.home[0] == self.rank, self.home[-1] == self.rank
        if self.chunks > 1 and dist.get_backend() != "gloo":
            raise ValueError(
                f"several stages a rank need sends with tags, which gloo has and {dist.get_backend()} has not"
            )
        names = ("embed", "states", "sums", "gradients", "returned", "forward", "backward")
        self.groups = {name: dist.new_group() for name in names}  # so that none waits for another's turn
        self.held = 0.0
        "Most micro-batches whose activations this rank held at once in the last step."
        self.seconds: list[float] = []
        "Processor seconds of this thread in each pass of the last step, in their order; waiting takes none."

    def step(self, tokens: Sequence[Tensor], labels: Sequence[Tensor]) -> float:
        """Compute one step, add its gradients to the parameters, and return the mean loss of all tokens that count.

        `tokens` and `labels` are those of each micro-batch, [...], of any shape that all ranks know; states have the
        type of the tables' weights.
        """
        if [part.shape for part in tokens] != [part.shape for part in labels] or len(tokens) != self.micro:
            raise ValueError(
                f"a step has {self.micro} micro-batches, labels in the shape of their tokens, not {len(tokens)} and "
                f"{len(labels)}"
            )
        count = sum(int((part != self.head.ignore).sum()) for part in labels)
        step, self.held, self.seconds = _Step(tokens, labels, 1.0 / max(count, 1)), 0.0, []
        verbs = {
            FORWARD: self._forward,
            BACKWARD: self._backward,
            INPUT: self._input,
            WEIGHT: self._weight,
            SOFTMAX: self._softmax,
            GRADIENT: self._gradient,
            EMBED: self._embed,
            SCATTER: self._scatter,
        }
        for kind, stage, batch in self.passes:
            begin = time.thread_time()
            self._advance(step)
            verbs[kind](step, stage, batch)
            self.seconds.append(time.thread_time() - begin)
            self.held = max(self.held, len(step.saved) / self.chunks)
        for work in step.pending:
            work.wait()
        return step.loss * step.scale

    def _empty(self, step: _Step, batch: int) -> Tensor:
        """Return room for the states of a micro-batch, [..., h]."""
        return self.head.weight.new_empty(*step.tokens[batch].shape, self.head.hidden)

    def _tag(self, stage: int, batch: int, back: bool) -> int:
        return 2 * (stage * self.micro + batch) + back

    def _embed(self, step: _Step, _: int, batch: int) -> None:
        part = self.embed.part(step.tokens[batch])
        work = dist.all_reduce(part, group=self.groups["embed"], **ASYNC)
        if self.first:
            step.embedded[batch] = work, part
        else:
            step.pending.append(work)

    def _forward(self, step: _Step, stage: int, batch: int) -> None:
        if stage == 0:
            work, x = step.embedded.pop(batch)
            work.wait()
        elif (stage, batch) in step.inputs:
            x = step.inputs.pop((stage, batch))
        else:
            x = self._empty(step, batch)
            dist.recv(x, self.home[stage - 1], self.groups["forward"], self._tag(stage, batch, back=False))
        y = self.stages[stage](x.requires_grad_())
        step.saved[stage, batch] = x, y
        sent = y.detach().contiguous()
        if stage == len(self.home) - 1:
            step.pending.append(dist.broadcast(sent, self.rank, group=self.groups["states"], **ASYNC))
        elif stage + 1 in self.stages:
            step.inputs[stage + 1, batch] = sent
        else:
            tag = self._tag(stage + 1, batch, back=False)
            step.pending.append(dist.isend(sent, self.home[stage + 1], self.groups["forward"], tag))

    def _softmax(self, step: _Step, _: int, batch: int) -> None:
        if self.last:
            x = step.saved[len(self.home) - 1, batch][1].detach()
        else:
            x = self._empty(step, batch)
            dist.broadcast(x, self.home[-1], group=self.groups["states"])
        shard = self.head.softmax(
            x.reshape(-1, self.head.hidden), step.labels[batch].reshape(-1), self.head.barriers == 1
        )
        room = [torch.empty_like(shard.sums) for _ in range(self.size)]
        step.shards[batch] = shard
        step.meetings[batch] = dist.all_gather(room, shard.sums, group=self.groups["sums"], **ASYNC), room

    def _advance(self, step: _Step) -> None:
        """Go on with the meetings that are over, in their order, and let go of what has arrived."""
        step.pending = [work for work in step.pending if not work.is_completed()]
        for batch in list(step.meetings):
            if not step.meetings[batch][0].is_completed():
                return
            self._settle(step, batch)

    def _settle(self, step: _Step, batch: int) -> None:
        """Wait for the sums up to this micro-batch; with one barrier, send off the gradients of their states."""
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

    def _gradient(self, step: _Step, _: int, batch: int) -> None:
        self._settle(step, batch)
        shard = step.shards.pop(batch)
        logits = parts.minus_labels(shard)
        if self.head.barriers == 2:
            self._sum(step, batch, logits @ self.head.weight.detach())
        _add(self.head.weight, (logits.T @ shard.x) * step.scale)

    def _backward(self, step: _Step, stage: int, batch: int) -> None:
        gradient = self._arrived(step, stage, batch)
        x, y = step.saved.pop((stage, batch))
        y.backward(gradient)
        assert x.grad is not None
        self._returned(step, stage, batch, x.grad)

    def _input(self, step: _Step, stage: int, batch: int) -> None:
        from torch.distributed.pipelining._backward import stage_backward_input

        gradient = self._arrived(step, stage, batch)
        x, y = step.saved[stage, batch]
        found, late = stage_backward_input([y], [gradient], [x], self.stages[stage].parameters())
        step.weights[stage, batch] = late
        self._returned(step, stage, batch, found[0])

    def _weight(self, step: _Step, stage: int, batch: int) -> None:
        from torch.distributed.pipelining._backward import stage_backward_weight

        stage_backward_weight(self.stages[stage].parameters(), step.weights.pop((stage, batch)))
        del step.saved[stage, batch]

    def _arrived(self, step: _Step, stage: int, batch: int) -> Tensor:
        """Wait for the gradient of the output of a stage, and return it."""
        if stage == len(self.home) - 1:
            self._settle(step, batch)
            work, flat = step.sums.pop(batch)
            work.wait()
            return flat.reshape(*step.tokens[batch].shape, self.head.hidden)
        if (stage, batch) in step.gradients:
            return step.gradients.pop((stage, batch))
        gradient = self._empty(step, batch)
        dist.recv(gradient, self.home[stage + 1], self.groups["backward"], self._tag(stage, batch, back=True))
        return gradient

    def _returned(self, step: _Step, stage: int, batch: int, gradient: Tensor) -> None:
        """Hand the gradient of the input of a stage to the stage before, the first one's to the input layer."""
        if stage == 0:
            step.pending.append(dist.broadcast(gradient, self.rank, group=self.groups["returned"], **ASYNC))
            step.gradients[-1, batch] = gradient
        elif stage - 1 in self.stages:
            step.gradients[stage - 1, batch] = gradient
        else:
            tag = self._tag(stage - 1, batch, back=True)
            step.pending.append(dist.isend(gradient, self.home[stage - 1], self.groups["backward"], tag))

    def _scatter(self, step: _Step, _: int, batch: int) -> None:
        if self.first:
            gradient = step.gradients.pop((-1, batch))
        else:
            gradient = self._empty(step, batch)
            dist.broadcast(gradient, self.home[0], group=self.groups["returned"])
        _add(self.embed.weight, self.embed.scattered(step.tokens[batch], gradient))


def _add(parameter: nn.Parameter, gradient: Tensor) -> None:
    """Add to the gradient of a parameter."""
    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
