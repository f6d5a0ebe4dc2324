"""Keep-alives: how long a pod that is free waits for the next call, and when one is started before a call."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class KeepAlive(Protocol):
    """Say how long a free pod of a function is kept.

    Asked when the last call on a pod ends and nobody waits, and when a pod that was started ahead is ready (`served` is
    0 then). `functions` and `gaps` are arrays: compiled verbs read `functions[function].last`, Python ones
    `functions["last"][function]`. Fields of `functions`: calls so far, last (when the last one came), usual and lead
    (median and p99 of cold-start times, in seconds), timer (1: a clock calls it), asynchronous (1: nobody waits for its
    answer), pods (that run or start for a call), trigger and runtime (codes). Row `function` of `gaps` is a ring of the
    last gaps between calls, in seconds: call n, counted from 1, writes place (n - 2) % 60. Where there are several
    regions, a function has a row in each.

    A keep-alive with a second verb, `warm(now, function, functions, gaps, memory)`, is asked as each call comes, and
    returns when a pod is to be started ahead (infinite for never); the answer to the last call counts. None is
    started while an idle one is there.

    One with `foresees: ClassVar[bool] = True` knows what comes: a last wait that no call ends is not counted.
    """

    def keep(self, now: float, function: int, served: int, functions: Array, gaps: Floats, memory: Floats) -> float:
        """Return the seconds; 0 releases the pod at once."""
        ...


keepalives: Catalog[KeepAlive] = Catalog(__name__, KeepAlive)
