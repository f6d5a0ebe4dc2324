"""Keep for a fixed time."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class FixedTtl:
    """Keep the blocks of a paused program for the same time after every turn.

    Pays where tools answer sooner than that and memory is so short that the cache would be lost; longer pauses strand
    memory that running requests could use.

    Reference: Li et al., "Continuum: efficient and robust multi-turn LLM agent scheduling with KV cache time-to-live",
    2025; its public code keeps blocks for 2 s.
    """

    ttl: float = 2.0
    "Seconds."

    def __post_init__(self) -> None:
        if not self.ttl >= 0:
            raise ValueError(f"ttl is at least 0 seconds, not {self.ttl}")

    @staticmethod
    def seconds(now: float, request: int, requests: Array, memory: Floats) -> float:
        """Return the fixed time."""
        return float(memory[0])
