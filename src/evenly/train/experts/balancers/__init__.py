"""Balancers: how the prices of experts follow their loads, once a step."""

from dataclasses import dataclass
from typing import Protocol

from evenly.core import Catalog, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one layer did in the step that ended."""

    counts: Ints
    "Tokens of each expert."
    step: int
    "Steps so far, this one included."
    active: int = 0
    "Experts that a token visits; 0 where no scores are given."
    scores: Floats | None = None
    "Of the tokens, shape [token, expert]; `None` where only loads are known."

    @property
    def target(self) -> float:
        """Return the load of each expert if all were alike."""
        return float(self.counts.sum()) / len(self.counts)


class Balancer(Protocol):
    """Move the prices of a layer's experts, which are added to the scores for choosing and nowhere else."""

    def update(self, prices: Floats, seen: Seen) -> Floats:
        """Return the prices of the next step."""
        ...


balancers: Catalog[Balancer] = Catalog(__name__, Balancer)
