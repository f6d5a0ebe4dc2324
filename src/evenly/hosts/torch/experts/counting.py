"""Counts of chosen experts that stay exact: whole numbers, first forward passes of training alone."""

from typing import cast

import torch
from torch import Tensor, nn


def keep(module: nn.Module, experts: int, bias: str) -> None:
    """Give a router prices, a buffer under the name `bias`, and counts, which are no buffer.

    Buffers are what DDP copies from rank 0 to all ranks before a forward, which would lose the counts of the others.
    Counts are int64 and follow the tokens to their device; `Router` keeps its prices float32 through casts.
    """
    if not hasattr(module, bias):
        device = next(module.parameters()).device
        module.register_buffer(bias, torch.zeros(experts, dtype=torch.float32, device=device))
    module.counts = torch.zeros(experts, dtype=torch.int64, device="cpu")


def count(module: nn.Module, chosen: Tensor) -> None:
    """Add the experts that tokens chose, any shape, to `module.counts`, unless this is no first forward of training.

    In evaluation mode nothing counts, nor does a forward that activation checkpointing repeats: that one runs inside
    a backward pass, which autograd knows.
    """
    if module.training and not recomputing():
        counts = cast(Tensor, module.counts)  # `keep` made it one
        with torch.no_grad():
            module.counts = counts.to(chosen.device) + torch.bincount(chosen.reshape(-1), minlength=len(counts))


def recomputing() -> bool:
    """Return whether a backward pass is under way in this thread, so that a forward is a repeated one."""
    return bool(torch._C._current_graph_task_id() != -1)
