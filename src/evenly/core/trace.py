"""A trace: requests that arrive, one column a property."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from evenly.core.types import Array, Bools, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Prefixes:
    """Which leading blocks of tokens requests share.

    Request `i` owns `ids[offsets[i]:offsets[i + 1]]`. Ids are cumulative: equal ids mean equal tokens from the
    start of the prompt up to and including that block. The last block may be partial.
    """

    offsets: Ints
    "Where each request's ids begin; one longer than the trace."
    ids: Ints
    "Identity of each block of the prompt."
    block: int
    "Tokens in one block."

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ValueError(f"a prefix block holds at least one token, not {self.block}")
        if len(self.offsets) == 0 or self.offsets[-1] != len(self.ids):
            raise ValueError(f"prefix offsets must end at {len(self.ids)}, the number of ids")

    def take(self, index: Ints) -> "Prefixes":
        """Return the prefixes of the requests in `index`, in that order."""
        lengths = np.diff(self.offsets)[index]
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        start = np.repeat(self.offsets[:-1][index] - offsets[:-1], lengths)
        return Prefixes(offsets, self.ids[start + np.arange(offsets[-1])], self.block)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Requests in order of arrival; a column that a trace does not know is `None`.

    A request with `after[i] = j >= 0` belongs to a conversation or program: it arrives `pause[i]` seconds after
    request `j` ends, and its `arrival` only orders the trace (a lower bound). Other requests arrive at `arrival`.

    >>> trace = Trace(arrival=np.array([0.0, 1.5]), prompt=np.array([100, 20]), output=np.array([5, 7]))
    >>> len(trace), int(trace.tokens.sum())
    (2, 132)
    """

    arrival: Floats
    "Seconds from the start of the trace, not decreasing."
    prompt: Ints
    "Input tokens, at least 1."
    output: Ints
    "Output tokens, at least 1 (0 only where `failed`)."
    user: Ints | None = None
    "Code of the user or tenant."
    session: Ints | None = None
    "Code of the conversation or program; -1 for a single request."
    priority: Ints | None = None
    "Lower is more urgent."
    after: Ints | None = None
    "Index of the request that must end first; -1 for none."
    pause: Floats | None = None
    "Seconds between that end and this arrival."
    tool: Ints | None = None
    "Code of what the program does after the request, in its pause; -1 for nothing."
    deadline: Floats | None = None
    "Seconds after its arrival in which the answer is due; infinite for none."
    failed: Bools | None = None
    "Requests that the source recorded as failures; never sent to an engine."
    prefixes: Prefixes | None = None
    "Shared leading blocks, from traces that carry hash ids."
    extra: Mapping[str, Array] = field(default_factory=dict)
    "Columns of the source that evenly does not interpret."
    origin: str = ""
    "Where the trace comes from, for reports."

    def __post_init__(self) -> None:
        for name, column in self.columns().items():
            if len(column) != len(self.arrival):
                raise ValueError(f"column '{name}' has {len(column)} rows, arrival has {len(self.arrival)}")
        if self.prefixes is not None and len(self.prefixes.offsets) != len(self.arrival) + 1:
            raise ValueError(f"prefixes cover {len(self.prefixes.offsets) - 1} requests of {len(self.arrival)}")
        if np.any(np.diff(self.arrival) < 0):
            raise ValueError("arrivals must not decrease; sort the trace first")

    def __len__(self) -> int:
        return len(self.arrival)

    @property
    def tokens(self) -> Ints:
        """Prompt plus output tokens of each request."""
        return self.prompt + self.output

    @property
    def span(self) -> float:
        """Seconds between the first and the last arrival."""
        return float(self.arrival[-1] - self.arrival[0]) if len(self) else 0.0

    def columns(self) -> dict[str, Array]:
        """Return every known per-request column by name, the extra ones included."""
        known = {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if f.name not in ("prefixes", "extra", "origin") and getattr(self, f.name) is not None
        }
        return known | dict(self.extra)

    def take(self, index: Ints) -> "Trace":
        """Return the requests in `index`, in that order.

        Raises `ValueError` if a request is kept whose predecessor is dropped.
        """
        after = self.after
        if after is not None:
            place = np.full(len(self) + 1, -2, np.int64)
            place[index] = np.arange(len(index))
            place[-1] = -1
            after = place[after[index]]
            if np.any(after == -2):
                raise ValueError("a request is kept whose earlier turn is dropped; keep whole sessions")
        known: dict[str, Any] = {
            name: column[index] for name, column in self.columns().items() if name not in self.extra
        }
        if after is not None:
            known["after"] = after
        return replace(
            self,
            **known,
            prefixes=self.prefixes.take(index) if self.prefixes is not None else None,
            extra={name: column[index] for name, column in self.extra.items()},
        )
