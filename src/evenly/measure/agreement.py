"""How far simulated requests are from measured ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evenly.core import Array, Floats
from evenly.measure.slo import tpot

SHARES = (0.5, 0.9, 0.99)
MEDIAN_BAND = 0.1  # relative error of medians and throughput that counts as agreement
AIM = 0.05  # and the one that is aimed at
TAIL_BAND = 0.2  # that of the upper quantiles
TIMES = ("ttft", "tpot", "e2e")


@dataclass(frozen=True, slots=True)
class Agreement:
    """One figure of one load, simulated and measured."""

    figure: str
    "`ttft`, `tpot`, `e2e` in seconds, `throughput` in requests a second, `token_rate` in output tokens a second."
    share: float | None
    "Quantile, for instance 0.99; `None` for rates."
    simulated: float
    measured: float
    "Mean over the runs."
    spread: float
    "Largest less smallest of the runs, over their mean; NaN for one run."
    band: float
    "Relative error that counts as agreement."

    @property
    def error(self) -> float:
        """Simulated over measured, less 1; NaN where nothing was measured."""
        return self.simulated / self.measured - 1.0 if self.measured > 0 else float("nan")

    @property
    def inside(self) -> bool:
        """Whether the error lies in the band; an unknown one does not."""
        return abs(self.error) <= self.band

    @property
    def name(self) -> str:
        """The figure and its quantile.

        >>> Agreement("ttft", 0.99, 1.0, 1.0, 0.0, 0.2).name
        'ttft p99'
        """
        return self.figure if self.share is None else f"{self.figure} p{100 * self.share:g}"


def agreements(simulated: Mapping[str, Array], measured: Sequence[Mapping[str, Array]]) -> list[Agreement]:
    """Return every figure of simulated requests beside that of one or several measured runs of the same requests.

    Columns are `arrival`, `first_token`, `finish` (NaN if it failed) and `output`, a row a request in one order. What
    any run failed to answer is left out of all latencies. Raises `ValueError` if runs differ in their requests.
    """
    counts = {len(run["arrival"]) for run in (simulated, *measured)}
    if len(counts) != 1:
        raise ValueError(f"the runs have {sorted(counts)} requests; compare runs of one trace")
    done = np.all([np.isfinite(run["finish"]) for run in (simulated, *measured)], axis=0)
    own, others = _figures(simulated, done), [_figures(run, done) for run in measured]
    found = []
    for key, value in own.items():
        values = np.array([other[key] for other in others])
        mean = float(values.mean())
        spread = float(np.ptp(values)) / mean if len(values) > 1 and mean > 0 else float("nan")
        band = TAIL_BAND if (key[1] or 0.0) > SHARES[0] else MEDIAN_BAND
        found.append(Agreement(key[0], key[1], value, mean, spread, band))
    return found


def _figures(run: Mapping[str, Array], done: Array) -> dict[tuple[str, float | None], float]:
    arrival, first, finish, output = (run[name][done] for name in ("arrival", "first_token", "finish", "output"))
    pace = tpot(first - arrival, finish - arrival, output)
    columns: dict[str, Floats] = {"ttft": first - arrival, "tpot": pace[output > 1], "e2e": finish - arrival}
    found: dict[tuple[str, float | None], float] = {
        (name, share): float(np.quantile(times, share)) if len(times) else float("nan")
        for name, times in columns.items()
        for share in SHARES
    }
    seconds = float(finish.max() - arrival.min()) if len(finish) else float("nan")
    found["throughput", None] = len(finish) / seconds if seconds > 0 else float("nan")
    found["token_rate", None] = float(output.sum()) / seconds if seconds > 0 else float("nan")
    return found
