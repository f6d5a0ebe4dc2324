"""What was published of a function platform: quantiles and shares, read once."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.special import ndtri

from evenly.core import Floats

FILE = Path(__file__).parent / "data" / "regions.yaml"
REGIONS = ("R1", "R2", "R3", "R4", "R5", "all")
PARTS = ("allocation", "code", "dependency", "scheduling")
"What a cold start is made of, in this order; their sum is its time."
FAR = 3.0  # standard normal score beyond which nothing is drawn: one in 740 on either side


@cache
def tables() -> dict[str, Any]:
    """Return the published tables, as they stand in the data file."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def invert(levels: Sequence[float], values: Sequence[float], shares: Floats) -> Floats:
    """Return the quantiles at `shares`, each in (0, 1), from the positive `values` at `levels`.

    Between them logarithms are straight lines over the scores of the normal distribution, which a lognormal law is
    everywhere; the first and the last line go on to a score of 3.

    >>> invert([0.25, 0.5, 0.75], [1.0, 2.0, 4.0], np.array([0.25, 0.5, 0.75])).round(6)
    array([1., 2., 4.])
    """
    scores, logs = ndtri(np.asarray(levels)), np.log(np.asarray(values, np.float64))
    asked = np.clip(ndtri(shares), -FAR, FAR)
    left = np.clip(np.searchsorted(scores, asked) - 1, 0, len(scores) - 2)
    slope = np.diff(logs) / np.diff(scores)
    return np.asarray(np.exp(logs[left] + slope[left] * (asked - scores[left])))


def shares(of: str, what: str) -> dict[str, float]:
    """Return the shares of `runtimes`, `triggers` or `sizes` by name: of cold starts (`colds`) or of `functions`.

    >>> round(shares("triggers", "colds")["TIMER-A"], 2)
    0.31
    """
    found = {name: float(entry[what]) for name, entry in tables()[of].items()}
    whole = sum(found.values())
    return {name: value / whole for name, value in found.items()}
