"""The stages of a small GPT whose blocks have sparse experts; they do not care how documents are laid out.

Letters of shapes: D width of the model, H heads; dots are those of the layout, see `rows`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from evenly.hosts.torch.experts.gpt import Experts, Size
from examples.training.rows import Rows


class Block(nn.Module):
    """Attention, then experts."""

    def __init__(self, size: Size, auxiliary: float) -> None:
        super().__init__()
        self.heads = size.heads
        self.before, self.after = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.qkv = nn.Linear(size.width, 3 * size.width, bias=False)
        self.out = nn.Linear(size.width, size.width, bias=False)
        self.experts = Experts(size, auxiliary, 0.0)

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        """Return [..., D]."""
        query, key, value = self.qkv(self.before(x)).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        x = x + self.out(rows.attend(query, key, value).flatten(-2))
        x = x + self.experts(self.after(x))
        extra = self.experts.router.loss
        return x if extra is None else _Attached.apply(x, extra)


class Stage(nn.Module):
    """The blocks of one stage of a pipeline; the first one adds places, the last one normalises.

    A pipeline hands on states alone, so a stage is told beforehand how the micro-batches of a step are laid out.
    """

    def __init__(self, size: Size, stage: int, stages: int, auxiliary: float) -> None:
        super().__init__()
        self.places = nn.Embedding(size.length, size.width) if stage == 0 else None
        self.blocks = nn.ModuleList(Block(size, auxiliary) for _ in range(size.layers // stages))
        self.norm = nn.LayerNorm(size.width) if stage == stages - 1 else None
        if self.places is not None:
            nn.init.normal_(self.places.weight, std=0.02)
        self.coming: list[Rows] = []

    def expect(self, micro_batches: Sequence[Rows]) -> None:
        """Take the layouts of a step's micro-batches, whose forward passes come in this order."""
        self.coming = list(micro_batches)

    def forward(self, x: Tensor) -> Tensor:
        """Return the states after the stage, [..., D]."""
        rows = self.coming.pop(0)
        if self.places is not None:
            x = x + self.places(rows.positions)
        for block in self.blocks:
            x = block(x, rows)
        return x if self.norm is None else self.norm(x)


class _Attached(torch.autograd.Function):
    """States as they are, whose backward pass also begins that of a loss: the stage before the last has no other way.

    Reference: Megatron-LM, `MoEAuxLossAutoScaler`, 2023.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, loss: Tensor) -> Tensor:
        """Return the states."""
        ctx.save_for_backward(loss)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient of the states as it came, and 1 for the loss."""
        (loss,) = ctx.saved_tensors
        return gradients[0], torch.ones_like(loss)
