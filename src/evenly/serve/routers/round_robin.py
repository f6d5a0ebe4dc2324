"""Round robin."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """Send requests to the replicas in turn.

    Even in requests, blind to their length: with heavy-tailed lengths some replicas fill while others wait.
    """

    def memory(self, seed: int, replicas: int) -> Floats:
        """Return room for the replica whose turn it is."""
        return np.zeros(1)

    @staticmethod
    def choose(now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        """Return the next replica in turn."""
        replica = int(memory[0]) % len(fleet)  # there may be fewer than at its last turn
        memory[0] = (replica + 1) % len(fleet)
        return replica
