"""How much of the prompts an endless prefix cache would save."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Bools, Ints, Trace


@dataclass(frozen=True, slots=True)
class Reuse:
    """What requests share with earlier ones, if nothing is ever forgotten."""

    blocks: float
    "Share of all prompt blocks that came up before, 0 to 1."
    tokens: float
    "Share of all prompt tokens in such blocks, 0 to 1."
    requests: float
    "Share of requests with at least one such block, 0 to 1."
    distinct: int
    "Blocks that a cache must hold to keep everything."


def seen_before(ids: Ints) -> Bools:
    """Tell for each block, in order of arrival, whether its id came up earlier.

    >>> seen_before(np.array([7, 8, 7, 9])).tolist()
    [False, False, True, False]
    """
    seen = np.ones(len(ids), bool)
    seen[np.unique(ids, return_index=True)[1]] = False
    return seen


def reuse(trace: Trace) -> Reuse | None:
    """Return the reuse of an ideal prefix cache; `None` for a trace without prefixes.

    Ids are cumulative, so a known block has a known prefix. A last block of a prompt may be partial: it counts as one
    block and as the tokens that it holds. Blocks without an id are new.

    >>> from evenly.core import Prefixes
    >>> prefixes = Prefixes(np.array([0, 2, 5]), np.array([1, 2, 1, 2, 3]), 10)
    >>> reuse(Trace(np.array([0.0, 1.0]), np.array([20, 25]), np.array([1, 1]), prefixes=prefixes))
    Reuse(blocks=0.4, tokens=0.4444444444444444, requests=0.5, distinct=3)
    """
    if trace.prefixes is None or len(trace.prefixes.ids) == 0:
        return None
    block, offsets = trace.prefixes.block, trace.prefixes.offsets
    seen = seen_before(trace.prefixes.ids)
    before = np.concatenate(([0], np.cumsum(seen)))
    hits = before[offsets[1:]] - before[offsets[:-1]]
    total = np.maximum(-(-trace.prompt // block), np.diff(offsets))
    tokens = np.minimum(hits * block, trace.prompt)
    return Reuse(
        float(hits.sum() / total.sum()),
        float(tokens.sum() / max(int(trace.prompt.sum()), 1)),
        float((hits > 0).mean()),
        int(len(seen) - seen.sum()),
    )
