"""Least stale."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class LeastStale:
    """What this pass did not ask for is stale; of that, what was missed the longest ago leaves first.

    Here within the share of a layer, where every layer is visited once a pass.

    Reference: Hoang et al., "SpecMD: A Comprehensive Study On Speculative Expert Prefetching", 2026,
    https://arxiv.org/abs/2602.03921, which ranks one pool of all layers by pass and layer.
    """

    moves: ClassVar[bool] = True
    by_layers: ClassVar[bool] = False

    @staticmethod
    def touch(
        value: float, here: bool, load: int, score: float, rank: float, now: int, following: int, memory: Floats
    ) -> float:
        """Return the number of the pass that missed it last."""
        return float(now) if load > 0 and not here else value
