"""Moves the prices of all routers of a model, once an optimizer step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn

from evenly.core import Floats, Ints
from evenly.hosts.torch.experts.adopting import Adopted, adopted
from evenly.train.experts.balancers import Balancer, Seen
from evenly.train.experts.balancers.sign import Sign
from evenly.train.experts.routing import by_device, violation


class BiasBalancer:
    """Let the prices of a model's experts follow their loads, under a rule of `evenly.train.experts.balancers`.

    `BiasBalancer(model).follow(optimizer)` is all that a training needs: after each step of the optimizer the counts
    of all routers are summed over the ranks of `group` in one all-reduce of whole numbers, each router's prices move,
    and counts begin anew. So micro-batches and ranks make no difference. Every rank ends with the same prices, bit by
    bit. The same object decides in the simulator of scenarios of kind `experts`.

    Raises `ValueError` where the model has no router that counts, see `Router` and `adopt`.
    """

    def __init__(
        self,
        model: nn.Module,
        rule: Balancer | None = None,
        *,
        centred: bool = True,
        devices: int = 0,
        group: Any = None,
    ) -> None:
        """Take the routers of `model`; `devices` evens out runs of neighbouring experts instead of experts."""
        self.routers: Sequence[Adopted] = adopted(model)
        if not self.routers:
            raise ValueError(
                f"{type(model).__name__} has no router that counts; build it with Router, or call adopt(model) first"
            )
        self.rule: Balancer = Sign() if rule is None else rule
        self.centred, self.devices, self.group = centred, devices, group
        self.steps = 0
        self.loads: list[Ints] = []
        "Tokens of each expert in the last step over all ranks, one array a router."

    def follow(self, optimizer: Any) -> "BiasBalancer":
        """Step after every step of `optimizer`; return self."""
        optimizer.register_step_post_hook(lambda *_: self.step())
        return self

    def step(self) -> None:
        """Sum the counts over the ranks, move the prices, begin to count anew."""
        flat = torch.cat([router.counts.to(router.price.device) for router in self.routers])
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(flat, group=self.group)
        self.steps += 1
        whole: Ints = flat.cpu().numpy()
        ends = np.cumsum([len(router.counts) for router in self.routers])[:-1]
        self.loads = np.split(whole, ends)
        with torch.no_grad():
            for router, load in zip(self.routers, self.loads, strict=True):
                if load.any():
                    router.price.copy_(self._moved(router.price, load))
                router.counts.zero_()

    def _moved(self, price: Tensor, load: Ints) -> Tensor:
        """Return the next prices of a router, computed in float64 on the host."""
        counts = by_device(load, self.devices) if self.devices else load
        before: Floats = price.double().cpu().numpy()
        after = self.rule.update(before, Seen(counts, self.steps))
        return torch.from_numpy(after - after.mean() if self.centred else after).to(price)

    @property
    def violations(self) -> list[float]:
        """Return MaxVio of each router in the last step."""
        return [violation(load) for load in self.loads]

    def state_dict(self) -> dict[str, int]:
        """Return what a resumed training needs beside the model: prices are in the model's own state dict."""
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where a saved balancer stopped."""
        self.steps = int(state["steps"])
