"""What a replay tells the server about each request, in the extra fields of the API."""

from typing import Any

import numpy as np

from evenly.core import Bools, Ints, Trace

NONE = -1


class Hints:
    """The columns of a trace as fields of a request; a column that the trace does not know is not told."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.turn, self.last = places(trace)

    def of(self, request: int) -> dict[str, Any]:
        """Return the fields of one request: `vllm_xargs`, and `priority` where the trace knows it."""
        trace = self.trace
        told: dict[str, str | int | float] = {}
        for name, column in (("user", trace.user), ("program", trace.session), ("tool", trace.tool)):
            if column is not None and column[request] != NONE:
                told[f"evenly_{name}"] = str(column[request])
        if "evenly_program" in told:
            told |= {"evenly_turn": int(self.turn[request]), "evenly_last_turn": int(self.last[request])}
        if trace.deadline is not None and np.isfinite(trace.deadline[request]):
            told["evenly_deadline"] = float(trace.deadline[request])
        told["evenly_output"] = int(trace.output[request])
        found: dict[str, Any] = {"vllm_xargs": told}
        return found if trace.priority is None else found | {"priority": int(trace.priority[request])}


def places(trace: Trace) -> tuple[Ints, Bools]:
    """Return the place of each request in its session, from 0, and whether nobody of the session follows it.

    >>> trace = Trace(np.zeros(3), np.ones(3, np.int64), np.ones(3, np.int64), session=np.array([4, 9, 4]))
    >>> [column.tolist() for column in places(trace)]
    [[0, 0, 1], [False, True, True]]
    """
    count = len(trace)
    turn, last = np.zeros(count, np.int64), np.ones(count, np.bool_)
    if trace.session is None or not count:
        return turn, last
    order = np.argsort(trace.session, kind="stable")
    code = trace.session[order]
    starts = np.flatnonzero(np.diff(code, prepend=code[0] - 1))
    turn[order] = np.arange(count) - np.repeat(starts, np.diff(np.append(starts, count)))
    last[order[:-1]] = code[1:] != code[:-1]
    return turn, last
