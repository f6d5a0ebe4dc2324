"""Retentions: how long the cache of a paused program is kept."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class Retention(Protocol):
    """Say how long the full blocks of a request stay after its end, while its program is busy elsewhere.

    Asked when a request ends that is not the last turn of its program. The blocks are let go when the time is over and
    the next turn has not come, when that turn has its seat, and when nothing could go on without them. Fields of
    `requests`: session, turn, last_turn, tool (what the program does next, -1 if unknown), prompt, output, arrival,
    start, finish (NaN before it was seated, or ended), parent (the turn before it, -1 if there is none), began (when
    its program did) and kept (1 while its blocks are kept, 2 if its next turn waits for a seat besides).

    A retention with a second verb, `learn(now, request, requests, memory)`, is told three times of every request, the
    ones at which others pause included: as it comes, as it first gets a seat (what is kept for it still is), and as it
    ends, before `seconds` is asked. Which of the three it is shows in start and finish. Both verbs are static, or
    neither is.

    A retention with `derives: ClassVar[tuple[str, ...]]` names fields that the scenario fills in where they are left
    out (`None`): "rebuild", the seconds to compute n tokens again as (a, b, c) of a n^2 + b n + c, and "kv_tokens".
    """

    def seconds(self, now: float, request: int, requests: Array, memory: Floats) -> float:
        """Return the seconds; 0 lets the blocks join the other unused ones at once, oldest forgotten first."""
        ...


retentions: Catalog[Retention] = Catalog(__name__, Retention)
