"""Cost models fitted to the step times that a training measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.core import Floats, Ints
from evenly.core.document import unstructure
from evenly.train.batches.efforts import Effort
from evenly.train.batches.efforts.quadratic import Quadratic
from evenly.train.batches.efforts.tokens import Tokens

LEAST = 4  # micro-batches, one more than there are coefficients


@dataclass(frozen=True, slots=True)
class Fit:
    """A cost model, and how well it meets the times that it was fitted to."""

    effort: Effort
    "Seconds of each sequence."
    overhead: float
    "Seconds of a micro-batch beside its sequences."
    error: float
    "Mean absolute difference from the measured seconds, as a share of their mean."
    count: int
    "Micro-batches that were measured."


def fit(lengths: Sequence[Ints], seconds: Floats) -> Fit:
    """Return the cost that fits best: overhead + a sum n + b sum n², least squares, no coefficient below zero.

    `lengths` are the sequences of each micro-batch, `seconds` its measured time, without any wait for other ranks.
    Micro-batches weigh alike, however long they are. Raises `ValueError` for fewer than four, for times that are no
    positive numbers, and where nothing grows with the tokens.

    >>> sequences = [np.array([10]), np.array([20]), np.array([30]), np.array([10, 20])]
    >>> found = fit(sequences, np.array([1.0, 2.0, 3.0, 3.0]))
    >>> round(found.effort.token, 9), round(found.overhead, 9), round(found.error, 9)
    (0.1, 0.0, 0.0)
    """
    if len(lengths) != len(seconds):
        raise ValueError(f"lengths and seconds have an entry a micro-batch each, not {len(lengths)} and {len(seconds)}")
    if len(seconds) < LEAST:
        raise ValueError(f"a fit takes at least {LEAST} micro-batches, not {len(seconds)}")
    if not np.all(np.isfinite(seconds) & (seconds > 0)):
        raise ValueError("seconds are positive numbers; leave out micro-batches that were not measured")
    rows = np.array([(1.0, part.sum(), (part.astype(np.float64) ** 2).sum()) for part in lengths])
    found = _weights(rows, seconds)
    if found[1] <= 0:  # noise can hide the tokens behind their squares
        found = np.append(_weights(rows[:, :2], seconds), 0.0)
    overhead, token, square = found.tolist()
    if token <= 0:
        raise ValueError("seconds do not grow with the tokens; measure micro-batches that differ more in length")
    error = float(np.abs(rows @ found - seconds).mean() / seconds.mean())
    effort = Quadratic(token, max(1, round(token / square))) if square > 0 else Tokens(token)
    return Fit(effort, overhead, error, len(seconds))


def unseen(lengths: Sequence[Ints], seconds: Floats) -> float:
    """Return the error on micro-batches that a fit has not seen: each half foretold by the other, odd and even lines.

    Mean absolute difference as a share of the mean, as `Fit.error`; NaN where a half is too little for a fit.
    """
    off = 0.0
    for half in range(2):
        try:
            known = fit(lengths[half::2], seconds[half::2])
        except ValueError:
            return float("nan")
        others = lengths[1 - half :: 2]
        foretold = np.array([known.overhead + known.effort.seconds(part).sum() for part in others])
        off += float(np.abs(foretold - seconds[1 - half :: 2]).sum())
    return off / float(seconds.sum())


def entries(found: Fit) -> dict[str, Any]:
    """Return the entries of a scenario of kind `batches` that stand for a fit, six digits each.

    >>> entries(Fit(Tokens(1.23456789e-5), 0.0, 0.01, 40))
    {'cost': {'use': 'tokens', 'token': 1.23457e-05}, 'overhead': 0.0}
    """
    cost = {key: _short(value) for key, value in unstructure(found.effort).items()}
    return {"cost": cost, "overhead": _short(found.overhead)}


def _short(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _weights(rows: Floats, seconds: Floats) -> Floats:
    """Return the coefficients, none below zero, whose relative errors have the least squares."""
    from scipy.optimize import nnls

    scale = rows.max(axis=0)
    found, _ = nnls(rows / scale / seconds[:, None], np.ones(len(seconds)))
    return np.asarray(found / scale, np.float64)
