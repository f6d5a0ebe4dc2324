"""What a replay tells the server about each request, in the extra fields of the API."""

import secrets
from typing import Any

import numpy as np

from evenly.core import Trace
from evenly.core.programs import turns

NONE = -1


class Hints:
    """The columns of a trace as fields of a request; a column that the trace does not know is not told.

    All requests carry one `cache_salt`, drawn anew: a replay meets nothing in the prefix cache that another one left.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.turn, self.last = turns(trace)
        self.salt = secrets.token_hex(8)

    def of(self, request: int) -> dict[str, Any]:
        """Return the fields of one request: `vllm_xargs`, `cache_salt`, and `priority` where the trace knows it."""
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
        found: dict[str, Any] = {"vllm_xargs": told, "cache_salt": self.salt}
        return found if trace.priority is None else found | {"priority": int(trace.priority[request])}
