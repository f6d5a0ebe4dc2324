"""Counts of chosen experts that stay exact: whole numbers, first forward passes of training alone."""

import torch
from torch import Tensor, nn


def keep(module: nn.Module, experts: int, bias: str) -> None:
    """Give a router its buffers: prices under the name `bias`, in the state dict, and counts, which are not.

    Counts are int64, which no cast of a module touches; `Router` keeps its prices float32 as well.
    """
    device = next(module.parameters()).device
    if not hasattr(module, bias):
        module.register_buffer(bias, torch.zeros(experts, dtype=torch.float32, device=device))
    module.register_buffer("counts", torch.zeros(experts, dtype=torch.int64, device=device), persistent=False)


def count(module: nn.Module, chosen: Tensor) -> None:
    """Add the experts that tokens chose, any shape, to `module.counts`, unless this is no first forward of training.

    In evaluation mode nothing counts, nor does a forward that activation checkpointing repeats: that one runs inside
    a backward pass, which autograd knows.
    """
    if module.training and not recomputing():
        with torch.no_grad():
            module.counts += torch.bincount(chosen.reshape(-1), minlength=len(module.counts))


def recomputing() -> bool:
    """Return whether a backward pass is under way in this thread, so that a forward is a repeated one."""
    return bool(torch._C._current_graph_task_id() != -1)
