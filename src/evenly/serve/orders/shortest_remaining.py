"""Shortest predicted remaining work first."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class ShortestRemaining:
    """Serve first what is predicted to need least: prompt tokens to compute plus weighted output tokens to come.

    With exact predictions no order has a smaller mean wait on one seat; on many it is close to that. Predictions
    miss by a factor whose logarithm is normal with deviation `error`. Aging keeps long requests from starving.

    Reference: L. Schrage, "A proof of the optimality of the shortest remaining processing time discipline", 1968;
    Fu et al., "Efficient LLM scheduling by learning to rank", NeurIPS 2024, predicts output lengths for it.
    """

    output_weight: float = 2.0
    "Prompt tokens that one output token counts for; exact is seconds of a decode over seconds of a prompt token."
    error: float = 0.0
    "Standard deviation of the logarithm of predicted over true output tokens; 0 knows them."
    aging: float = 500.0
    "Prompt tokens that one second of earlier arrival outweighs."

    def __post_init__(self) -> None:
        if not 0 <= self.output_weight < float("inf"):
            raise ValueError(f"output_weight is at least 0 prompt tokens, not {self.output_weight}")
        if not 0 <= self.error < float("inf"):
            raise ValueError(f"error is at least 0, not {self.error}")
        if not 0 <= self.aging < float("inf"):
            raise ValueError(f"aging is at least 0 tokens a second, not {self.aging}")

    def memory(self, seed: int, replicas: int) -> Floats:
        """Return the knobs and the seed; the error of a request is a hash of both."""
        return np.array([self.output_weight, self.error, self.aging, seed % (1 << 32)], np.float64)

    @staticmethod
    def rank(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        """Return predicted tokens to come plus the price of a late arrival."""
        miss = 1.0
        if memory[1] > 0.0:
            normal = 1.0
            for draw in range(2):  # Box and Muller: a radius, then an angle
                x = np.uint64(int(memory[3])) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(request * 64 + draw)
                x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                x = x ^ (x >> np.uint64(31))
                share = (float(x >> np.uint64(11)) + 0.5) / 9007199254740992.0  # 2 ** 53
                normal *= math.sqrt(-2.0 * math.log(share)) if draw == 0 else math.cos(2.0 * math.pi * share)
            miss = math.exp(memory[1] * normal)
        rest = max(1.0, miss * requests[request].output - requests[request].generated)
        prompt = requests[request].prompt + requests[request].generated
        return float(prompt + memory[0] * rest + memory[2] * requests[request].arrival)
