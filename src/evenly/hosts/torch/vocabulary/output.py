"""The output layer with its cross entropy, each process with some rows of the vocabulary."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from evenly.hosts.torch.vocabulary import shard as parts
from evenly.hosts.torch.vocabulary.rows import place


class ShardedOutput(nn.Module):
    """The output layer and its mean cross entropy, in place of `nn.Linear` and `F.cross_entropy`.

    Every process calls it with the same states and labels, gets the same loss, and the whole gradient of the states;
    weights and their gradients stay where they are. No process holds logits of rows that it does not have. With one
    barrier the gradient of the states is computed in the forward pass, with two in the backward pass.

    Reference: M. T. Yeung et al., "Balancing pipeline parallelism with vocabulary parallelism", 2024.
    """

    def __init__(
        self,
        hidden: int,
        vocabulary: int,
        *,
        barriers: int = 2,
        rows: Sequence[int] | None = None,
        ignore: int = -100,
        weight: Tensor | None = None,
        group: "dist.ProcessGroup | None" = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        """Make the rows of this process: of `rows` those of each process, dealt evenly without.

        They are drawn anew, or taken from a whole `weight`, [vocabulary, hidden], without drawing anything. Tokens
        whose label is `ignore` do not count. Raises `ValueError` for other than one or two barriers, and rows that are
        not those of the vocabulary.
        """
        super().__init__()
        if barriers not in (1, 2):
            raise ValueError(f"barriers is 1 or 2, not {barriers}")
        self.hidden, self.vocabulary, self.barriers = hidden, vocabulary, barriers
        self.ignore, self.group = ignore, group
        self.first, self.last = place(vocabulary, rows, group)
        if weight is not None:
            self.weight = nn.Parameter(weight.detach()[self.first : self.last].clone())
            return
        self.weight = nn.Parameter(torch.empty(self.last - self.first, hidden, device=device, dtype=dtype))
        nn.init.normal_(self.weight, std=hidden**-0.5)

    @classmethod
    def of(cls, weight: Tensor, **settings: Any) -> "ShardedOutput":
        """Return the layer with this process' rows of a whole weight, [vocabulary, hidden]."""
        vocabulary, hidden = weight.shape
        return cls(hidden, vocabulary, weight=weight, **settings)

    def extra_repr(self) -> str:
        """Return what a person wants to know of the layer."""
        return f"{self.hidden}, rows {self.first} to {self.last} of {self.vocabulary}, barriers={self.barriers}"

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of the tokens that count, 0 where none does; states [..., h], labels [...].

        Raises `ValueError` for shapes that do not fit and labels beyond the vocabulary.
        """
        if x.shape[:-1] != labels.shape or x.shape[-1] != self.hidden:
            raise ValueError(
                f"states are [..., {self.hidden}] and labels [...], not {list(x.shape)} and {list(labels.shape)}"
            )
        states, flat = x.reshape(-1, self.hidden), labels.reshape(-1)
        counted = flat != self.ignore
        if bool((((flat < 0) | (flat >= self.vocabulary)) & counted).any()):
            raise ValueError(f"labels are 0 to {self.vocabulary - 1}, or {self.ignore}; found others")
        loss: Tensor = _Loss.apply(states, self.weight, flat, self)
        return loss

    def softmax(self, x: Tensor, labels: Tensor, ahead: bool) -> parts.Shard:
        """Compute the first pass of a micro-batch, states [n, h] and labels [n], before processes meet.

        `ahead` also multiplies the softmax with the weights, so that the gradient of the states needs no other meeting.
        """
        return parts.softmax(x, self.weight.detach(), labels, self.first, self.ignore, ahead)


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, labels: Tensor, layer: ShardedOutput) -> Tensor:
        """Return the mean loss; with one barrier the gradient of the states is ready too."""
        early = layer.barriers == 1 and ctx.needs_input_grad[0]
        found = layer.softmax(x.detach(), labels, early)
        loss = parts.settle(found, gathered(found.sums, layer.group))
        count = found.counts.sum().clamp(min=1)
        ctx.layer, ctx.found, ctx.count, ctx.early = layer, found, count, None
        if early:
            ctx.early = summed(parts.early(found, weight), layer.group)
        return loss.sum() / count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Return the gradients of states and weights."""
        found, layer, scale = ctx.found, ctx.layer, gradients[0] / ctx.count
        if found is None:
            raise RuntimeError("the softmax of this loss is used up; call the layer again for another backward pass")
        ctx.found = None
        logits = parts.minus_labels(found)
        weight = layer.weight.detach()
        states = ctx.early if ctx.early is not None else summed(logits @ weight.to(logits.dtype), layer.group)
        return (states * scale).to(states.dtype), (logits.T @ found.x * scale).to(weight.dtype), None, None


def gathered(sums: Tensor, group: "dist.ProcessGroup | None") -> Tensor:
    """Return the sums of all processes, [p, ...]."""
    if not dist.is_initialized():
        return sums[None]
    found = [torch.empty_like(sums) for _ in range(dist.get_world_size(group))]
    dist.all_gather(found, sums, group=group)
    return torch.stack(found)


def summed(part: Tensor, group: "dist.ProcessGroup | None") -> Tensor:
    """Return the sum over all processes."""
    if dist.is_initialized():
        dist.all_reduce(part, group=group)
    return part
