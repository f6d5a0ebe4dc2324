"""Orders: who is next in the queue of a replica."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class Order(Protocol):
    """Rank each request when it joins the queue; the lowest rank is served first.

    Equal ranks are served by arrival. `sequence` counts the requests that joined this queue, so that returning it
    gives first come, first served. Fields of `requests`: arrival, prompt, output (what is expected: an engine knows it
    only from a hint), user, session, turn, last_turn, tool, priority, deadline (seconds after arrival; infinite if
    there is none), flow, generated (tokens made before a preemption), preemptions, began (when the first request of its
    program came), parent (the request whose end it waited for, -1 if none; its `kept` is 2 if blocks are kept for this
    one). Engines that switch seats ask for all ranks again from time to time; `drawn` counts how often.

    An order with `counts: ClassVar[str] = "user"` (or `"program"`) sees in `flows[requests[request].flow]` what this
    replica counted of the user (or program): waiting and running requests, prompt tokens of its requests that started,
    output tokens it was given, first (arrival of its first request), started (when one last got a seat), and credit,
    which is the order's own to write. Such an order is asked again, with `sequence` 0, when the request heads the
    queue: its ranks may grow while requests wait, never fall. While `rank` is asked first, `waiting` does not yet count
    the request. Requests without a user count as one user.
    """

    def rank(self, now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        """Return the rank of a request."""
        ...


orders: Catalog[Order] = Catalog(__name__, Order)
