"""Chains: when a pod is started ahead for a function that another one calls."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class Chain(Protocol):
    """Say when a pod is started ahead for the child of an edge.

    An edge leads from a function, the parent, to one that its calls have called, the child. Asked for each edge of a
    function as a call of it comes. Fields of `edges`: parent and child (rows of `functions`), asked (calls of the
    parent so far, this one included), followed (calls of the child that they made so far). Row `edge` of `delays` is a
    ring of the last seconds from the arrival of a parent's call to that of the child's: the n-th, counted from 1, stands
    at place (n - 1) % 60. Fields of `functions` as for keep-alives. No pod is started while one that has room is there
    or on its way.
    """

    def expect(
        self, now: float, edge: int, edges: Array, delays: Floats, functions: Array, memory: Floats
    ) -> float:
        """Return when, from now on; infinite for never."""
        ...


chains: Catalog[Chain] = Catalog(__name__, Chain)
