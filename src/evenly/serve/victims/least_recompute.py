"""Preempt where a freed block costs least recomputation."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class LeastRecompute:
    """Preempt the request that loses the fewest computed tokens for each block it frees.

    Partly filled last blocks and reserved but unused ones make requests cheap to evict; among equals the latest
    arrival goes.

    Reference: vllm-project/vllm issues 54644 and 56897 measure and propose cost-aware victims.
    """

    @staticmethod
    def score(now: float, request: int, tokens: int, blocks: int, requests: Array, memory: Floats) -> float:
        """Return freed blocks for each token lost."""
        return blocks / (tokens + 1.0)
