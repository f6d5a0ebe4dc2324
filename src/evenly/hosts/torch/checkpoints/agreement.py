"""How the ranks of a job agree on a checkpoint, in the background."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.distributed as dist


class Agreement(Protocol):
    """What every rank tells, every rank hears."""

    rank: int
    ranks: int

    def gather(self, told: Sequence[int]) -> list[list[int]]:
        """Return what each rank told, in their order; wait for all."""
        ...


class Alone:
    """A single process."""

    rank, ranks = 0, 1

    def gather(self, told: Sequence[int]) -> list[list[int]]:
        """Return what was told."""
        return [list(told)]


class Among:
    """The ranks of a process group, which nobody else uses: a thread talks in it while training talks in its own."""

    def __init__(self, group: Any) -> None:
        self.group = group
        self.rank, self.ranks = dist.get_rank(group), dist.get_world_size(group)

    def gather(self, told: Sequence[int]) -> list[list[int]]:
        """Gather over the group."""
        heard = [torch.zeros(len(told), dtype=torch.int64) for _ in range(self.ranks)]
        dist.all_gather(heard, torch.tensor(list(told), dtype=torch.int64), group=self.group)
        return [row.tolist() for row in heard]


def agreement() -> Agreement:
    """Return that of all ranks, over a gloo group of their own, which all make together; or of this process alone."""
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        return Among(dist.new_group(backend="gloo"))
    return Alone()
