"""The largest pass that keeps the gap between tokens."""

from dataclasses import dataclass

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class TbtTarget:
    """Compute as many tokens as a pass of `target` seconds holds, by fixed + token x tokens + context x resident.

    Where few contexts are long the passes grow and prompts go faster; where the contexts alone take the time, prompts
    still go on by `least` tokens a pass, so that nobody waits for ever. `evenly calibrate` fits the three costs to a
    real engine; the defaults are the least-squares fit to the roofline of Llama-3.1-8B on an A100-80GB.

    Reference: Agrawal et al., "Taming throughput-latency tradeoff in LLM inference with Sarathi-Serve", OSDI 2024,
    chooses the budget from the limit between tokens.

    Half a second less an eighth for the pass is 96 tokens of 1/256 s; 64 context tokens of 1/256 s leave 32.

    >>> import numpy as np
    >>> knobs = np.array([0.5, 16, 0.125, 1 / 256, 1 / 256])
    >>> [TbtTarget.tokens(0.0, decodes, resident, knobs) for decodes, resident in ((2, 0), (2, 64), (30, 64))]
    [96, 32, 46]
    """

    target: float = 0.1
    "Seconds of a pass."
    least: int = 16
    "Prompt tokens that go into every pass beside the decodes: one block."
    fixed: float = 0.0054
    "Seconds of each pass."
    token: float = 7.6e-5
    "Seconds of each token in the pass."
    context: float = 8.4e-8
    "Seconds of each resident context token of the decodes."

    def __post_init__(self) -> None:
        if not 0 < self.target < float("inf"):
            raise ValueError(f"target is a positive number of seconds, not {self.target}")
        if self.least < 1:
            raise ValueError(f"least is at least 1 token, not {self.least}")
        if not 0 < self.token < float("inf"):
            raise ValueError(f"token is a positive number of seconds, not {self.token}")
        for name in ("fixed", "context"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0 seconds, not {getattr(self, name)}")

    @staticmethod
    def tokens(now: float, decodes: int, resident: int, memory: Floats) -> int:
        """Return the tokens that the time holds beside the contexts, at least the decodes and `least` more."""
        left = memory[0] - memory[2] - memory[4] * resident
        return max(int(left / memory[3]), decodes + int(memory[1]))
