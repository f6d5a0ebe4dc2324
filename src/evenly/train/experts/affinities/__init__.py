"""Affinities: how well tokens and experts suit each other, as a router scores them."""

from dataclasses import dataclass
from typing import Protocol

from evenly.core import Catalog, Floats


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a batch and of the layers that it meets."""

    layers: int
    tokens: int
    experts: int
    active: int
    "Experts that a token visits in a layer."


class Affinity(Protocol):
    """Score the tokens of a step for the experts of a layer."""

    def draw(self, shape: Shape, layer: int, step: int, seed: int) -> Floats:
        """Return scores from 0 to 1, shape [token, expert]; steps count from 0, layers too."""
        ...


affinities: Catalog[Affinity] = Catalog(__name__, Affinity)
