"""A router of a mixture of experts whose prices choose and nothing else.

Letters of shapes: T tokens, E experts, K chosen by a token, D width, B sequences, L length.
"""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from evenly.hosts.torch.experts.counting import count, keep

TINY = 1e-20  # so that weights of scores that are all 0 are numbers


class Router(nn.Module):
    """Choose K of E experts for every token by score plus price, and weigh them by score alone.

    `forward` takes hidden states [..., D] and returns weights [T, K] in their dtype, and experts [T, K], int64. Scores
    are computed in float32. `price` [E], float32, is in the state dict, gets no gradient and survives casts of the
    module; `counts` [E], int64, is what tokens chose since the balancer's last step, and no buffer: it is this rank's.

    Reference: Wang et al., arXiv:2408.15664, 2024; DeepSeek-AI, "DeepSeek-V3", arXiv:2412.19437, 2024.
    """

    price: Tensor
    counts: Tensor

    def __init__(
        self,
        width: int,
        experts: int,
        active: int,
        *,
        score: Literal["sigmoid", "softmax"] = "sigmoid",
        scale: float = 1.0,
        groups: int = 1,
        top_groups: int = 1,
        balance_loss: float = 0.0,
        sequence_loss: float = 0.0,
    ) -> None:
        """Raise `ValueError` for sizes that make no sense.

        `scale` multiplies the weights. Of `groups` equal groups of experts, one a device or node, a token visits at
        most `top_groups`, those with the highest sum of their two best. `balance_loss` and `sequence_loss` are the
        factors of an auxiliary loss over the batch and over each sequence, which `loss` holds after a forward in
        training; DeepSeek-V3 has 0 and 1e-4, the auxiliary-loss control of the publication 1e-3 and 0.
        """
        super().__init__()
        if not 1 <= active < experts:
            raise ValueError(f"active is 1 to {experts - 1}, below the number of experts, not {active}")
        if experts % groups or not 1 <= top_groups <= groups:
            raise ValueError(
                f"groups divide the {experts} experts evenly, top_groups is 1 to them, not {groups}, {top_groups}"
            )
        if active > experts // groups * top_groups:
            raise ValueError(
                f"{top_groups} groups of {experts // groups} have fewer experts than the {active} of a token"
            )
        self.active, self.score, self.scale = active, score, scale
        self.groups, self.top_groups = groups, top_groups
        self.balance_loss, self.sequence_loss = balance_loss, sequence_loss
        self.weight = nn.Parameter(torch.empty(experts, width))
        nn.init.normal_(self.weight, std=width**-0.5)
        keep(self, experts, "price")
        self.loss: Tensor | None = None

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights and experts of every token; `hidden` is [B, L, D] where sequences count, or [T, D]."""
        tokens = hidden.reshape(-1, hidden.shape[-1])
        scores = self.scores(tokens)
        experts = self.choose(scores.detach())
        weights = scores.gather(1, experts)
        weights = weights / (weights.sum(dim=1, keepdim=True) + TINY) * self.scale
        count(self, experts)
        sequences = hidden.shape[0] if hidden.dim() > 2 else 1
        self.loss = self._extra(scores, experts, sequences) if self.training else None
        return weights.to(hidden.dtype), experts

    def scores(self, tokens: Tensor) -> Tensor:
        """Return scores [T, E] from 0 to 1 of tokens [T, D], in float32 whatever autocast says."""
        with torch.autocast(tokens.device.type, enabled=False):
            logits = functional.linear(tokens.float(), self.weight.float())
        return logits.sigmoid() if self.score == "sigmoid" else logits.softmax(dim=1)

    def choose(self, scores: Tensor) -> Tensor:
        """Return the experts [T, K] with the highest score plus price, within the best groups."""
        dear = scores + self.price
        if self.top_groups < self.groups:
            by_group = dear.view(len(dear), self.groups, -1)
            worth = by_group.topk(min(2, by_group.shape[2]), dim=2).values.sum(dim=2)
            best = torch.zeros_like(worth, dtype=torch.bool).scatter_(1, worth.topk(self.top_groups).indices, True)
            dear = by_group.masked_fill(~best[:, :, None], float("-inf")).view_as(scores)
        return dear.topk(self.active, dim=1).indices

    def _extra(self, scores: Tensor, experts: Tensor, sequences: int) -> Tensor | None:
        """Return the auxiliary losses times their factors; `None` without."""
        found = None
        for factor, parts in ((self.balance_loss, 1), (self.sequence_loss, sequences)):
            if factor:
                loss = factor * auxiliary(scores, experts, parts)
                found = loss if found is None else found + loss
        return found

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Move as all modules do, but keep prices float32: in bfloat16 a step of 1e-3 is lost from 0.5 on."""
        price = self.price
        super()._apply(fn, recurse)
        if self.price.dtype != torch.float32:
            self.price = price.to(self.price.device)
        return self


def auxiliary(scores: Tensor, experts: Tensor, sequences: int) -> Tensor:
    """Return sum over experts of f P, mean over sequences: 1 where loads are even.

    f is the load of an expert over the mean load, P the mean of its scores after they are made to sum to 1 a token.

    Reference: Shazeer et al., 2017; Fedus et al., 2022; by sequence as in DeepSeek-V3.
    """
    many = scores.shape[1]
    shares = (scores / (scores.sum(dim=1, keepdim=True) + TINY)).view(sequences, -1, many)
    chosen = torch.zeros_like(scores).scatter_(1, experts, 1.0).view(sequences, -1, many)
    load = chosen.mean(dim=1) * (many / experts.shape[1])
    return (load * shares.mean(dim=1)).sum(dim=1).mean()


def extra_loss(model: nn.Module) -> Tensor | float:
    """Return the sum of the auxiliary losses of a model's routers since their last forward; add it to the loss."""
    found = [module.loss for module in model.modules() if isinstance(module, Router) and module.loss is not None]
    return sum(found)
