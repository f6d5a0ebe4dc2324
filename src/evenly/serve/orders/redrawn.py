"""Priorities that are drawn anew."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class Redrawn:
    """Serve by random priorities, drawn anew as often as the engine asks: fairness that comes from outside, as a test.

    A draw is a hash of seed, request and how often ranks were asked, so that engines that differ in speed meet the same
    priorities. With `keep` a request keeps its priority that often, so those that are served tend to stay.

    Reference: A. Shen et al., "FastSwitch: Optimizing Context Switching Efficiency in Fairness-aware Large Language
    Model Serving", 2024, whose patterns Random and Markov these are; it does not publish the chance to stay.
    """

    keep: float = 0.0
    "Chance to keep the priority at a look; 0 is the pattern Random, 0.7 stands for Markov."

    def __post_init__(self) -> None:
        if not 0 <= self.keep < 1:
            raise ValueError(f"keep is a chance from 0 to below 1, not {self.keep}")

    def memory(self, seed: int, replicas: int) -> Floats:
        """Return the chance to stay and the seed."""
        return np.array([self.keep, seed % (1 << 32)], np.float64)

    @staticmethod
    def rank(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        """Return the priority, from 0 to 1, that the request drew last."""
        look = requests[request].drawn
        share = 0.0
        while True:
            for draw in range(2):  # whether it stays, then the priority
                x = np.uint64(int(memory[1])) * np.uint64(0x9E3779B97F4A7C15)
                x += np.uint64(request) * np.uint64(0xD1B54A32D192ED03) + np.uint64(2 * look + draw)
                x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                x = x ^ (x >> np.uint64(31))
                share = float(x >> np.uint64(11)) / 9007199254740992.0  # 2 ** 53
                if draw == 0 and look > 0 and share < memory[0]:
                    break
            else:
                return share
            look -= 1
