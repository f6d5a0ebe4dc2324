"""First come, first served, by program."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class ProgramFirstCome:
    """Serve the program whose first request came first, whatever turn it is at.

    A later turn does not queue behind programs that began after its own, so programs end in the order in which they
    began and their caches are used while they are warm. Wins for agents with many short turns; a long program keeps
    short ones waiting, as under any first come, first served.

    Reference: Li et al., "Continuum: efficient and robust multi-turn LLM agent scheduling with KV cache time-to-live",
    2025, orders programs so.
    """

    counts: ClassVar[str] = "program"

    @staticmethod
    def rank(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        """Return when the program's first request came to this replica."""
        return float(flows[requests[request].flow].first)
