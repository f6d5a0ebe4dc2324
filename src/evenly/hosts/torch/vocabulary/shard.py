"""The output layer and its loss on one shard of the vocabulary: what is computed before and after processes meet.

Letters of shapes: n tokens, h width, v rows of this process, p processes. Products are taken in the type of the states,
the softmax and its sums in float32 at least.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(slots=True)
class Shard:
    """One micro-batch on one shard."""

    x: Tensor
    "States, [n, h]."
    local: Tensor
    "Row of each label here, [n]; 0 where it is elsewhere."
    mine: Tensor
    "Whether the label is here, [n]."
    counts: Tensor
    "Whether the token counts, [n]."
    share: Tensor
    "Softmax over the rows of this process; after `settle` still without `scale`; [n, v]."
    sums: Tensor
    "Largest logit, sum of exponentials over it, logit of the label; [3, n]."
    ahead: Tensor | None
    "With one barrier: `share` times the weights, [n, h]."
    scale: Tensor = field(default_factory=lambda: torch.empty(0))
    "Share of this process in the whole softmax, [n]; known after `settle`."


def softmax(x: Tensor, weight: Tensor, labels: Tensor, first: int, ignore: int, ahead: bool) -> Shard:
    """Return the softmax over the rows of this process; `ahead` also multiplies it with the weights (one barrier)."""
    weight = weight.to(x.dtype)
    logits = (x @ weight.T).to(torch.promote_types(x.dtype, torch.float32))
    local, counts = labels - first, labels != ignore
    mine = (local >= 0) & (local < len(weight)) & counts
    local = torch.where(mine, local, 0)
    label = torch.where(mine, logits.gather(1, local[:, None])[:, 0], 0.0)
    top = logits.amax(1)
    share = logits.sub_(top[:, None]).exp_()
    total = share.sum(1)
    share.div_(total[:, None])
    product = share.to(x.dtype) @ weight if ahead else None
    return Shard(x, local, mine, counts, share, torch.stack((top, total, label)), product)


def settle(shard: Shard, met: Tensor) -> Tensor:
    """Return the loss of each token, [n], from the sums of all processes, [p, 3, n]; 0 for those that do not count."""
    tops, totals, labels = met.unbind(1)
    top = tops.amax(0)
    whole = (totals * (tops - top).exp()).sum(0)
    shard.scale = shard.sums[1] * (shard.sums[0] - top).exp() / whole * shard.counts
    return (whole.log() + top - labels.sum(0)) * shard.counts


def early(shard: Shard, weight: Tensor) -> Tensor:
    """Return the part of this process in the gradient of the states, [n, h], from what was multiplied ahead."""
    assert shard.ahead is not None
    part = shard.ahead * shard.scale[:, None] - weight[shard.local] * shard.mine[:, None]
    shard.ahead = None
    return part.to(shard.x.dtype)


def minus_labels(shard: Shard) -> Tensor:
    """Return the gradient of the logits, [n, v], in the type of the states; the softmax is used up."""
    gradient = shard.share.mul_(shard.scale[:, None])
    gradient[torch.arange(len(shard.local), device=gradient.device), shard.local] -= shard.mine.to(gradient.dtype)
    return gradient.to(shard.x.dtype)
