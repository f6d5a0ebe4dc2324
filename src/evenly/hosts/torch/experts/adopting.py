"""Routers of models that exist, of ours and of others, as the balancer sees them.

A router is known by what it has, not by whose it is:

- ours, by `price` and `counts`;
- one that has prices already: a buffer `expert_bias`, as in torchtitan's blocks and Megatron's router, or
  `e_score_correction_bias`, as Hugging Face has it in DeepSeek-V3, GLM and MiniMax. The experts chosen are what it, or
  the `router` or `gate` inside it, returns: whole numbers [T, K], or flags [T, E]. Its own counts, which are floats and
  count repeated forwards, are left alone;
- Hugging Face's without prices, as in OLMoE, Qwen and Mixtral: a `...TopKRouter` that returns logits, weights and
  experts. It gets prices, and chooses and weighs anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from evenly.hosts.torch.experts.counting import count, keep
from evenly.hosts.torch.experts.router import TINY

BIASES = ("expert_bias", "e_score_correction_bias", "price")
CLOSE = 1e-2  # by how much weights may differ from the router's own, which are rounded to its dtype


@dataclass(frozen=True, slots=True, eq=False)
class Adopted:
    """A router with prices and whole counts."""

    module: nn.Module
    bias: str
    "Name of the buffer that holds the prices."

    @property
    def price(self) -> Tensor:
        """Return the prices, made float32 where a cast of the model took them along."""
        found: Tensor = getattr(self.module, self.bias)
        if found.dtype != torch.float32:
            setattr(self.module, self.bias, found.float())
            found = getattr(self.module, self.bias)
        return found

    @property
    def counts(self) -> Tensor:
        """Return the counts since the last step, int64."""
        found: Tensor = self.module.counts
        return found


def adopted(model: nn.Module) -> list[Adopted]:
    """Return the routers of `model` that count, in the order of its modules."""
    return [
        Adopted(module, bias)
        for module in model.modules()
        if isinstance(getattr(module, "counts", None), Tensor) and (bias := _bias(module))
    ]


def adopt(model: nn.Module) -> nn.Module:
    """Let every router of `model` count, and give prices to those that have none; return the model.

    Weights stay those of the unbiased scores. Call it once, before a state dict is loaded, and switch off what else
    moves the prices. Raises `ValueError` where nothing in the model is known as a router.
    """
    for module in list(model.modules()):
        if isinstance(getattr(module, "counts", None), Tensor):
            continue
        if bias := _bias(module):
            keep(module, len(getattr(module, bias)), bias)
            inner = getattr(module, "router", None) or getattr(module, "gate", None) or module
            inner.register_forward_hook(_Counted(module))
        elif type(module).__name__.endswith("TopKRouter"):
            keep(module, int(module.num_experts), "price")
            module.register_forward_hook(_Rechosen())
    if not adopted(model):
        raise ValueError(f"{type(model).__name__} has no router that is known; give its blocks evenly's Router")
    return model


def _bias(module: nn.Module) -> str:
    """Return the name of the buffer with a module's prices, or an empty string."""
    return next((name for name in BIASES if isinstance(getattr(module, name, None), Tensor)), "")


class _Counted:
    """A hook that counts what a router chose in the module that holds its prices."""

    def __init__(self, holder: nn.Module) -> None:
        self.holder = holder

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        """Count; raise `ValueError` if the output names no experts."""
        for found in _tensors(output):
            if found.dtype == torch.bool and found.dim() == 2:
                return count(self.holder, found.nonzero()[:, 1])
            if found.dtype in (torch.int64, torch.int32) and found.dim() == 2:
                return count(self.holder, found)
        raise ValueError(f"{type(module).__name__} returns neither experts [T, K] nor flags [T, E]")


class _Rechosen:
    """A hook that chooses anew with prices, for a router that returns logits, weights and experts."""

    def __init__(self) -> None:
        self.checked = False

    def __call__(self, module: Any, args: Any, output: Any) -> Any:
        """Return logits, weights and experts; raise `ValueError` if the router weighs by another rule than ours."""
        logits, weights, experts = output
        scores = logits.float().softmax(dim=-1)
        normed = getattr(module, "norm_topk_prob", True)
        if not self.checked:
            own = _weighed(scores, experts, normed)
            if own.shape != weights.shape or not torch.allclose(own, weights.float(), atol=CLOSE):
                raise ValueError(
                    f"{type(module).__name__} does not weigh experts by their softmax; use evenly's Router"
                )
            self.checked = True
        chosen = (scores.detach() + module.price).topk(experts.shape[-1], dim=-1).indices
        count(module, chosen)
        return logits, _weighed(scores, chosen, normed).to(weights.dtype), chosen


def _weighed(scores: Tensor, experts: Tensor, normed: bool) -> Tensor:
    weights = scores.gather(-1, experts)
    return weights / (weights.sum(dim=-1, keepdim=True) + TINY) if normed else weights


def _tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, tuple | list):
        for part in output:
            yield from _tensors(part)
