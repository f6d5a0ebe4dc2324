"""The delay between a client and the scheduler: HTTP, tokenising, streaming."""

from collections.abc import Mapping

import numpy as np

from evenly.core import Array, Floats
from evenly.hardware.calibration.steps import Steps

NEAR = (
    0.1  # seconds between the begin of a spell at the client and at the engine, when one clock is laid over the other
)
ANCHORS = 500  # busy spells of the engine that may be the first of the replay; those before belong to something else


def delivery(steps: Steps, items: Mapping[str, Array], name: str) -> tuple[float, int]:
    """Return the seconds that a request spends outside all passes, and over how many busy spells they were measured.

    A spell is a stretch in which the client always had a request under way. The engine's part of it lasts from its
    first pass to the end of its last one; what is left is the way there and back. The median over all spells is
    returned. The clocks of both are laid over each other so that as many spells as possible begin together.

    Raises `ValueError` if the replay called `name` got no answer.
    """
    client = spells(items["arrival"], items["finish"])
    idle = np.concatenate(([True], steps.running[:-1] == 0))
    starts = steps.begin[idle]
    ends = np.append(steps.done[np.flatnonzero(idle)[1:] - 1], steps.done[-1])
    if len(client) == 0:
        raise ValueError(f"{name}: no request was answered; a replay without answers tells no delay")
    anchors = [_anchored(client, starts, anchor) for anchor in starts[:ANCHORS]]
    inside = max(anchors, key=lambda found: int(found[2].sum()))
    first, last, known = inside
    if not known.any():
        return 0.0, 0
    rest = (client[known, 1] - client[known, 0]) - (ends[last[known]] - starts[first[known]])
    return max(0.0, float(np.median(rest))), int(known.sum())


def spells(start: Floats, finish: Floats) -> Floats:
    """Return begin and end of each stretch in which a request was under way; those that never ended are left out.

    >>> spells(np.array([0.0, 1.0, 5.0]), np.array([2.0, 3.0, 6.0])).tolist()
    [[0.0, 3.0], [5.0, 6.0]]
    """
    done = np.isfinite(finish) & np.isfinite(start)
    order = np.argsort(start[done], kind="stable")
    begins, until = start[done][order], np.maximum.accumulate(finish[done][order])
    fresh = np.concatenate(([True], begins[1:] > until[:-1]))[: len(begins)]
    ends = np.append(until[np.flatnonzero(fresh)[1:] - 1], until[-1:])
    return np.column_stack([begins[fresh], ends])


def _anchored(client: Floats, starts: Floats, anchor: float) -> tuple[Array, Array, Array]:
    """Return first and last busy spell of the engine in each of the client's, if the first of both begin together."""
    begin = client[:, 0] + anchor - client[0, 0]
    after = np.clip(np.searchsorted(starts, begin), 1, max(1, len(starts) - 1))
    near = after - (np.abs(starts[after - 1] - begin) <= np.abs(starts[after % len(starts)] - begin))
    last = np.searchsorted(starts, begin + client[:, 1] - client[:, 0]) - 1
    return near, np.maximum(last, 0), (np.abs(starts[near] - begin) <= NEAR) & (last >= near)
