"""Preempt the last of the line."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class Last:
    """Preempt the request that was admitted last, as vLLM does under first come, first served."""

    @staticmethod
    def score(now: float, request: int, tokens: int, blocks: int, requests: Array, memory: Floats) -> float:
        """Return the same score for all: the kernel takes the last of the line without asking."""
        return 0.0
