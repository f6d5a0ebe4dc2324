"""Admit when the whole prompt fits."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class WholePrompt:
    """Start a request only when the blocks of its whole prompt are free, not just those of its first chunk.

    Stops the thrashing of engines that check one chunk: several long prompts start, fill the memory half-way and evict
    each other. `headroom` leaves that share of the free blocks for the growth of running requests.

    Reference: vllm-project/vllm issues 21793 and 21809 ask for this check.
    """

    block: int = 16
    "Tokens of a block."
    headroom: float = 0.0
    "Share of the free blocks that stays free, 0 to 1."

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ValueError(f"a block holds at least one token, not {self.block}")
        if not 0 <= self.headroom < 1:
            raise ValueError(f"headroom is a share from 0 to 1, not {self.headroom}")

    @staticmethod
    def admit(now: float, request: int, need: int, free: int, running: int, requests: Array, memory: Floats) -> int:
        """Return 1 if the prompt's blocks are free."""
        tokens = requests[request].prompt + requests[request].generated
        blocks = (tokens + memory[0] - 1) // memory[0]
        return 1 if blocks <= free * (1.0 - memory[1]) else 0
