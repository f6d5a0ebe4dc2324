"""Balanced experts in PyTorch: a router with prices, the balancer that moves them, and hooks for routers of others.

`Router` scores and chooses, `BiasBalancer` follows the loads once an optimizer step, `adopt` counts and balances the
routers of a model that exists. `gpt` and `train` are a small language model that compares them with an auxiliary loss.
"""

from typing import TYPE_CHECKING

from evenly.hosts.torch.offered import offered

if TYPE_CHECKING:
    from evenly.hosts.torch.experts.adopting import adopt as adopt
    from evenly.hosts.torch.experts.balancer import BiasBalancer as BiasBalancer
    from evenly.hosts.torch.experts.router import Router as Router

__getattr__ = offered(__name__, {"BiasBalancer": "balancer", "Router": "router", "adopt": "adopting"})
