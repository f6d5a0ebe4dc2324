"""Tokens and their square."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Quadratic:
    """A sequence takes time for each token and for each pair of tokens, as much for both at the break-even length.

    With hidden size h the linear layers take 24 h² FLOPs a token and attention 4 h n, so they break even at 6 h
    tokens, or at 12 h where attention is causal. The default is h = 4096, as verl has it: 24576 n + n². WLB-LLM
    measured 128K in one implementation: `break_even: 131072`.

    Reference: volcengine/verl, `seqlen_balancing.py`, 2025; Z. Wang et al., "WLB-LLM: Workload-balanced 4D parallelism
    for large language model training", OSDI 2025.

    >>> Quadratic(token=0.001, break_even=100).seconds(np.array([50, 100, 200]))
    array([0.075, 0.2  , 0.6  ])
    """

    token: float = 1e-4
    "Seconds of a token without attention."
    break_even: int = 24_576
    "Tokens of a sequence whose attention takes as long as everything else."

    def __post_init__(self) -> None:
        if not 0 < self.token < float("inf"):
            raise ValueError(f"token is a positive number of seconds, not {self.token}")
        if self.break_even < 1:
            raise ValueError(f"break_even is at least 1 token, not {self.break_even}")

    def seconds(self, lengths: Ints, attended: Ints | None = None) -> Floats:
        """Return the seconds of each sequence."""
        squares = (lengths if attended is None else attended).astype(np.float64) ** 2
        return self.token * (lengths + squares / self.break_even)
