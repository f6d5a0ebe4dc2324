"""Shortest prompt first."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class ShortestPrompt:
    """Serve short prompts first, with aging: each second of waiting counts as `aging` tokens.

    Short prompts no longer wait behind long ones, so mean TTFT falls; without aging long prompts can starve.
    """

    aging: float = 500.0
    "Prompt tokens that one second of earlier arrival outweighs."

    def __post_init__(self) -> None:
        if not self.aging >= 0:
            raise ValueError(f"aging is at least 0 tokens a second, not {self.aging}")

    @staticmethod
    def rank(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        """Return prompt tokens plus the price of a late arrival."""
        return float(requests[request].prompt + requests[request].generated + memory[0] * requests[request].arrival)
