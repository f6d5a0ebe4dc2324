"""A fixed keep-alive."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class Fixed:
    """Keep every free pod for the same time; each call starts the time anew.

    If a cold start is worth as much as `seconds` of an idle pod, waits and cold starts together cost at most twice what
    they would if the future were known.

    Reference: A. Karlin et al., "Competitive snoopy caching", 1988, for the bound; 60 s is the published platform's.
    """

    seconds: float = 60.0
    "Seconds that a free pod waits for a call."

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < float("inf"):
            raise ValueError(f"seconds is at least 0 and finite, not {self.seconds}")

    @staticmethod
    def keep(now: float, function: int, served: int, functions: Array, gaps: Floats, memory: Floats) -> float:
        """Return the fixed time."""
        return float(memory[0])
