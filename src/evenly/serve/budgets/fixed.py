"""A fixed token budget."""

from dataclasses import dataclass

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Fixed:
    """Compute at most the same number of tokens in every pass."""

    size: int = 2048
    "Tokens."

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"a pass computes at least one token, not {self.size}")

    @staticmethod
    def tokens(now: float, decodes: int, resident: int, memory: Floats) -> int:
        """Return the fixed number."""
        return int(memory[0])
