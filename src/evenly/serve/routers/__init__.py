"""Routers: which replica gets a request."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class Router(Protocol):
    """Choose the replica of each request as it arrives.

    `requests` and `fleet` are record arrays: compiled verbs read `fleet[r].waiting`, Python ones `fleet["waiting"]`.
    Fields of `fleet`: waiting and running requests, queued_tokens (prompt tokens not admitted yet), resident (context
    tokens of the decodes), work (seconds to compute the queued tokens), free and blocks, hit (tokens of this request
    in the replica's prefix cache), sent (requests routed there), pace (seconds of a queued prompt token). Fields of
    `requests`: arrival, prompt, output, user, session, priority, replica. A fair router does not read `output`: an
    engine cannot know it. Where replicas come and go, `fleet` holds those that take requests, whose number changes.
    """

    def choose(self, now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        """Return the index of a replica."""
        ...


routers: Catalog[Router] = Catalog(__name__, Router)
