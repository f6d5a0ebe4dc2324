"""Checkpoints in PyTorch that are copied while forward and backward run; needs the extra `torch`.

>>> from evenly.hosts.torch.checkpoints import Checkpoints  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenly.hosts.torch.checkpoints.checkpoints import Checkpoints as Checkpoints
    from evenly.hosts.torch.checkpoints.rng import Rng as Rng
    from evenly.hosts.torch.checkpoints.sharded import Sharded as Sharded

HOMES = {"Checkpoints": "checkpoints", "Rng": "rng", "Sharded": "sharded"}


def __getattr__(name: str) -> Any:
    """Import a class when it is asked for, so that nothing else of evenly needs torch."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise ValueError("checkpoints are made in torch, which needs the extra: pip install 'evenly[torch]'")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
