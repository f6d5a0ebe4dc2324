"""Brakes of a row of processes with and without POLCA, fitted to some runs and judged by others."""

import numpy as np

from evenly.cluster.row.caps.ideal import Ideal
from evenly.cluster.row.caps.no_cap import NoCap
from evenly.cluster.row.caps.polca import Polca
from evenly.hosts.row.bench import Bench, workers
from evenly.hosts.row.control import run, training

LEARNT = (2, 3, 4)  # seeds of the runs without caps that budget and thresholds come from
JUDGED = (10, 11, 12, 13, 14)  # seeds of the rounds, whose requests no policy has met
HELD = 0.90  # of the time without caps the row is within its budget
LOWERED = {"low_first": 950.0, "low_second": 400.0, "high_second": 800.0}  # MHz; few workers must save more each


def measure(bench: Bench = Bench()) -> dict[str, float]:  # noqa: B008 a frozen value
    """Return brakes a round and how high the power goes, in % of the budget, and requests over those without caps.

    Both policies meet the same requests in a round, in turn. `free` and `held` are means over the rounds, `_least` and
    `_most` the extremes.
    """
    with workers(bench) as board:
        seen = np.concatenate([run(bench, Ideal(), np.inf, seed, board).samples for seed in LEARNT])
        budget = float(np.quantile(seen, HELD))
        cap = Polca(first=None, second=None, **LOWERED).fit(training(bench, seen, budget))
        rounds = [[run(bench, policy, budget, seed, board) for policy in (NoCap(), cap)] for seed in JUDGED]
    figures: dict[str, float] = {"first": 100 * (cap.first or 0.0), "second": 100 * (cap.second or 0.0)}
    for name, runs in zip(("free", "held"), zip(*rounds, strict=True), strict=True):
        brakes, peaks = [one.brakes for one in runs], [100 * float(one.samples.max()) / budget for one in runs]
        figures |= {name: float(np.mean(brakes)), f"{name}_least": min(brakes), f"{name}_most": max(brakes)}
        figures |= {f"{name}_peak": float(np.mean(peaks)), f"{name}_peak_most": max(peaks)}
    answered = [held.answered / max(1, free.answered) for free, held in rounds]
    return figures | {
        "answered": float(np.mean(answered)), "answered_least": min(answered), "answered_most": max(answered)
    }  # fmt: skip


def main() -> None:
    """Print what this machine shows."""
    for name, value in measure().items():
        print(f"{name:16} {value:.4g}")


if __name__ == "__main__":
    main()
