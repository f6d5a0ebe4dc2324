"""Chains: when pods are started ahead for functions that other functions call, and for how long they wait."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class Chain(Protocol):
    """Say when the call of a child is expected, given when that of its parent comes.

    An edge leads from a function, the parent, to one that its calls have called, the child. Asked as a call of the
    parent comes, and, where the answer is finite, about the children of the child too, as if its call came then, and so
    on. The pod is started by the p99 of its cold-start time ahead, at once if that is longer, unless one that has room
    is there or on its way.

    Fields of `edges`: parent and child (rows of `functions`), asked (calls of the parent so far), followed (calls of
    the child that they made so far), expected (when the next one was last expected). Row `edge` of `delays` is a ring
    of the last seconds from the arrival of a parent's call to that of the child's: the n-th, counted from 1, stands at
    place (n - 1) % 60. Fields of `functions` as for keep-alives.
    """

    def expect(
        self, at: float, edge: int, steps: int, edges: Array, delays: Floats, functions: Array, memory: Floats
    ) -> float:
        """Return when the child's call is expected if the parent's comes at `at`, not before that; infinite for never.

        `steps` is 1 for what the call that has come calls itself, 2 for what that calls, and so on, up to 16.
        """
        ...

    def wait(self, now: float, edge: int, edges: Array, delays: Floats, functions: Array, memory: Floats) -> float:
        """Return the seconds that a pod which was started so waits for its first call once it has started."""
        ...


chains: Catalog[Chain] = Catalog(__name__, Chain)
