"""The loss of a whole batch, where ranks and micro-batches have different numbers of labels."""

from typing import Any


def scale(labels: int, device: Any = "cpu", group: Any = None) -> float:
    """Return by what to multiply a sum of losses so that the gradient is that of the mean over all labels of the step.

    DDP takes the mean of the ranks' gradients, which weighs a label more where its rank has fewer of them. With
    `loss = scale(labels) * sum_of_losses` it is ranks / all labels times the sum, hence the mean over all labels.
    `labels` counts those of all micro-batches of this rank and step; call it on every rank of `group` once a step. One
    number is summed over the ranks, on `device`, which the backend must reach. Without `torch.distributed` there is
    one rank. Raises `ValueError` where no rank has a label.
    """
    import torch
    from torch import distributed

    ranks = 1
    total = torch.tensor(float(labels), dtype=torch.float64, device=device)
    if distributed.is_available() and distributed.is_initialized():
        ranks = distributed.get_world_size(group)
        distributed.all_reduce(total, group=group)
    if not total > 0:
        raise ValueError("no rank has a label in this step; leave the step out on all ranks")
    return float(ranks / total.item())
