"""Service-level objectives, their attainment, and goodput."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from evenly.core import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Slo:
    """Limits that a request must keep, all of those that are given.

    >>> slo = Slo(ttft=1.0, tpot=0.1)
    >>> slo.met(ttft=np.array([0.5, 2.0, 1.0]), e2e=np.array([1.4, 2.5, 1.0]), output=np.array([10, 10, 1]))
    array([ True, False,  True])
    """

    ttft: float | None = None
    "Seconds from arrival to the first token."
    tpot: float | None = None
    "Seconds for each token after the first, mean of the request."
    tbt: float | None = None
    "Seconds between two tokens, the longest gap of the request."
    e2e: float | None = None
    "Seconds from arrival to the last token."

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"the limit of {limit.name} is a positive number of seconds, not {value}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read limits in milliseconds, as vLLM's `--goodput` takes them.

        Raises `ValueError` for an unknown or repeated limit and for anything that is no number.

        >>> Slo.parse("ttft:3000 tpot:50")
        Slo(ttft=3.0, tpot=0.05, tbt=None, e2e=None)
        """
        known = [limit.name for limit in fields(cls)]
        limits: dict[str, float] = {}
        for part in text.split():
            name, colon, number = part.partition(":")
            if not colon or name not in known:
                raise ValueError(f"no limit '{part}'; write NAME:MILLISECONDS with a name among {', '.join(known)}")
            if name in limits:
                raise ValueError(f"the limit of {name} appears twice in '{text}'")
            try:
                limits[name] = float(number) / 1e3
            except ValueError:
                raise ValueError(f"'{number}' in '{part}' is no number of milliseconds") from None
        return cls(**limits)

    def __str__(self) -> str:
        """Write the limits as `parse` reads them."""
        given = [(limit.name, getattr(self, limit.name)) for limit in fields(self)]
        return " ".join(f"{name}:{value * 1e3:.12g}" for name, value in given if value is not None)

    def met(self, ttft: Floats, e2e: Floats, output: Ints, worst_gap: Floats | None = None) -> Bools:
        """Tell which requests kept every limit; times in seconds, one entry a request.

        A request that never ended has a NaN `e2e` and keeps nothing. One of a single token has no gap, so it cannot
        break `tpot` and `tbt`. Raises `ValueError` if `tbt` is limited and `worst_gap` is not given.
        """
        good = np.isfinite(e2e) & np.isfinite(ttft)
        if self.ttft is not None:
            good &= ttft <= self.ttft
        if self.e2e is not None:
            good &= e2e <= self.e2e
        if self.tpot is not None:
            good &= (output <= 1) | (tpot(ttft, e2e, output) <= self.tpot)
        if self.tbt is not None:
            if worst_gap is None:
                raise ValueError("a limit of tbt needs the longest gap of each request")
            good &= (output <= 1) | (worst_gap <= self.tbt)
        return np.asarray(good, np.bool_)


def tpot(ttft: Floats, e2e: Floats, output: Ints) -> Floats:
    """Return the mean seconds for each token after the first; NaN for requests of one token.

    >>> tpot(np.array([0.5, 0.5]), np.array([1.4, 0.5]), np.array([10, 1]))
    array([0.1, nan])
    """
    mean = np.full(len(output), np.nan)
    np.divide(e2e - ttft, output - 1, out=mean, where=output > 1)
    return mean


def attainment(met: Bools) -> float:
    """Return the share of requests that met their objective; NaN if there are none.

    >>> attainment(np.array([True, False, True, True]))
    0.75
    """
    return float(np.mean(met)) if len(met) else float("nan")


def goodput(met: Bools, seconds: float) -> float:
    """Return requests a second that met their objective; NaN if no time passes.

    >>> goodput(np.array([True, False, True, True]), seconds=2.0)
    1.5
    """
    return float(np.count_nonzero(met)) / seconds if seconds > 0 else float("nan")
