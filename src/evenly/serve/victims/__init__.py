"""Victims: who gives blocks back when memory is short."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class Victim(Protocol):
    """Score running requests when blocks are missing; the highest score is preempted, the latest arrival on a tie."""

    def score(self, now: float, request: int, tokens: int, blocks: int, requests: Array, memory: Floats) -> float:
        """Return the score of a running request that holds `tokens` computed tokens in `blocks` blocks."""
        ...


victims: Catalog[Victim] = Catalog(__name__, Victim)
