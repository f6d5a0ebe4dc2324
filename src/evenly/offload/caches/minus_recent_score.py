"""Minus recent score."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class MinusRecentScore:
    """The expert with the lowest recent probability in the router leaves first: MRS.

    The best experts of each pass count, `breadth` times as many as are visited, the others as 0; then old and new are
    mixed. Experts that nearly made it keep their place.

    Reference: Zhong et al., "HybriMoE: Hybrid CPU-GPU Scheduling and Cache Management for Efficient MoE Inference",
    2025, https://arxiv.org/abs/2504.05897; its public code mixes by 0.5.
    """

    moves: ClassVar[bool] = True
    by_layers: ClassVar[bool] = False

    mix: float = 0.5
    "Weight of this pass; the rest is that of the passes before."
    breadth: float = 2.0
    "How many experts count, as a multiple of those that a token visits."

    def __post_init__(self) -> None:
        if not 0.0 < self.mix <= 1.0:
            raise ValueError(f"mix is above 0 and at most 1, not {self.mix}")
        if not 1.0 <= self.breadth < float("inf"):
            raise ValueError(f"breadth is at least 1, not {self.breadth}")

    @staticmethod
    def touch(
        value: float, here: bool, load: int, score: float, rank: float, now: int, following: int, memory: Floats
    ) -> float:
        """Mix the score in."""
        return float(memory[0] * (score if rank < memory[1] else 0.0) + (1.0 - memory[0]) * value)
