"""A rank's part of a tensor that several ranks hold together."""

import sys
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True, eq=False)
class Sharded:
    """A block of a larger tensor; a checkpoint of it is read by any number of ranks, cut in any other way."""

    local: torch.Tensor
    "This rank's block."
    shape: tuple[int, ...]
    "Shape of the whole tensor."
    start: tuple[int, ...]
    "Where the block begins in each dimension."

    def __post_init__(self) -> None:
        sizes = tuple(self.local.shape)
        if not len(sizes) == len(self.shape) == len(self.start):
            raise ValueError(f"block {sizes}, whole {self.shape} and start {self.start} have different dimensions")
        if any(not 0 <= s <= s + n <= whole for s, n, whole in zip(self.start, sizes, self.shape, strict=True)):
            raise ValueError(f"a block of {sizes} from {self.start} does not lie in {self.shape}")


def rows(whole: torch.Tensor, rank: int, ranks: int) -> Sharded:
    """Return the rows of a tensor that a rank holds if all hold about as many."""
    cuts = [len(whole) * k // ranks for k in range(ranks + 1)]
    start = (cuts[rank],) + (0,) * (whole.dim() - 1)
    return Sharded(whole[cuts[rank] : cuts[rank + 1]], tuple(whole.shape), start)


def is_dtensor(value: Any) -> bool:
    """Tell whether a value is a `DTensor`; where nobody imported their module there is none."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(value, module.DTensor)


def local(tensor: Any) -> Any:
    """Return a tensor, or of a `DTensor` this rank's part."""
    return tensor.to_local() if is_dtensor(tensor) else tensor


def of_dtensor(tensor: Any) -> Sharded:
    """Return this rank's block of a `DTensor` whose dimensions are each cut by one dimension of the mesh at most.

    Raises `ValueError` for partial sums and for strided cuts.
    """
    local, place = tensor.to_local(), tensor.device_mesh.get_coordinate()
    start = [0] * tensor.dim()
    cut: set[int] = set()
    for axis, placement in enumerate(tensor.placements):
        if placement.is_replicate():
            continue
        if type(placement).__name__ != "Shard" or placement.dim in cut:
            raise ValueError(f"placements are Replicate, or Shard of a dimension of its own, not {tensor.placements}")
        cut.add(placement.dim)
        whole, parts = tensor.shape[placement.dim], tensor.device_mesh.size(axis)
        start[placement.dim] = min(whole, place[axis] * -(-whole // parts))  # as torch.chunk cuts
    return Sharded(local, tuple(tensor.shape), tuple(start))
