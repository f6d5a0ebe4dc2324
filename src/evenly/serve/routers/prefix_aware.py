"""Prefix-aware routing."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class PrefixAware:
    """Weigh cached tokens against queued ones: send each request where the tokens before its first token are fewest.

    The tokens are the replica's queued prompt tokens, the uncached part of this prompt, and `balance` times the
    context its decodes hold.

    Reference: Srivatsa et al., "Preble: efficient distributed prompt scheduling for LLM serving", 2024.
    """

    balance: float = 0.1
    "Queued tokens that one resident context token counts for."

    reads_cache: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.balance >= 0:
            raise ValueError(f"balance is at least 0, not {self.balance}")

    @staticmethod
    def choose(now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        """Return the replica with the fewest tokens to compute before the first token."""
        best = 0
        least = 0.0
        for replica in range(len(fleet)):
            wait = fleet[replica].queued_tokens - fleet[replica].hit + memory[0] * fleet[replica].resident
            if replica == 0 or wait < least:
                best = replica
                least = wait
        return best
