"""As many tokens in each pass."""

from dataclasses import dataclass

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class SplitFuse:
    """Fill every pass to the same number of tokens: all decodes, then as much of the prompts.

    Equal passes make equal gaps between tokens, and a size at which the device is just busy loses no throughput. No
    decode is left out: a batch of more decodes than that gets a token for each. Where this budget decides from the
    first pass on, prompts start only within the size, decodes never exceed it, and a fixed budget does the same.

    Reference: Holmes et al., "DeepSpeed-FastGen: high-throughput text generation for LLMs via MII and
    DeepSpeed-Inference", 2024 (Dynamic SplitFuse).

    >>> import numpy as np
    >>> [SplitFuse.tokens(0.0, decodes, 0, np.array([512.0])) for decodes in (3, 700)]
    [512, 700]
    """

    size: int = 512
    "Tokens; 512 is the chunk of the engine `sarathi`."

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"a pass computes at least one token, not {self.size}")

    @staticmethod
    def tokens(now: float, decodes: int, resident: int, memory: Floats) -> int:
        """Return the size, or the decodes if they are more."""
        return max(int(memory[0]), decodes)
