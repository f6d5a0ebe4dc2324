"""Least attained service, by program."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class LeastAttainedService:
    """Serve the program that received least so far: prompt tokens plus weighted output tokens of all its turns.

    Nobody has to know how long a program will be: short ones end before they have received much. Wins where lengths
    are heavy-tailed; where all programs are alike they all end late. With `levels`, programs of one level are served
    by arrival, so that two long ones do not take turns and lose each other's cache. Prompt tokens count in full,
    cached ones too.

    Reference: Luo et al., "Autellix: an efficient serving engine for LLM agents as general programs", 2025
    (program-level attained service, PLAS); levels whose bounds grow by a factor are those of Corbató et al., "An
    experimental time-sharing system", 1962.
    """

    counts: ClassVar[str] = "program"

    output_weight: float = 2.0
    "Prompt tokens that one output token counts for; 2 as in the virtual token counter."
    levels: int = 0
    "Bounds between levels, hence one level more; 0 ranks by the exact service."
    first: float = 2048.0
    "Weighted tokens at which a program leaves the first level: what one pass of vLLM computes."
    factor: float = 2.0
    "Each bound over the one before it."

    def __post_init__(self) -> None:
        if not 0 <= self.output_weight < float("inf"):
            raise ValueError(f"output_weight is at least 0 prompt tokens, not {self.output_weight}")
        if self.levels < 0:
            raise ValueError(f"levels is at least 0, not {self.levels}")
        if not 0 < self.first < float("inf"):
            raise ValueError(f"first is a positive number of tokens, not {self.first}")
        if not 1 < self.factor < float("inf"):
            raise ValueError(f"factor is above 1, not {self.factor}")

    @staticmethod
    def rank(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        """Return the service of the request's program, or its level."""
        own = requests[request].flow
        served = flows[own].prompt + memory[0] * flows[own].output
        if memory[1] == 0.0:
            return float(served)
        level = 0.0
        bound = memory[2]
        while level < memory[1] and served >= bound:
            level += 1.0
            bound *= memory[3]
        return float(level)
