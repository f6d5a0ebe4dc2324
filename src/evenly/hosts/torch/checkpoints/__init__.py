"""Checkpoints in PyTorch that are copied while forward and backward run; needs the extra `torch`."""

from typing import TYPE_CHECKING

from evenly.hosts.torch.offered import offered

if TYPE_CHECKING:
    from evenly.hosts.torch.checkpoints.checkpoints import Checkpoints as Checkpoints
    from evenly.hosts.torch.checkpoints.rng import Rng as Rng
    from evenly.hosts.torch.checkpoints.sharded import Sharded as Sharded

__getattr__ = offered(__name__, {"Checkpoints": "checkpoints", "Rng": "rng", "Sharded": "sharded"})
