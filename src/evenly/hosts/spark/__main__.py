"""Compare, on this machine: `python -m evenly.hosts.spark [--rounds N] [--record FOLDER]`."""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from evenly.hosts.shared_jobs import write
from evenly.hosts.spark.java import java
from evenly.hosts.spark.measure import HEAVY, LIGHT, QUEUES, Measured, figures, measure


def main() -> None:
    """Print the responses of a light user beside a heavy one, real and simulated, and keep the records if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each queue (default 5)")
    parser.add_argument("--record", type=Path, help="folder for a record of each run, which scenarios can read")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds is at least 1, not {options.rounds}")
    with tempfile.TemporaryDirectory() as folder:
        java(Path(folder))
        runs = measure(options.rounds)
    if options.record:
        options.record.mkdir(parents=True, exist_ok=True)
        for k, run in enumerate(runs):
            write(options.record / f"{run.queue}-{k // len(QUEUES)}.jsonl", run.records)
    print("\n".join(table(runs)))
    found = figures(runs)
    print(f"the light user waits {found['gain']:.1f} times less under uwfq than under fifo")
    print(f"the simulator misses a mean by at most {found['off']:.0f}%, and reverses {found['reversed']:.0f} pairs")


def table(runs: list[Measured]) -> list[str]:
    """Return lines: mean response in seconds by queue and user, least and greatest of the rounds, and simulated."""
    lines = [f"{'':6}{'light user':>22}{'heavy user':>22}{'all':>22}{'simulated':>22}{'ratio':>7}"]
    for name in QUEUES:
        mine = [run for run in runs if run.queue == name]
        columns = [[run.mean(user) for run in mine] for user in (LIGHT, HEAVY, "")]
        columns.append([run.mean(predicted=True) for run in mine])
        ratio = np.mean(columns[3]) / np.mean(columns[2])
        lines.append(f"{name:6}" + "".join(f"{spread(column):>22}" for column in columns) + f"{ratio:7.2f}")
    return lines


def spread(values: list[float]) -> str:
    """Return a mean and its extremes."""
    return f"{np.mean(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
