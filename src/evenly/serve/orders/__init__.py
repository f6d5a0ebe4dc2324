"""Orders: who is next in the queue of a replica."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class Order(Protocol):
    """Rank each request when it joins the queue; the lowest rank is served first.

    Equal ranks are served by arrival. `sequence` counts the requests that joined this queue, so that returning it
    gives first come, first served. Fields of `requests`: arrival, prompt, user, session, priority, generated (tokens
    made before a preemption), preemptions.
    """

    def rank(self, now: float, sequence: int, request: int, requests: Array, memory: Floats) -> float:
        """Return the rank of a request."""
        ...


orders: Catalog[Order] = Catalog(__name__, Order)
