"""Peaks of calls that nobody waits for are spread."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class PeakShave:
    """Let asynchronous calls wait for a pod that is busy or for a pod of the pool, up to a limit.

    Nobody waits for their answers, so the wait costs nothing where it stays below what they tolerate; each call that
    finds a pod in time saves a cold start and a keep-alive.

    Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025, which names the
    direction; the rule is ours.
    """

    seconds: float = 10.0
    "Seconds that an asynchronous call may wait."

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < float("inf"):
            raise ValueError(f"seconds is at least 0 and finite, not {self.seconds}")

    @staticmethod
    def delay(now: float, function: int, functions: Array, memory: Floats) -> float:
        """Return the limit for asynchronous calls, and 0 for those that somebody waits for."""
        return float(memory[0]) if functions[function].asynchronous == 1 else 0.0
