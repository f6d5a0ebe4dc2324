"""Fit the cost model to what a warm-up measured."""

from collections.abc import Sequence

import numpy as np

from evenly.core import Floats
from evenly.offload.costs import Costs

LEAST = 1e-9  # seconds that a fitted cost has at least


def fitted(cpu: Sequence[tuple[bool, int, float]], device: Sequence[float], link: Sequence[float]) -> Costs:
    """Return the costs that samples of a machine come closest to; what else a layer takes is left at 0.

    `cpu` has for each expert whether it was the first of its layer, its tokens, and seconds; `device` and `link` have
    seconds of experts and of transfers. Experts on the CPU are fitted by least absolute deviations, the others by their
    median, so that a pause of the machine does not count. Raises `ValueError` if a side has no sample.

    >>> fitted([(True, 1, 3.0), (False, 1, 1.0), (False, 4, 4.0), (True, 2, 4.0)], [0.5], [2.0])
    Costs(transfer=2.0, device=0.5, first=2.0, token=1.0, other=0.0)
    """
    if not (len(cpu) and len(device) and len(link)):
        raise ValueError(f"a warm-up measures every side: {len(cpu)}, {len(device)} and {len(link)} samples")
    rows = np.array([(first, tokens) for first, tokens, _ in cpu], np.float64)
    seconds = np.array([taken for _, _, taken in cpu])
    first, token = _line(rows, seconds)
    return Costs(
        transfer=max(LEAST, float(np.median(link))),
        device=max(LEAST, float(np.median(device))),
        first=max(0.0, first),
        token=max(LEAST, token),
        other=0.0,
    )


def _line(rows: Floats, seconds: Floats, rounds: int = 20) -> tuple[float, float]:
    """Return the coefficients of least absolute deviation, by weighted least squares that are repeated."""
    weight: Floats = np.ones(len(seconds))
    found: Floats = np.zeros(2)
    for _ in range(rounds):
        root = np.sqrt(weight)
        found = np.asarray(np.linalg.lstsq(rows * root[:, None], seconds * root, rcond=None)[0], np.float64)
        weight = np.asarray(1.0 / np.maximum(np.abs(seconds - rows @ found), 1e-3 * seconds.mean()))
    first, token = (float(f"{value:.9g}") for value in found)
    return first, token
