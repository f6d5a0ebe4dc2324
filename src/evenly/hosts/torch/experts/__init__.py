"""Balanced experts in PyTorch: a router with prices, the balancer that moves them, and hooks for routers of others.

`Router` scores and chooses, `BiasBalancer` follows the loads once an optimizer step, `adopt` counts and balances the
routers of a model that exists. `gpt` and `train` are a small language model that compares them with an auxiliary loss.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenly.hosts.torch.experts.adopting import adopt
    from evenly.hosts.torch.experts.balancer import BiasBalancer
    from evenly.hosts.torch.experts.router import Router

__all__ = ["BiasBalancer", "Router", "adopt"]
_PLACES = {"BiasBalancer": "balancer", "Router": "router", "adopt": "adopting"}


def __getattr__(name: str) -> Any:
    """Return a class or function; raise `ImportError` that names the extra where torch is missing."""
    if name not in _PLACES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    if importlib.util.find_spec("torch") is None:
        raise ImportError("balanced experts run in torch, which needs the extra: pip install 'evenly[torch]'")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
