"""Routings: which experts the tokens ask for."""

from dataclasses import dataclass
from typing import Protocol

from evenly.core import Catalog, Ints
from evenly.kernel.offload.asked import Asked


@dataclass(frozen=True, slots=True)
class Shape:
    """Experts of a model."""

    layers: int
    experts: int
    active: int
    "That a token visits in each layer."


class Routing(Protocol):
    """Draw the experts that passes of so many tokens ask for, and what earlier layers predict of it."""

    def draw(self, shape: Shape, tokens: Ints, seed: int) -> Asked:
        """Return one entry for each entry of `tokens`, the tokens of a pass.

        Raises `ValueError` if there are not as many.
        """
        ...


routings: Catalog[Routing] = Catalog(__name__, Routing)
