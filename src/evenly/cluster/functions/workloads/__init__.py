"""Workloads: which functions are called when."""

from typing import Protocol

from evenly.cluster.functions.calls import Calls
from evenly.core import Catalog


class Workload(Protocol):
    """Make or read calls."""

    def draw(self, seed: int) -> Calls:
        """Return the calls; the same seed gives the same calls."""
        ...


workloads: Catalog[Workload] = Catalog(__name__, Workload)
