"""The input layer, each process with some rows of the vocabulary."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from evenly.hosts.torch.vocabulary.output import ShardedOutput, summed
from evenly.hosts.torch.vocabulary.rows import place


class ShardedInput(nn.Module):
    """The input layer, in place of `nn.Embedding`.

    Every process calls it with the same tokens and gets the same states; the rows that a process has get their gradient
    there. Tied to an output layer, both share one parameter.

    Reference: M. T. Yeung et al., "Balancing pipeline parallelism with vocabulary parallelism", 2024.
    """

    def __init__(
        self,
        vocabulary: int,
        hidden: int,
        *,
        rows: Sequence[int] | None = None,
        tied: ShardedOutput | None = None,
        weight: Tensor | None = None,
        group: "dist.ProcessGroup | None" = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        """Draw the rows of this process, take them from a whole `weight`, or share those of the output layer `tied`.

        Raises `ValueError` if `tied` has another vocabulary or width, or rows that are not those of the vocabulary.
        """
        super().__init__()
        self.vocabulary, self.hidden = vocabulary, hidden
        if tied is not None:
            if (tied.vocabulary, tied.hidden) != (vocabulary, hidden):
                raise ValueError(
                    f"the tied layer has {tied.vocabulary} words of width {tied.hidden}, not {vocabulary} of {hidden}"
                )
            self.group, self.first, self.last, self.weight = tied.group, tied.first, tied.last, tied.weight
            return
        self.group = group
        self.first, self.last = place(vocabulary, rows, group)
        if weight is not None:
            self.weight = nn.Parameter(weight.detach()[self.first : self.last].clone())
            return
        self.weight = nn.Parameter(torch.empty(self.last - self.first, hidden, device=device, dtype=dtype))
        nn.init.normal_(self.weight)

    @classmethod
    def of(cls, weight: Tensor, **settings: Any) -> "ShardedInput":
        """Return the layer with this process' rows of a whole weight, [vocabulary, hidden]."""
        vocabulary, hidden = weight.shape
        return cls(vocabulary, hidden, weight=weight, **settings)

    def extra_repr(self) -> str:
        """Return what a person wants to know of the layer."""
        return f"rows {self.first} to {self.last} of {self.vocabulary}, {self.hidden}"

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the states of tokens [...], [..., h]; raise `ValueError` for tokens beyond the vocabulary."""
        if tokens.numel() and not (int(tokens.min()) >= 0 and int(tokens.max()) < self.vocabulary):
            raise ValueError(f"tokens are 0 to {self.vocabulary - 1}, not {int(tokens.min())} to {int(tokens.max())}")
        states: Tensor = _Lookup.apply(self.weight, tokens, self)
        return states

    def part(self, tokens: Tensor) -> Tensor:
        """Return the states of the tokens that are here and zeros for the others, [..., h]."""
        local, mine = self._local(tokens)
        return self.weight.detach()[local] * mine[..., None]

    def scattered(self, tokens: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient of the rows of this process from that of the states."""
        local, mine = self._local(tokens)
        found = torch.zeros_like(self.weight)
        return found.index_add_(0, local.reshape(-1), (gradient * mine[..., None]).reshape(-1, self.hidden))

    def _local(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        local = tokens - self.first
        mine = (local >= 0) & (tokens < self.last)
        return torch.where(mine, local, 0), mine


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, tokens: Tensor, layer: ShardedInput) -> Tensor:
        """Return the states, whole."""
        ctx.tokens, ctx.layer = tokens, layer
        return summed(layer.part(tokens), layer.group)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the rows of this process."""
        return ctx.layer.scattered(ctx.tokens, gradients[0]), None, None
